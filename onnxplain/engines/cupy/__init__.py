"""CuPy engine: eager on an NVIDIA GPU. CuPy's functions where it has them, else the CUDA kernels of `kernels/`.

Nothing here imports CuPy until the engine is asked for. No call adds by atomics, so two runs give the same bits.
"""

from __future__ import annotations

from importlib import import_module

from onnxplain.errors import MissingExtraError, UsageError

EXTRA = "`pip install onnxplain[gpu]`"


def check() -> None:
    """Raise MissingExtraError where CuPy is not installed, UsageError where it finds no GPU."""
    try:
        cupy = import_module("cupy")
    except ImportError as error:
        raise MissingExtraError(f"no CuPy, with which a GPU is used: {EXTRA} on a machine with one") from error
    if not cupy.cuda.is_available():
        raise UsageError(
            "no CUDA device: an NVIDIA GPU and a driver for CUDA 13 are needed (nvidia-smi shows them), "
            f'and {EXTRA}; without one use device="cpu"'
        )


def available() -> bool:
    """Whether the engine runs here."""
    try:
        check()
    except UsageError:
        return False
    return True
