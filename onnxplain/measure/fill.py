"""What a measure puts in place of the parts of an input that it takes away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.hiding import BLUR, blur, check_places, uniform
from onnxplain.resample import in_proportion

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.measure.evaluation_set import EvaluationSet

FILLS = ("uniform", "baseline", "blur")


def fill(kind: str, data: EvaluationSet, i: int, rng: np.random.Generator) -> Array:
    """Return an array like row i of the data, from which a measure takes what it shows instead of the row's own parts.

    kind: "uniform", random values within the bounds of the row; "baseline", the baseline of the row; or "blur", the row
    convolved with a Gaussian whose sigma is 10 pixels where the shortest side of the row has 224, and in proportion
    elsewhere. Raises UsageError for the blur of a table, whose columns have no neighbours.
    """
    x = data.batch.x[i]
    if kind == "baseline":
        return data.baseline_of(i)
    if kind == "uniform":
        return uniform(x, *data.bounds(i), rng)
    check_places(x, 'a "blur"')
    channels = data.batch.channel_axis
    sigma = in_proportion(BLUR, min(n for axis, n in enumerate(x.shape, 1) if axis != channels))
    # where the axis of the channels is not known, the first axis of the row is taken for it
    return blur(x, 0 if channels is None else channels - 1, [sigma] * (x.ndim - 1), np.float64)


def check_fill(option: str, kind: object) -> None:
    """Raise UsageError, which names the `option`, where `kind` is not one of FILLS."""
    if kind not in FILLS:
        raise UsageError(f"{option}={kind!r}: expected {', '.join(map(repr, FILLS))}")
