"""A loaded model in ten lines, for people: what a notebook or a prompt shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.errors import OnnxplainError
from onnxplain.text import columns

if TYPE_CHECKING:
    from onnxplain.model import Model

_FIRST = 5
"""How many labels are named."""


def summary(model: Model) -> str:
    """Return what is known of a model, a line for each fact; nothing is read or run for it."""
    canonical = model.canonical
    rows = [
        ("file", model.path or "a proto in memory"),
        ("sha256", model.sha256[:16]),
        ("input", "; ".join(_value(each.name, each.dtype, each.shape) for each in canonical.graph.inputs)),
        ("scores", f"{canonical.scores}, {model.classes or 'any number of'} a row"),
        ("head", ", ".join(canonical.cut) or "none: the output itself is explained"),
        ("labels", _labels(model)),
        ("preprocess", "none: give arrays" if model.preprocess is None else model.preprocess.describe()),
        ("explained", _explained(model)),
        ("graph", f"{len(canonical.graph.nodes)} nodes that are walked"),
        ("engine", f"{model.engine} in {model.precision} on {model.device}, parity {model.parity}"),
    ]
    return columns(rows)


def _value(name: str, dtype: object, shape: object) -> str:
    sizes = ", ".join("?" if each is None else str(each) for each in shape) if isinstance(shape, (list, tuple)) else "?"
    return f"{name} {getattr(dtype, 'name', dtype)} [{sizes}]"


def _labels(model: Model) -> str:
    if model.labels is None:
        return "none: classes are numbers"
    more = len(model.labels) - _FIRST
    return ", ".join(model.labels[:_FIRST]) + (f" and {more} more" if more > 0 else "")


def _explained(model: Model) -> str:
    try:
        return ", ".join(model.roots.values()) + ", together" if model.together else model.root
    except OnnxplainError:
        return "only by methods that perturb"
