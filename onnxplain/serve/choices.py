"""What the page offers for a model: its classes and columns, the methods that fit it, and their parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import OnnxplainError
from onnxplain.explainer import Explainer
from onnxplain.method.along_path import PathSpec
from onnxplain.method.cam import CamSpec
from onnxplain.method.parameters import Parameter, described
from onnxplain.method.perturbation import PerturbationSpec
from onnxplain.method.registry import METHODS
from onnxplain.method.tree_shap import TreeShapSpec
from onnxplain.method.walk_method import WalkSpec
from onnxplain.record import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.method.spec import MethodSpec
    from onnxplain.model import Model
    from onnxplain.serve.samples import Samples
    from onnxplain.serve.served import Served
    from onnxplain.serve.service import Service

COLUMNS = 256
"""A form has so many columns at most; a longer row is sent as a file."""
CLASSES = 2000
"""So many classes are listed at most; of more, those of the highest scores are named, and any is taken by its index."""
GROUPS = {
    "relevance": "Relevance propagation",
    "baseline": "Differences from a baseline",
    "gradient": "Gradients",
    "cam": "Class activation maps",
    "hiding": "Hiding parts of the input",
    "shapley": "Shapley values",
}
"""The kinds of methods, in the order in which they are offered."""
ACCEPTS = {
    "picture": "image/*,.dcm,.dicom,.npy,.npz",
    "table": ".csv,.parquet,.npy,.npz",
    "text": ".txt,text/plain,.npy,.npz",
    "sound": ".wav,audio/wav,.npy,.npz",
    "array": ".npy,.npz",
}
"""By the kind of a model's input: the files that a browser offers to choose."""


def choices(service: Service, name: str, samples: Samples) -> dict[str, Any]:
    """Return what the page offers for a model, in plain JSON types.

    Each method is planned for it, which says whether it fits: those that do not come with the reason.
    """
    served = service.served(name)
    model, kind = served.model, kind_of(served.model)
    allowed = [each for each in METHODS if service.limits.methods is None or each in service.limits.methods]
    unfit = {each: why for each in allowed if (why := _unfit(served, each))}
    return {
        "name": name,
        "kind": kind,
        "accepts": ACCEPTS[kind],
        "input": _input(model),
        "sha256": model.known_by["sha256"],
        "labels": None if model.labels is None else list(model.labels)[:CLASSES],
        "classes": model.classes if (model.classes or 0) <= CLASSES else None,
        "columns": _columns(model) if kind == "table" else None,
        "named": model.table is not None or model.features is not None,
        "method": served.default,
        "because": served.because,
        "methods": [_method(METHODS[each], maps=kind in ("picture", "array")) for each in allowed if each not in unfit],
        "unfit": [{"name": each, "why": served.without_path(why)} for each, why in unfit.items()],
        "groups": GROUPS,
        "samples": [samples.described(name, each) for each in samples.names(name, kind)],
        "limits": {each: getattr(service.limits, each) for each in ("request_bytes", "rows", "pixels", "seconds")},
    }


def kind_of(model: Model) -> str:
    """Return what the input of a model is to a person: a text, a table, a sound, a picture or an array."""
    if model.reader is not None:
        return "text"
    if model.sound is not None:
        return "sound"
    if model.preprocess is not None:
        return "picture"
    columns = model.columns
    return "table" if model.table is not None or (columns is not None and columns <= COLUMNS) else "array"


def group_of(spec: MethodSpec) -> str:
    """Return of which kind a method is, a key of GROUPS."""
    if isinstance(spec, CamSpec):
        return "cam"
    if isinstance(spec, (PerturbationSpec, TreeShapSpec)):
        return "shapley" if isinstance(spec, TreeShapSpec) or spec.conserves else "hiding"
    if spec.baseline or isinstance(spec, PathSpec):
        return "baseline"
    relevance = isinstance(spec, WalkSpec) and spec.conserves and spec.name != "input_x_gradient"
    return "relevance" if relevance else "gradient"


def _unfit(served: Served, name: str) -> str:
    """Return why a method does not fit a model; "" for one that does, if with parameters that only a user knows."""
    known = {"low": 0.0, "high": 1.0}
    needed: dict[str, Any] = {} if served.model.preprocess else {each: known[each] for each in METHODS[name].required}
    try:
        Explainer(served.model, name, **needed)
    except OnnxplainError as problem:
        return " ".join(str(problem).split())
    return ""


_BASELINE = Parameter("what the input is compared with", "that of the model's input", "a number, or one for each value")
_SMOOTH = Parameter("the sigma of a Gaussian over the map", "pixels", "numbers, 0 or more", 0.0)


def _method(spec: MethodSpec, *, maps: bool) -> dict[str, Any]:
    """Return what is told of a method. maps: whether it makes maps, which can be smoothed."""
    known = dict(described(spec))
    known |= {"baseline": _BASELINE} if spec.baseline else {}
    known |= {"smooth": _SMOOTH} if maps else {}
    return {
        "name": spec.name,
        "group": group_of(spec),
        "about": spec.summary,
        "parameters": [_parameter(name, each) for name, each in known.items()],
    }


def _parameter(name: str, each: Parameter) -> dict[str, Any]:
    default = plain(each.default)
    kind = "switch" if isinstance(default, bool) else "number" if isinstance(default, (int, float)) else "free"
    about: Mapping[str, Any] = {
        "name": name,
        "meaning": each.meaning,
        "unit": each.unit,
        "range": each.range,
        "default": default,
        "required": each.required,
        "kind": kind,
    }
    return dict(about)


def _input(model: Model) -> str:
    """Return in words what the model takes."""
    shape = " x ".join("any" if each is None else str(each) for each in model.input_shape)
    made = "" if model.preprocess is None else f"; {model.preprocess.describe()}"
    return f"{model.explained_input.name}: {shape}{made}"


def _columns(model: Model) -> list[dict[str, Any]] | None:
    """Return the columns of a table, each with its name and whether it holds words; None where the file has none."""
    if model.table is not None:
        names = model.features or model.table.names
        return [
            {"name": name, "words": np.dtype(kind).kind not in "biuf"}
            for name, kind in zip(names, model.table.kinds, strict=True)
        ]
    names = model.features or tuple(f"feature {i}" for i in range(model.columns or 0))
    return [{"name": name, "words": False} for name in names]
