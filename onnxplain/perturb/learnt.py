"""What methods that learn a mask share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.perturb.subject import places

if TYPE_CHECKING:
    from onnxplain.perturb.subject import Subject

Array = np.ndarray[Any, Any]


def check_grid(subject: Subject, name: str, most: int = 3) -> None:
    """Refuse rows whose places have no neighbours, and more axes of them than `most`."""
    axes = sum(n > 1 for n in places(subject))
    if subject.x.ndim == 1 or not 1 <= axes <= most:
        raise UsageError(
            f"{name} learns a smooth mask over 1 to {most} axes of neighbours, and the input has rows of shape "
            f'{subject.x.shape}: try method="occlusion" or "kernel_shap"'
        )


def of_every_channel(subject: Subject, maps: Array) -> Array:
    """Maps [..., *in] summed over channels: the adjoint of spreading a mask over them."""
    axis = subject.channel_axis
    return maps if axis is None else np.asarray(maps.sum(axis + maps.ndim - subject.x.ndim))
