"""What stands in for the parts of an input that are taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.method.smooth import smooth
from onnxplain.perturb.hide import BLUR
from onnxplain.resample import PAPERS

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.measure.evaluation_set import EvaluationSet

KINDS = ("uniform", "baseline", "blur")


def reference(kind: str, data: EvaluationSet, i: int, rng: np.random.Generator) -> Array:
    """Like row i: values uniform over its range, the baseline, or the row under a Gaussian; whole where it is whole."""
    x = data.batch.x[i]
    if kind == "baseline":
        return data.baseline_of(i)
    if kind == "uniform":
        return like(rng.uniform(*data.bounds(i), x.shape), x)
    row = x[np.newaxis].astype(np.float64)
    sigma = BLUR * min(data.plane(row).shape[1:]) / PAPERS
    return like(smooth(row, sigma, data.batch.channel_axis)[0], x)


def check_reference(name: str, kind: Any) -> None:
    """The option `name` is a kind of reference."""
    if kind not in KINDS:
        raise UsageError(f"{name}={kind!r}: expected {', '.join(map(repr, KINDS))}")


def like(values: Array, x: Array) -> Array:
    """Values in x's dtype, rounded where it has whole numbers only."""
    return np.asarray(values if x.dtype.kind == "f" else np.rint(values), x.dtype)
