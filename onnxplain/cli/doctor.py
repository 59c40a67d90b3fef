"""The command `onnxplain doctor`: what is installed, what it can do on this machine, and what is missing."""

from __future__ import annotations

import inspect
import platform
from typing import TYPE_CHECKING, Any

import click

from onnxplain.cli.layout import block
from onnxplain.cli.terminal import say
from onnxplain.cli.verbosity import Command
from onnxplain.record import plain
from onnxplain.strict_json import dumps
from onnxplain.versions import installed

if TYPE_CHECKING:
    from collections.abc import Mapping

EXTRAS = {
    "onnxruntime": "pip install 'onnxplain[cpu]'",
    "onnxruntime-gpu": "pip install 'onnxplain[gpu]' on a machine with CUDA",
    "cupy-cuda13x": "pip install 'onnxplain[gpu]' on a machine with CUDA",
    "nvidia-cudnn-frontend": "pip install 'onnxplain[gpu,cudnn]', for the engine cudnn",
    "matplotlib": "pip install 'onnxplain[plot]'",
    "scikit-image": "pip install 'onnxplain[lime]'",
    "pydicom": "pip install 'onnxplain[dicom]', for DICOM files",
    "cryptography": "pip install 'onnxplain[sign]', for signed runs",
    "scipy": "pip install 'onnxplain[sound]', for WAV files of floats and of other rates",
    "pyarrow": "pip install 'onnxplain[table]', for Parquet files",
    "ray": "pip install 'onnxplain[ray]', for runs on a cluster",
    **dict.fromkeys(
        ("fastapi", "uvicorn", "orjson", "prometheus-client", "python-multipart", "urllib3"),
        "pip install 'onnxplain[serve]', for explanations over HTTP",
    ),
}
"""The packages of the optional extras, and how to install each."""

OK = "ok"
"""What is said of a part that works; of any other, what is wrong with it and what would help."""

USES = {
    "engines": "for --engine",
    "methods": "for -m, with their parameters, for --set",
    "measures": "for evaluate --measure, with their options, for --set",
}
"""The lists that are printed, and which option takes a name from each."""


@click.command(cls=Command)
@click.argument("method", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def doctor(method: str | None, as_json: bool) -> None:
    """Check this installation; exit 1 if nothing can be explained with it. With METHOD: print its parameters alone."""
    if method is not None:
        _describe(method, as_json)
        return
    report = diagnose()
    if as_json:
        say(dumps(report))
    else:
        for name, found in report["packages"].items():
            say(f"{name:22} {found or 'missing: ' + EXTRAS.get(name, 'pip install onnxplain')}")
        for key in ("python", "platform", "runtime", "providers", "gpu"):
            value = report[key]
            say(f"{key:22} {', '.join(value) if isinstance(value, list) else value or 'none'}")
        for key, use in USES.items():
            say(f"\n{key}, {use}")
            for name, said in report[key].items():
                say(_entry(name, said))
    if report["runtime"] != OK:
        say(f"onnxplain: no onnxruntime that runs models: {report['runtime']}", err=True)
        raise SystemExit(1)


def _describe(method: str, as_json: bool) -> None:
    """Print what a method computes, and the meaning, unit, range and default of each of its parameters."""
    from onnxplain.method.parameters import described
    from onnxplain.method.registry import find

    spec = find(method)
    known = described(spec)
    if as_json:
        found = {name: {key: plain(value) for key, value in vars(each).items()} for name, each in known.items()}
        say(dumps({"method": spec.name, "about": spec.summary, "baseline": spec.baseline, "parameters": found}))
        return
    say(f"{spec.name}{', compares with a baseline' if spec.baseline else ''}\n{block(spec.summary, 2)}")
    say(f"\n{block(str(known), hanging=2)}")


def diagnose() -> dict[str, Any]:
    """Versions, whether onnxruntime is there and new enough, its providers, engines, methods and measures."""
    from onnxplain.api import measures, methods
    from onnxplain.engines.choice import ENGINES
    from onnxplain.measure import MEASURES, options
    from onnxplain.method.registry import METHODS

    packages = ("onnxplain", "numpy", "onnx", "onnx-graphsurgeon", "pillow", *EXTRAS)
    return {
        "packages": {name: installed(name) for name in packages},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "runtime": _runtime(),
        "providers": _providers(),
        "gpu": _gpu(),
        "engines": {name: _engine(name) for name in ENGINES},
        "methods": {name: _facts(about, METHODS[name].parameters) for name, about in methods().items()},
        "measures": {name: _facts(about, options(MEASURES[name])) for name, about in measures().items()},
    }


def _facts(about: str, parameters: Mapping[str, object]) -> dict[str, object]:
    """Return what is said of a method or a measure: one line, its parameters with their defaults, and the others."""
    needs = [name for name, default in parameters.items() if default is inspect.Parameter.empty]
    return {"about": about, "needs": needs, "parameters": {n: v for n, v in parameters.items() if n not in needs}}


def _entry(name: str, said: str | dict[str, Any]) -> str:
    """Return the lines on an engine, with whether it runs, or on a method or measure, with its parameters."""
    if isinstance(said, str):
        return block(f"{name:12} {said}", 2, hanging=13)
    given = ", ".join([*said["needs"], *(f"{key}={value!r}" for key, value in said["parameters"].items())])
    return f"{block(f'{name} ({given})' if given else name, 2, hanging=2)}\n{block(said['about'], 6)}"


def _runtime() -> str:
    """OK, or why no model runs here: onnxruntime is missing or too old."""
    from onnxplain.errors import MissingExtraError
    from onnxplain.graph.runtime import onnxruntime

    try:
        onnxruntime()
    except MissingExtraError as why:
        return str(why)
    return OK


def _engine(name: str) -> str:
    """OK, or why this engine does not run here."""
    from onnxplain.engines.cupy import EXTRAS as ON_GPU
    from onnxplain.engines.cupy import check
    from onnxplain.errors import UsageError

    runtime = _runtime()
    if runtime != OK or name not in ON_GPU:
        return runtime
    try:
        check(name)
    except UsageError as why:
        return str(why)
    return OK


def _gpu() -> str | None:
    """Return the name of the GPU that the engine "cupy" runs on; None where it does not run."""
    from onnxplain.engines.cupy import available

    if not available():
        return None
    import cupy

    return str(cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode())


def _providers() -> list[str]:
    """Return the names of onnxruntime's execution providers here; none where it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        return []
    return list(onnxruntime.get_available_providers())
