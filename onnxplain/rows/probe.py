"""Prove by running the model that its rows are apart, where the operators alone do not tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from onnxplain.errors import RuntimeRefusalError, UnsupportedModelError
from onnxplain.graph.runtime import open_session
from onnxplain.passes.export import detach_weights

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from onnxplain.arrays import Array
    from onnxplain.passes.canonical import Canonical

TOLERANCE = 1e-3
"""Scores of a row count as the same alone and beside another one up to this share of the largest score."""

_KEY = "rows are apart"


def check_apart(canonical: Canonical, feeds: Mapping[str, Array], by_row: Collection[str], fixed: int | None) -> None:
    """Run a row alone and beside another one, and compare its scores; a model is asked once.

    Where the file is fixed to a number of rows, equal rows must have equal scores, and a row that is exchanged must
    have those that it has among its equals, and leave those of the others. Where rows share the scale of their
    integers, and so are explained one at a time, what is compared is what the file computes but for rounding.
    feeds: the arrays of the inputs by name, rows first; by_row: those that have an entry for each row.
    Raises UnsupportedModelError where rows influence one another, or are not the first axis of the scores.
    """
    if canonical.rows.proven or canonical.shared.get(_KEY) is not None:
        return
    first = {name: feeds[name][:1] for name in by_row}
    second = {name: _other(feeds[name]) for name in by_row}
    if all(np.array_equal(first[name], second[name]) for name in by_row):
        return  # two equal rows tell nothing
    fixed = None if canonical.rows.scaled else fixed
    try:
        run = _runner(canonical, feeds)
        apart = are_apart(run, first, second, fixed)
    except RuntimeRefusalError as problem:
        if not problem.opened or not _runs(run, {name: feeds[name] for name in by_row}):
            return  # what is asked for does not run either, and what is at fault is found out then
        raise UnsupportedModelError(
            f"whether its rows are apart cannot be seen: the model does not run with other rows ({problem})"
        ) from problem
    if not apart:
        raise UnsupportedModelError(
            f"the first axis of the scores {canonical.scores!r} does not hold the rows of the input, or a row changes "
            "the scores of another, as runs with other rows beside it show: export the model with a single row"
        )
    canonical.shared.put(_KEY, _Proven())


def are_apart(run: Any, first: Mapping[str, Array], second: Mapping[str, Array], fixed: int | None) -> bool:
    """Whether `run` gives a row the same scores alone and beside another one."""
    if fixed is None:
        alone = [run(first), run(second)]
        return _alike(np.concatenate([each[:1] for each in alone]), run(_joined(first, second, 1)), 2)
    ones, others, mixed = (
        run(_joined(a, b, fixed - 1)) for a, b in ((first, first), (second, second), (second, first))
    )
    equal = all(_alike(np.repeat(each[:1], len(each), 0), each, fixed) for each in (ones, others))
    return equal and _alike(np.concatenate([others[:1], ones[1:]]), mixed, fixed)


def _runs(run: Any, rows: Mapping[str, Array]) -> bool:
    try:
        run(rows)
    except RuntimeRefusalError:
        return False
    return True


class _Proven:
    """What is kept of a model that was found to have its rows apart."""


def _other(value: Array) -> Array:
    """Return another row like the first one: the second, or the first with its elements in reverse order.

    Where that is the same again, floats are moved by 1.
    """
    row = value[:1]
    turned = np.ascontiguousarray(row.reshape(-1)[::-1].reshape(row.shape))
    others = (value[1:2], turned, row + 1 if row.dtype.kind == "f" else row)
    return next((each for each in others if len(each) and not np.array_equal(each, row)), row)


def _joined(first: Mapping[str, Array], rest: Mapping[str, Array], count: int) -> dict[str, Array]:
    """Return a batch of one row `first` and `count` rows `rest`."""
    return {name: np.concatenate([first[name], *[rest[name]] * count]) for name in first}


def _alike(want: Array, found: Array, rows: int) -> bool:
    """Whether both hold the same scores, of this number of rows."""
    if found.shape != want.shape or len(found) != rows:
        return False
    with np.errstate(all="ignore"):
        return bool(np.abs(want - found).max(initial=0) <= TOLERANCE * np.abs(want).max(initial=0))


def _runner(canonical: Canonical, feeds: Mapping[str, Array]) -> Any:
    """Return a function from arrays for each row, by input, to the scores; other inputs are as in `feeds`."""
    scaled = canonical.rows.scaled
    model, weights = detach_weights(canonical.graph, rounded=not scaled)
    if scaled:
        for each in model.graph.input:
            each.type.tensor_type.ClearField("shape")  # which states one row
    del model.graph.output[:]
    model.graph.output.append(onnx.ValueInfoProto(name=canonical.scores))
    session = open_session(model, weights)

    def run(rows: Mapping[str, Array]) -> Array:
        given = {name: value for name, value in {**feeds, **rows}.items() if name in session.inputs}
        scores = np.asarray(session.run(None, given)[0])
        return scores if scores.ndim else scores[np.newaxis]

    return run
