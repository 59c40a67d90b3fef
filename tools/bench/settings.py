"""With which parameters methods are measured, in onnxplain and in other libraries alike."""

from __future__ import annotations

from typing import Any

import numpy as np

AT_ONCE = 16
"""The rows that other libraries score at once; what onnxplain takes by itself on a CPU."""
SIGMA = 0.15
"""Standard deviation of the noise of SmoothGrad."""
SIDE, PATCHES = 224, 7
"""The side of a picture in pixels, and how many patches, the features of LIME and Kernel SHAP, lie along it."""


def features() -> Any:
    """Return the patches of a picture: the number of its patch for each pixel."""
    along = np.arange(SIDE) * PATCHES // SIDE
    return along[:, None] * PATCHES + along


def settings_of(method: str) -> dict[str, Any]:
    """Return the parameters of a method of onnxplain; none for one that runs once."""
    patches = {"samples": 500, "superpixels": features(), "value": 0.0}
    return {
        "integrated_gradients": {"steps": 50, "baseline": 0.0},
        "smoothgrad": {"samples": 25, "sigma": SIGMA},
        "occlusion": {"window": 28, "stride": 28, "baseline": 0.0},
        "lime": patches,
        "kernel_shap": patches,
        "rise": {"samples": 500, "baseline": 0.0},
    }.get(method, {})
