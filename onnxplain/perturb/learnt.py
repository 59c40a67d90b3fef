"""What the methods that learn a mask share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.errors import NumericalError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.perturb.row import Row


def check_grid(name: str, most: int, row: Sequence[int | str | None], channel_axis: int | None) -> None:
    """Raise UsageError where no smooth mask fits rows of the shape `row`.

    A mask needs neighbours along one axis of places at least, and along `most` axes at most. A size that is a name or
    None is not known yet, and may turn out to be more than 1. name: the method, for the message.
    """
    sizes = [n for axis, n in enumerate(row) if axis != channel_axis]
    long = sum(isinstance(n, int) and n > 1 for n in sizes)
    free = sum(not isinstance(n, int) or n < 1 for n in sizes)
    if len(row) == 1 or long > most or long + free < 1:
        raise UsageError(
            f"{name} learns a smooth mask over 1 to {most} axes of neighbours, and the input has rows of shape "
            f'{tuple(row)}: try method="occlusion" or "kernel_shap"'
        )


def clipped(mask: Array, name: str, parameters: str) -> Array:
    """Return a mask after a step, with its values between 0 and 1.

    Raises NumericalError where it holds NaN. name: the method, parameters: those that make its steps, for the message.
    """
    if np.isnan(mask).any():
        raise NumericalError(f"{name}: a step of its mask was beyond all floats; lower {parameters}")
    return np.clip(mask, 0, 1)


def of_every_channel(row: Row, maps: Array) -> Array:
    """Return maps [..., *in] summed over channels, [..., *places].

    Where one mask is applied to all channels, this turns the derivative with respect to the rows into that with respect
    to the mask.
    """
    axis = row.channel_axis
    return maps if axis is None else np.asarray(maps.sum(axis + maps.ndim - row.x.ndim))
