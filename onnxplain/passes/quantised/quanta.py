"""What the integers of a quantised value stand for: (q - zero) * scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from onnxplain.passes.edit import values_of

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array


@dataclass(frozen=True)
class Quanta:
    """Scale and zero point of a quantised value.

    scale, zero: constants, of one element or of one for each entry along `axis`.
    """

    scale: Array
    zero: Array
    axis: int

    @property
    def single(self) -> bool:
        """Whether one scale and one zero point serve all elements."""
        return self.scale.size == 1 and self.zero.size == 1

    def alike(self, other: Quanta) -> bool:
        """Whether integers of both stand for the same floats."""
        mine, theirs = (np.broadcast_arrays(each.scale, each.zero) for each in (self, other))
        same_axis = self.axis == other.axis or (self.single and other.single)
        return same_axis and all(np.array_equal(a.ravel(), b.ravel()) for a, b in zip(mine, theirs, strict=True))

    def along(self, values: Array, rank: int) -> Array:
        """Return scales or zero points in a shape that broadcasts onto values of this rank."""
        if values.size == 1:
            return values.reshape(())
        return values if values.ndim > 1 else values.reshape(-1, *(1,) * (rank - 1 - self.axis % rank))

    def dequantised(self, integers: Array) -> Array:
        """Return what integers stand for, in float32."""
        zero, scale = (self.along(each, integers.ndim) for each in (self.zero, self.scale))
        if _is_float(integers.dtype):
            return np.asarray((integers.astype(np.float32) - zero.astype(np.float32)) * scale, np.float32)
        return np.asarray((integers.astype(np.int64) - zero.astype(np.int64)).astype(np.float32) * scale, np.float32)

    def bounds(self, rank: int) -> tuple[Array, Array]:
        """Return the least and the largest float that is rounded and not cut off, broadcast onto this rank."""
        low, high, step = _range(self.zero.dtype)
        zero, scale = (self.along(each.astype(np.float64), rank) for each in (self.zero, self.scale))
        ends = ((low - zero - step / 2) * scale, (high - zero + step / 2) * scale)
        return np.asarray(ends[0], np.float32), np.asarray(ends[1], np.float32)

    @property
    def starts_at_zero(self) -> bool:
        """Whether the least integer stands for 0, so that the range has no number below it."""
        return not _is_float(self.zero.dtype) and bool(
            (self.zero.astype(np.float64) == _range(self.zero.dtype)[0]).all()
        )


def quanta_of(scale: gs.Tensor | None, zero: gs.Tensor | None, axis: int, dtype: np.dtype[Any]) -> Quanta | None:
    """Return the quanta that constants state; None where one of them is computed, or lies in blocks.

    dtype: of the integers, where no zero point states it.
    """
    found = None if scale is None else values_of(scale)
    given = np.zeros(1, dtype) if zero is None or not zero.name else values_of(zero)
    if found is None or given is None or found.ndim > 1 or given.ndim > 1:
        return None
    return Quanta(found.astype(np.float32), given, axis)


def _is_float(dtype: np.dtype[Any]) -> bool:
    return "float" in dtype.name


def _range(dtype: np.dtype[Any]) -> tuple[float, float, float]:
    """Return the least and the largest number of a type of quantised values, and the step at both ends."""
    if _is_float(dtype):
        most = float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]
        return -most, most, most - float(np.nextafter(np.asarray(most, dtype), np.asarray(0, dtype)))
    whole = ml_dtypes.iinfo(dtype)  # type: ignore[no-untyped-call]
    return float(whole.min), float(whole.max), 1.0
