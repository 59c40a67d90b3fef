"""Norms that are 0/0 at a baseline, from which DeepLIFT can share out no difference.

A norm divides x by a statistic of x, such as its standard deviation. Both are 0 for a baseline of zeros, or often of
any other single number. With a tiny ε in the file, 0/0 is 0, but the multipliers of x and of the statistic are then as
large as 1/√ε, with opposite signs, and what they add up to is lost in their rounding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.errors import NumericalError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array
    from onnxplain.engines.base import Engine, WalkRequest, WalkResult

DIVIDE = ("Reciprocal", "Pow")
"""Operators that divide, once the passes have written all others in terms of them."""

LARGE = 1e4
"""A quotient at the baseline is too large above this number, and above so many times its largest value at the input."""

CANCEL = 100
"""Attributions are looked into where the sum of their magnitudes is so many times the difference that they explain."""

MISSED = 1e-4
"""And where they miss it by more than this share."""


def suspicious(attribution: Array, walked: WalkResult) -> bool:
    """Whether attributions are not finite, or cancel so far that they lose what they add up to."""
    rows = attribution.reshape(len(attribution), -1)
    due = (walked.start * (walked.value - walked.value0)).reshape(len(rows), -1).sum(1, dtype=np.float64)
    sizes, sums = np.abs(rows).sum(1, dtype=np.float64), rows.sum(1, dtype=np.float64)
    lost = (sizes > CANCEL * np.abs(due)) & (np.abs(sums - due) > MISSED * np.abs(due))
    return not (np.isfinite(sizes).all() and np.isfinite(due).all()) or bool(lost.any())


def check_norms(graph: gs.Graph, engine: Engine, request: WalkRequest) -> None:
    """Raise NumericalError for the first norm of a walk that is 0/0 at the baseline; it names the node of `graph`."""
    nodes = {node.recorded: node.name for node, _ in request.plan.steps if node.op.name in DIVIDE}
    sizes = _largest(engine, request.baseline or {}, nodes)
    large = [value for value, size in sizes.items() if not size <= LARGE]
    usual = _largest(engine, request.feeds, large)
    for value in large:
        if not sizes[value] <= LARGE * usual[value]:
            raise NumericalError(
                f"{_known_as(graph, nodes[value])}: 0/0 at the baseline, where its divisor is {1 / sizes[value]:.2g}; "
                "no difference from that can be shared out: give another baseline=, such as a typical input or noise"
            )


def _largest(engine: Engine, feeds: Mapping[str, Array], names: Collection[str]) -> dict[str, float]:
    """Return the largest magnitude of each of some values."""
    found = engine.values(feeds, names) if names else {}
    return {name: float(np.abs(value).max(initial=0)) for name, value in found.items()}


def _known_as(graph: gs.Graph, name: str) -> str:
    """Return operator and name of the node that a node was expanded from, whose name it begins with."""
    known = {node.name: node.op for node in graph.nodes}
    stem = name
    while stem and stem not in known:
        stem = stem.rpartition("/")[0]
    return f"{known[stem]} (node {stem!r})" if stem else f"node {name!r}"
