"""What is here: the GPU, packages with their versions, where onnxruntime runs, and what the other steps will miss."""

from __future__ import annotations

import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

PACKAGES = (
    "onnxplain", "numpy", "onnx", "onnx-graphsurgeon", "onnxruntime", "onnxruntime-gpu", "cupy-cuda13x",
    "nvidia-cudnn-cu13", "nvidia-cudnn-frontend", "torch", "torchvision", "zennit", "captum", "pytest",
)  # fmt: skip
NEEDED = ("numpy", "onnx", "onnx_graphsurgeon", "onnxruntime", "PIL", "click", "tqdm")
"""Modules without which nothing runs."""
INSTALL = (
    "install them, or where no package index is in reach, unpack their wheels (those of pure Python fit anywhere, "
    "others this system and Python) into a folder on PYTHONPATH"
)


def environment() -> dict[str, Any]:
    """Everything, in plain types; `says` is one line of it."""
    import cupy

    about = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
    missing = [name for name in NEEDED if find_spec(name) is None]
    providers = _providers()
    # the provider may still fail to load: where a forward ran, the step "forward" says
    cuda = "with" if "CUDAExecutionProvider" in providers else "without"
    says = f"{about['name'].decode()}, onnxruntime {cuda} CUDA"
    return {
        "gpu": about["name"].decode(),
        "compute capability": f"{about['major']}.{about['minor']}",
        "memory": about["totalGlobalMem"],
        "multiprocessors": about["multiProcessorCount"],
        "driver": _driver(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "providers": providers,
        "cudnn": _cudnn(),
        "missing": missing,
        "says": f"missing: {', '.join(missing)}; {INSTALL}" if missing else says,
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _providers() -> list[str]:
    try:
        import onnxruntime
    except ImportError:
        return []
    return list(onnxruntime.get_available_providers())


def _cudnn() -> str:
    """Version of cuDNN where the engine "cudnn" runs, else why it does not."""
    from onnxplain.engines.cupy import check
    from onnxplain.errors import UsageError

    try:
        check("cudnn")
    except UsageError as why:
        return str(why)
    import cudnn

    return str(cudnn.backend_version_string())


def _driver() -> str:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "unknown: no nvidia-smi"
    command = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
