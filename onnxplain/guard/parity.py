"""Parity: what is explained is what the file computes. The untouched file is run on the first rows to prove it."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from onnxplain.errors import RuntimeRefusalError, UnsupportedModelError, UsageError
from onnxplain.guard.blame import first_difference, refused
from onnxplain.guard.overflow import check_scores_held
from onnxplain.inputs.batch import by_row
from onnxplain.passes.difference import Difference
from onnxplain.passes.verify import Proof

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import Array
    from onnxplain.engines.base import Engine
    from onnxplain.model import Model
    from onnxplain.passes import Canonical

MODES = ("first", "always", "never")
"""When the file is run: for the first rows of each explainer, for all rows of each call, or not at all."""

ROWS = 2
"""The rows that are compared in the mode "first"."""


def known_mode(parity: str) -> str:
    """Return a word of MODES. Raises UsageError for another one."""
    if parity not in MODES:
        raise UsageError(f"parity {parity!r}: expected {', '.join(map(repr, MODES))}")
    return parity


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parity:
    """How far what is explained is from what the file computes, on the rows that were compared.

    output: name of the output that was compared, with the head put back on. rows: their number.
    difference: the largest absolute difference. scores: the largest absolute value that it is seen against.
    tolerance: the share of `scores` up to which a difference counts as rounding; a larger one is refused.
    unproven: why nothing could be compared, such as that onnxruntime does not run the file; None where it was.
    widened: why the file was run with float32 in the place of half precision; None where it was run as it is.
    """

    output: str
    rows: int
    difference: float
    scores: float
    tolerance: float
    unproven: str | None = None
    widened: str | None = None

    @property
    def share(self) -> float:
        """The difference as a share of the largest score."""
        return Difference(self.difference, self.scores).share

    def __str__(self) -> str:
        if self.unproven:
            return f"unproven: {self.unproven}"
        rows = f"{self.rows} row" + "s" * (self.rows != 1)
        said = f"at most {self.difference:.2g} of {self.scores:.3g} in {self.output!r}, {rows} compared with the file"
        return (
            f"{said} in float32, since onnxruntime does not run it as it is: {self.widened}" if self.widened else said
        )


def run_file(model: Model, canonical: Canonical, feeds: Mapping[str, Array]) -> None:
    """Run the file on the first rows of `feeds`, before an engine does; the run is remembered, and `compare` finds it.

    So the weights that the file's session holds are freed before those of the walk are loaded. What fails here fails in
    `compare`, too, which says why.
    """
    first = _cut(canonical, feeds, _compared(model, len(next(iter(feeds.values())))))
    with suppress(RuntimeRefusalError):
        model.file.run(canonical.rows.of_file(first), [canonical.output])


def compare(model: Model, canonical: Canonical, engine: Engine, feeds: Mapping[str, Array], scores: Array) -> Parity:
    """Run the untouched file on the first rows of `feeds`, and compare it with the `scores` of an engine on all rows.

    Raises UnsupportedModelError where they differ by more than rounding, and BadInputError where the file does not run
    on these rows, although the canonical graph does, or has changed since it was loaded.
    """
    rows = _compared(model, len(scores))
    first = _cut(canonical, feeds, rows)
    proof = _proof(model, canonical, engine, first, scores[:rows])
    try:
        found = proof.difference()
    except RuntimeRefusalError as problem:
        if problem.opened:
            raise refused(model, proof.feeds, problem) from problem
        _log.warning("nothing proves that what is explained is what the file computes: %s", problem)
        return Parity(canonical.output, 0, 0.0, 0.0, 0.0, str(problem))
    if not found.small:
        check_scores_held(model, first, proof.scores)
        raise UnsupportedModelError(_message(model, proof, found))
    of_file = canonical.output, len(proof.scores), found.largest, found.scores, found.tolerance
    return Parity(*of_file, widened=found.widened)


def _proof(model: Model, canonical: Canonical, engine: Engine, feeds: Mapping[str, Array], scores: Array) -> Proof:
    """Return the proof that the engine's `scores` of `feeds` are those of the file."""
    laid = as_in_graph(canonical, engine, feeds, scores)
    return Proof(model.file, canonical, canonical.rows.of_file(feeds), laid)


def as_in_graph(canonical: Canonical, engine: Engine, feeds: Mapping[str, Array], scores: Array) -> Array:
    """Return scores [N, C] in the shape in which the graph has them.

    Where the file leaves that open, the engine runs on the feeds, of which the scores are, to find out.
    """
    stated = canonical.graph.outputs[0].shape or ()
    shape = (len(scores), *(n if isinstance(n, int) else -1 for n in stated[1:]))
    if shape.count(-1) > 1 or (-1 not in shape and prod(shape) != scores.size):
        shape = engine.values(feeds, {canonical.scores})[canonical.scores].shape
    return scores.reshape(shape)


def _compared(model: Model, rows: int) -> int:
    """Return how many of so many rows are compared: all where the mode or a batch of a fixed size asks for that."""
    return rows if model.parity == "always" or model.fixed_batch else min(rows, ROWS)


def _cut(canonical: Canonical, feeds: Mapping[str, Array], rows: int) -> dict[str, Array]:
    """Return the feeds of the first rows alone."""
    grows = by_row(canonical, feeds)
    return {name: value[:rows] if name in grows else value for name, value in feeds.items()}


def _message(model: Model, proof: Proof, found: Difference) -> str:
    """Return the message for a difference that is no rounding."""
    where = first_difference(model, proof, found.tolerance)
    return (
        f"the graph that explanations are made with does not compute what the file does: {proof.canonical.output!r} "
        f"differs by up to {found.largest:.3g}, and {found.tolerance:g} of {found.scores:.3g} would be rounding; "
        f'{where}; please report it, with the file; parity="never" explains the graph as it is'
    )
