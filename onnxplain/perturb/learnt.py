"""What methods that learn a mask share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.perturb.row import Row


def check_grid(name: str, most: int, row: Sequence[int | str | None], channel_axis: int | None) -> None:
    """Refuse rows [*in] whose places have no neighbours, and more axes of them than `most`; a size may be free."""
    sizes = [n for axis, n in enumerate(row) if axis != channel_axis]
    long = sum(isinstance(n, int) and n > 1 for n in sizes)
    free = sum(not isinstance(n, int) or n < 1 for n in sizes)
    if len(row) == 1 or long > most or long + free < 1:
        raise UsageError(
            f"{name} learns a smooth mask over 1 to {most} axes of neighbours, and the input has rows of shape "
            f'{tuple(row)}: try method="occlusion" or "kernel_shap"'
        )


def of_every_channel(row: Row, maps: Array) -> Array:
    """Maps [..., *in] summed over channels: the adjoint of spreading a mask over them."""
    axis = row.channel_axis
    return maps if axis is None else np.asarray(maps.sum(axis + maps.ndim - row.x.ndim))
