"""A loaded model in ten lines, for people: what a notebook or a prompt shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.errors import OnnxplainError
from onnxplain.text import columns

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from onnxplain.model import Model

_FIRST = 5
"""How many labels are named."""


def summary(model: Model) -> str:
    """Return what is known of a model, a line for each fact; nothing is read or run for it."""
    canonical = model.canonical
    rows = [
        ("file", model.path or "a proto in memory"),
        ("sha256", model.sha256[:16]),
        ("input", "; ".join(said_of_input(each) for each in canonical.graph.inputs)),
        ("scores", f"{canonical.scores}, {model.classes or 'any number of'} a row"),
        ("head", ", ".join(canonical.cut) or "none: the output itself is explained"),
        ("labels", said_of_labels(model)),
        ("preprocess", said_of_preprocess(model)),
        ("explained", _explained(model)),
        ("graph", f"{len(canonical.graph.nodes)} nodes that are walked"),
        ("engine", f"{model.engine} in {model.precision} on {model.device}, parity {model.parity}"),
    ]
    return columns(rows)


def said_of_input(value: gs.Variable) -> str:
    """Return name, type and shape of an input."""
    shape = value.shape
    sizes = ", ".join("?" if each is None else str(each) for each in shape) if isinstance(shape, (list, tuple)) else "?"
    return f"{value.name} {getattr(value.dtype, 'name', value.dtype)} [{sizes}]"


def said_of_preprocess(model: Model) -> str:
    """Return what becomes of a picture or, where there is no preprocessing, what the model is given instead."""
    if model.together:
        own = {name: each["preprocess"] for name, each in model.own.items() if each["preprocess"] is not None}
        return "; ".join(f"{name} {each.describe()}" for name, each in own.items()) or "none: give arrays by name"
    if model.preprocess is not None:
        return model.preprocess.describe()
    if model.sound is not None:
        return f"none: give WAV files of {model.sound.rate} samples a second, or arrays"
    return "none: give texts, or arrays" if model.reader is not None else "none: give arrays"


def said_of_labels(model: Model) -> str:
    """Return the first of the labels."""
    if model.labels is None:
        return "none: classes are numbers"
    more = len(model.labels) - _FIRST
    return ", ".join(model.labels[:_FIRST]) + (f" and {more} more" if more > 0 else "")


def _explained(model: Model) -> str:
    try:
        return ", ".join(model.roots.values()) + ", together" if model.together else model.root
    except OnnxplainError:
        return "only by methods that perturb"
