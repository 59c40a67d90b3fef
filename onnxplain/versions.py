"""Versions of everything that touches a number: packages, Python, and the machine."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Versions: TypeAlias = "dict[str, str | None]"
"""The version by the name of a package, None where it is not installed; and those of `MACHINE`."""

PACKAGES = ("onnxplain", "onnx", "onnx-graphsurgeon", "onnxruntime", "numpy", "pillow")
"""The packages that take part in every explanation: they read, rewrite and run the model, and read its input."""
SUPERPIXELS = ("scikit-image",)
"""The packages that take part besides where a method hides superpixels."""
DICOM = ("pydicom", "pyjpegls", "pylibjpeg", "pylibjpeg-openjpeg", "python-gdcm")
"""The packages that take part besides where an input is a DICOM file: they decode its pixels."""
GPU = ("onnxruntime-gpu", "cupy-cuda13x", "nvidia-cudnn-cu13", "nvidia-cudnn-frontend")
"""The packages that take part besides where the walk runs on a GPU."""
MACHINE = {"python": platform.python_version, "platform": platform.platform, "machine": platform.machine}
"""What is stated besides of Python, of the operating system, and of the CPU's architecture."""


def versions(device: str, parameters: Iterable[str] = (), *, dicom: bool = False) -> Versions:
    """Return the versions of what computes an explanation on `device` by a method with these parameters.

    dicom: whether an input is a DICOM file.
    """
    packages = PACKAGES + (SUPERPIXELS if "superpixels" in parameters else ()) + (GPU if device == "cuda" else ())
    packages += DICOM if dicom else ()
    return {**{name: installed(name) for name in packages}, **{name: said() for name, said in MACHINE.items()}}


@cache  # it reads the package's metadata from disk, which takes longer than a small network
def installed(name: str) -> str | None:
    """Return the version of a package; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
