"""The engines "cupy" and "cudnn": the eager walk on an NVIDIA GPU, by CuPy, cuBLAS and the CUDA kernels of `kernels/`.

CuPy is imported when one of these engines is asked for, not before. No kernel adds with atomic operations, whose order
changes from run to run, so that two runs give the same bits.
"""

from __future__ import annotations

from importlib import import_module

from onnxplain.errors import MissingExtraError, UsageError

EXTRAS = {"cupy": "gpu", "cudnn": "gpu,cudnn"}
"""For each engine on a GPU, the extras to install. "cudnn" is "cupy" with the adjoints of convolutions by cuDNN."""


def check(engine: str = "cupy") -> None:
    """Raise MissingExtraError where a library that the engine needs is missing, UsageError where there is no GPU."""
    extra = f"`pip install onnxplain[{EXTRAS[engine]}]`"
    try:
        cupy = import_module("cupy")
        if engine == "cudnn":
            import_module("cudnn").backend_version()  # raises RuntimeError where cuDNN's own library is missing
    except (ImportError, RuntimeError) as error:
        raise MissingExtraError(f'the engine "{engine}" needs a GPU and {extra} ({error})') from error
    if not cupy.cuda.is_available():
        raise UsageError(
            "no CUDA device: an NVIDIA GPU and a driver for CUDA 13 are needed (nvidia-smi shows them), "
            f'and {extra}; without one use device="cpu"'
        )


def available() -> bool:
    """Return whether the engine "cupy" runs on this machine."""
    try:
        check()
    except UsageError:
        return False
    return True
