"""CuPy engine: eager on an NVIDIA GPU. CuPy's functions where it has them, else the CUDA kernels of `kernels/`.

Nothing here imports CuPy until the engine is asked for. No call adds by atomics, so two runs give the same bits.
"""

from __future__ import annotations

from importlib import import_module

from onnxplain.errors import MissingExtraError, UsageError

EXTRAS = {"cupy": "gpu", "cudnn": "gpu,cudnn"}
"""The engines on a GPU, and the extras that bring each; "cudnn" is "cupy" with cuDNN's transposed convolutions."""


def check(engine: str = "cupy") -> None:
    """Raise MissingExtraError where what the engine computes with is not installed, UsageError where it has no GPU."""
    extra = f"`pip install onnxplain[{EXTRAS[engine]}]`"
    try:
        cupy = import_module("cupy")
        if engine == "cudnn":
            import_module("cudnn").backend_version()  # RuntimeError: cuDNN's own library is not there
    except (ImportError, RuntimeError) as error:
        raise MissingExtraError(f'the engine "{engine}" needs a GPU and {extra} ({error})') from error
    if not cupy.cuda.is_available():
        raise UsageError(
            "no CUDA device: an NVIDIA GPU and a driver for CUDA 13 are needed (nvidia-smi shows them), "
            f'and {extra}; without one use device="cpu"'
        )


def available() -> bool:
    """Whether the engine "cupy" runs here."""
    try:
        check()
    except UsageError:
        return False
    return True
