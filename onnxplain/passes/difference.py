"""How far two outputs of a model are apart: what its canonical graph computes, and what its file does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from onnx import helper

from onnxplain.graph.half import halves
from onnxplain.graph.runtime import CPU, Session, onnxruntime

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx

    from onnxplain.arrays import Array
    from onnxplain.passes.canonical import Canonical

SINGLE, HALF = 1e-4, 1e-3
"""A difference counts as rounding up to this share of the largest score. HALF is for files that hold anything in half
precision, SINGLE for all others.
"""

_KNOWN = {
    ("Softmax", SINGLE): (1e-30, 1.0),
    ("Softmax", HALF): (1e-3, 1.0),
    ("Sigmoid", SINGLE): (1e-2, 1 - 1e-2),
    ("Sigmoid", HALF): (1e-1, 1 - 1e-1),
}
"""Between which probabilities their logarithm is known. A sigmoid is exact to about 1e-7, whatever its value; the small
ones of a softmax are exact to as many digits as the large ones.
"""


class Difference(NamedTuple):
    """How far a canonical graph is from its model.

    largest: the largest absolute difference between their outputs; scores: the largest absolute value of a score;
    tolerance: a difference counts as rounding up to this share of `scores`.
    widened: why the file was run in float32, where onnxruntime does not run its half precision; else None.
    """

    largest: float
    scores: float
    tolerance: float = SINGLE
    widened: str | None = None

    @property
    def share(self) -> float:
        """The difference as a share of the largest score; infinite where only the difference is not 0."""
        if self.largest == 0:
            return 0.0
        return self.largest / self.scores if self.scores > 0 else float("inf")

    @property
    def small(self) -> bool:
        """Whether the difference may be rounding; NaN is never small."""
        return self.share <= self.tolerance


def tolerance(proto: onnx.ModelProto) -> float:
    """Return HALF or SINGLE, as the types say that the file holds."""
    return HALF if halves(proto) else SINGLE


def with_head(canonical: Canonical, scores: Array, feeds: Mapping[str, Any]) -> Any:
    """Return what the head of a model makes of its scores: the output that is deployed.

    scores: in the shape in which the graph has them. feeds: the inputs; a head may read one, such as a threshold.
    """
    values = {**feeds, **canonical.fixed, canonical.scores: scores}
    for head in canonical.heads:
        values |= run(head, values)
    return values[canonical.output]


def differ(canonical: Canonical, scores: Array, ours: Any, theirs: Any, allowed: float = SINGLE) -> Difference:
    """Return how far the output `ours` is from that of the file.

    Numbers, labels included, differ by their distance, texts by 0 or 1. Probabilities of a final softmax or sigmoid
    differ by their logarithms too, in units of the largest score: in float32 many a wrong score rounds to the
    probability 1.
    """
    a, b = as_numbers(ours, theirs)
    if a.shape != b.shape:
        return Difference(float("inf"), 1.0, allowed)
    found = Difference(distance(a, b), float(np.abs(b[np.isfinite(b)]).max(initial=0.0)), allowed)
    pairs = _logarithms(canonical, a, b, allowed) if a.size == scores.size else None
    if pairs is None:
        return found
    largest = float(np.abs(scores).max(initial=1.0))
    return max(found, Difference(distance(*pairs), largest, allowed), key=lambda each: each.share)


def resolves(canonical: Canonical, theirs: Any) -> bool:
    """Return whether an output of the file tells the scores apart that it was made of.

    A label does not, nor do probabilities that are all rounded to 0 and 1.
    """
    values = as_numbers(theirs, theirs)[1]
    if not isinstance(theirs, list) and np.asarray(theirs).dtype.kind != "f":
        return False
    op = _activation(canonical)
    if op is None or ((values < 0) | (values > 1 + SINGLE)).any():
        return True
    least, most = _KNOWN[op, SINGLE]
    return bool(((values > least) & (values < most)).any())


def as_numbers(ours: Any, theirs: Any) -> tuple[Array, Array]:
    """Return two outputs as flat arrays in float64; of texts, zeros and whether they differ."""
    if isinstance(theirs, list):  # a ZipMap gives one map per row
        ours, theirs = ([[row[key] for key in sorted(row)] for row in each] for each in (ours, theirs))
    a, b = np.asarray(ours).ravel(), np.asarray(theirs).ravel()
    if a.dtype.kind in "OUS" or b.dtype.kind in "OUS":
        b = a.astype(str) != b.astype(str) if a.shape == b.shape else b.astype(str) != ""
        a = np.zeros(a.shape)
    return a.astype(np.float64), b.astype(np.float64)


def distance(a: Array, b: Array) -> float:
    """Return the largest distance of two arrays; 0 where both are the same infinity or both NaN."""
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(a - b))
    return float(np.where(np.isnan(apart), np.inf, apart).max(initial=0.0))


def _logarithms(canonical: Canonical, a: Array, b: Array, allowed: float) -> tuple[Array, Array] | None:
    """Return log p of both sides behind a softmax, log p/(1-p) behind a sigmoid, where it is known; else None."""
    op = _activation(canonical)
    if op is None or any(each.startswith("QuantizeLinear") for each in canonical.cut):
        return None
    if min(a.min(initial=0.0), b.min(initial=0.0)) < 0 or max(a.max(initial=0.0), b.max(initial=0.0)) > 1 + SINGLE:
        return None  # something behind the head made other numbers of the probabilities
    a, b = (each.clip(*_KNOWN[op, allowed]) for each in (a, b))
    return (np.log(a), np.log(b)) if op == "Softmax" else (np.log(a / (1 - a)), np.log(b / (1 - b)))


def _activation(canonical: Canonical) -> str | None:
    """Return "Softmax" or "Sigmoid" where the head begins with it, else None."""
    op = canonical.cut[0].split()[0] if canonical.cut else None
    return op if op in ("Softmax", "Sigmoid") else None


def run(model: onnx.ModelProto, given: Mapping[str, Any], *, optimised: bool = False) -> dict[str, Any]:
    """Return all outputs by name. Inputs are cast to the dtypes of the model."""
    levels = onnxruntime().GraphOptimizationLevel
    level = levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
    session = Session(model.SerializeToString(), [CPU], graph_optimization_level=level)
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    feeds = {
        name: np.asarray(given[name]).astype(helper.tensor_dtype_to_np_dtype(kind)) for name, kind in kinds.items()
    }
    return dict(zip(session.outputs, session.run(None, feeds), strict=True))
