"""Versions of ONNX's operators: a node of an older opset becomes one, or a few, of the opset that is aimed at.

An operator has a new version where an opset changed it. Each such step from opset 7 on is in exactly one of two tables,
so that no step is taken of which nobody has said what it means:

    UNCHANGED   what the old version allowed means the same in the new one: types were added, or an attribute or an
                input that may be left out
    ADAPTERS    a function rewrites the node

What is in neither is refused by name: steps before opset 7, which no release of onnxruntime runs, and Scan 9, which
took the batch axis away.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from functools import cache
from typing import TYPE_CHECKING

import onnx

from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.versions import inputs, meaning
from onnxplain.graph.versions.early import EARLY
from onnxplain.graph.versions.edit import Around, title
from onnxplain.graph.versions.gone import DROPPED, GONE
from onnxplain.graph.versions.unchanged import UNCHANGED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from onnxplain.graph.naming import Names

    Adapter = Callable[[onnx.NodeProto, Around], None]

OPSET = 24
"""The version of ONNX's operators that models are brought to."""

OLDEST = 7
"""The first opset that onnxruntime supports. Some older operators crash it."""

_REDUCE = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")

ADAPTERS: Mapping[tuple[str, int], Adapter] = {
    **{(op, 13): inputs.axes for op in ("ReduceSum", "Squeeze", "Unsqueeze")},
    **{(f"Reduce{op}", 18): inputs.axes for op in _REDUCE},
    ("Slice", 10): inputs.bounds,
    ("Pad", 11): inputs.pads,
    ("Clip", 11): inputs.limits,
    ("Split", 13): inputs.sizes,
    ("Split", 18): inputs.parts,
    ("TopK", 10): inputs.count,
    ("Upsample", 9): inputs.scales,
    ("DFT", 20): inputs.axis,
    **{(op, 13): meaning.rows for op in ("Softmax", "LogSoftmax", "Hardmax")},
    ("Upsample", 10): meaning.upsample,
    ("Resize", 11): meaning.sampling,
    ("GroupNormalization", 21): meaning.groups,
    ("BatchNormalization", 9): meaning.spatial,
    ("BatchNormalization", 14): meaning.inference,
    ("Dropout", 10): meaning.zeros,
    ("Dropout", 12): meaning.nothing_kept,
    ("RoiAlign", 16): meaning.shift,
    ("GridSample", 20): meaning.mode,
    ("Scatter", 11): meaning.scatter,
}
"""By operator and the opset that changed it, what brings a node to that version."""


@cache
def history() -> dict[str, tuple[int, ...]]:
    """Return the opsets that introduced or changed each of ONNX's own operators, in order."""
    found: dict[str, list[int]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "":
            found.setdefault(schema.name, []).append(schema.since_version)
    return {name: tuple(sorted(each)) for name, each in found.items()}


def version(op: str, opset: int) -> int | None:
    """Return the opset that last changed an operator, up to `opset`; None where that opset does not have it."""
    known = history().get(op, ())
    place = bisect_right(known, opset)
    return known[place - 1] if place else None


def adapt(node: onnx.NodeProto, opset: int, target: int, names: Names) -> Around:
    """Bring a node of ONNX's own operators from `opset` to `target`; return the nodes to be put around it.

    Raises `UnsupportedModelError` where it is not known how, and `BadInputError` where an attribute is damaged.
    """
    around = Around(node, names)
    if opset == target:
        return around
    written = version(node.op_type, max(opset, EARLY.get(node.op_type, 0)))
    if written is None:
        _revive(node, opset, around)
        return around
    if written > target:
        raise _refused(node, opset, f"which is newer than that of the model, {target}")
    while (step := _next(node.op_type, written)) <= target:
        adapter = ADAPTERS.get((node.op_type, step))
        if adapter is not None:
            adapter(node, around)
        elif step not in UNCHANGED.get(node.op_type, ()):
            raise _refused(node, opset, _why(step))
        written = step
    if onnx.defs.get_schema(node.op_type, written).deprecated:
        raise _refused(node, opset, "which does not have this operator any more")
    return around


def check_same(node: onnx.NodeProto, opset: int, other: int) -> None:
    """Raise `UnsupportedModelError` where a node of a function's `opset` may mean something else by the `other` one."""
    low, high = sorted((opset, other))
    steps = {each for each in history().get(node.op_type, ()) if low < each <= high}
    if steps - UNCHANGED.get(node.op_type, frozenset()):
        raise UnsupportedModelError(
            f"{title(node)} is in a function of opset {opset}, the model is of opset {other}, and the operator differs "
            f"between them: onnxruntime takes it for that of opset {other}. Exporting the model without functions, or "
            "with one opset for all, would help"
        )


def _next(op: str, written: int) -> int:
    """Return the opset that changed an operator next after `written`; without one, an opset that will never be."""
    known = history()[op]
    place = bisect_right(known, written)
    return known[place] if place < len(known) else sys.maxsize


def _revive(node: onnx.NodeProto, opset: int, around: Around) -> None:
    """Bring a node of an operator that ONNX dropped to today's operators."""
    if node.op_type not in GONE or opset >= DROPPED:
        raise _refused(node, opset, "which does not have this operator")
    GONE[node.op_type](node, around)


def _why(step: int) -> str:
    if step <= OLDEST:
        return f"and onnxruntime runs the operator from opset {OLDEST} on"
    return f"which opset {step} changed, and no conversion of it is known to keep its values"


def _refused(node: onnx.NodeProto, opset: int, why: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"{title(node)} is written for opset {opset}, {why}. Exporting the model again with opset {OPSET} would help"
    )
