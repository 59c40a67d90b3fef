"""The record of an explanation: all that is needed to make it again, and to show that it was made from these files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.method.registry import reads_baseline
from onnxplain.walk.neuron import Neuron

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.feeds import Feeds
    from onnxplain.inputs.batch import Batch
    from onnxplain.method.request import Method, Request
    from onnxplain.model import Model


PACKAGES = ("onnxplain", "onnx", "onnxruntime", "numpy")
GPU_PACKAGES = ("onnxruntime-gpu", "cupy-cuda13x", "nvidia-cudnn-cu13", "nvidia-cudnn-frontend")


def make_record(
    method: Method, request: Request, target: Any, feeds: Feeds, *, layer: str | None, smooth: float
) -> dict[str, Any]:
    """Return what an explanation was made from, and what was asked, in plain JSON types.

    target: the class index of each row, or the Neuron. layer, smooth: the explainer's.
    """
    spec, seed = method.spec, request.objective.seed
    return {
        **made_from(method.model, request.batch, method.providers),
        "explained": _explained(method, layer),
        "method": spec.name,
        "smooth": plain(smooth),
        "parameters": plain(method.parameters),
        "target": plain(target),
        "seed": plain(spec.seed if seed is None else seed),
        **_baseline(method, request, feeds),
    }


def _explained(method: Method, layer: str | None) -> str:
    """Return the name of the value that is attributed to: the input itself for a method that walks nothing."""
    if method.plan is None:
        return str(method.model.explained_input.name)
    return layer or method.model.root


def _baseline(method: Method, request: Request, feeds: Feeds) -> dict[str, Any]:
    """Return the baseline of a method that reads one: a number as it is, an array by its shape and sha256."""
    if not reads_baseline(method.spec, method.parameters):
        return {}
    given = feeds.numbers(request.batch, request.baseline)
    return {"baseline": {"shape": list(given.shape), "sha256": _sha256(given)} if given.ndim else given.item()}


def made_from(model: Model, batch: Batch, providers: Sequence[str]) -> dict[str, Any]:
    """Model and input by sha256, passes, engine and versions, in plain JSON types."""
    return {
        "model": {"path": model.path, "sha256": model.sha256, "scores": model.canonical.scores},
        "cut": list(model.canonical.cut),
        "passes": model.canonical.changes,
        "input": {
            "names": list(batch.names),
            "sha256": _sha256(batch.x),
            "shape": list(batch.x.shape),
            "dtype": str(batch.x.dtype),
            "preprocess": model.preprocess.to_dict() if model.preprocess else None,
            "notes": list(batch.notes),
        },
        "engine": {"name": model.engine, "precision": model.precision, "providers": list(providers)},
        "versions": {name: _version(name) for name in PACKAGES + (GPU_PACKAGES if model.device == "cuda" else ())},
    }


def _sha256(array: Array) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


def plain(value: Any) -> Any:
    """The value in JSON's types, from which it can be made again; a rule or a composite as it is printed."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, Neuron):
        return plain(vars(value))
    return value if isinstance(value, (int, float, str, bool, type(None))) else repr(value)


@cache  # it reads the package's metadata from disk, which takes longer than a small network
def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
