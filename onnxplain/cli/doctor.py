"""onnxplain doctor: what is installed, what it can do here, and what would help."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

EXTRAS = {
    "onnxruntime": "pip install 'onnxplain[cpu]'",
    "onnxruntime-gpu": "pip install 'onnxplain[gpu]' on a machine with CUDA",
    "cupy-cuda13x": "pip install 'onnxplain[gpu]' on a machine with CUDA",
    "nvidia-cudnn-frontend": "pip install 'onnxplain[gpu,cudnn]', for the engine cudnn",
    "matplotlib": "pip install 'onnxplain[plot]'",
    "scikit-image": "pip install 'onnxplain[lime]'",
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def doctor(as_json: bool) -> None:
    """Check this installation; exit 1 if nothing can be explained with it."""
    report = diagnose()
    if as_json:
        click.echo(json.dumps(report, indent=1))
    else:
        for name, found in report["packages"].items():
            click.echo(f"{name:22} {found or 'missing: ' + EXTRAS.get(name, 'pip install onnxplain')}")
        for key in ("python", "platform", "providers", "gpu", "engines"):
            value = report[key]
            click.echo(f"{key:22} {', '.join(value) if isinstance(value, list) else value}")
        click.echo("methods")
        for name, line in report["methods"].items():
            click.echo(f"  {name:30} {line}")
    if not report["providers"]:
        click.echo("onnxplain: no onnxruntime, so no model can run; " + EXTRAS["onnxruntime"], err=True)
        raise SystemExit(1)


def diagnose() -> dict[str, Any]:
    """Versions, providers, engines and methods, in plain types."""
    from onnxplain.api import ENGINES, methods

    packages = ("onnxplain", "numpy", "onnx", "onnx-graphsurgeon", "pillow", *EXTRAS)
    return {
        "packages": {name: _version(name) for name in packages},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "providers": _providers(),
        "gpu": _gpu(),
        "engines": list(ENGINES),
        "methods": methods(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _gpu() -> str:
    """The GPU that the engine "cupy" runs on, or why it does not run."""
    from onnxplain.engines.cupy import check
    from onnxplain.errors import UsageError

    try:
        check()
    except UsageError as why:
        return str(why)
    import cupy

    return str(cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode())


def _providers() -> list[str]:
    try:
        import onnxruntime
    except ImportError:
        return []
    return list(onnxruntime.get_available_providers())
