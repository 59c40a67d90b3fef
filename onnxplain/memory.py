"""How much memory a process takes that explains one row: what a machine, a container or a limit has to allow for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.engines.base import WalkRequest
from onnxplain.engines.onnxruntime.memory import Memory, estimate
from onnxplain.errors import UsageError
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.method.walk_method import WalkMethod
from onnxplain.walk.objective import Objective

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx_graphsurgeon as gs

    from onnxplain.explainer import Explainer
    from onnxplain.model import Model

SIDE, STEPS = 224, 128
"""The length that an axis is taken to have where neither the file nor the preprocessing states it: of images and
larger inputs, and of inputs of fewer axes, such as token ids."""


def memory_of(explainer: Explainer, shapes: Mapping[str, tuple[int, ...]] | None = None) -> Memory:
    """Return about how much memory of a process is resident when it has explained one row by an explainer.

    shapes: of the inputs, by name; those that are left out are as the file states them. A length that it leaves open
    is that of the preprocessing, or else `SIDE` or `STEPS`; the result says which shapes it holds for.
    Raises UsageError where it is not estimated: for methods that do not walk once and without a baseline, and for other
    engines than onnxruntime's on a CPU; UnsupportedModelError where a size is not known before the model runs.
    """
    model, method = explainer.model, explainer.method
    if not isinstance(method, WalkMethod) or method.spec.baseline:
        raise UsageError(f"method {explainer.spec.name!r}: memory is estimated for a single walk without a baseline")
    if model.engine != "onnxruntime" or model.settings.providers:
        raise UsageError("memory is estimated for the engine 'onnxruntime' on a CPU")
    feeds = one_row(model, method.canonical.graph, shapes)
    objective = Objective(None, None, method.spec.seed, model.labels, model.independent_scores)
    assert method.plan is not None  # noqa: S101  # a method that walks has a plan
    with model.settings.hold(), model.limits.hold():
        return estimate(method.canonical, WalkRequest(method.plan, objective, feeds), model.limits.walk_bytes)


def one_row(
    model: Model, graph: gs.Graph, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> dict[str, np.ndarray]:
    """Return a row of zeros for the inputs of a form of the model's graph. shapes: as `memory_of` has them."""
    return {each.name: _zeros(model, each, (shapes or {}).get(each.name)) for each in graph.inputs}


def _zeros(model: Model, value: gs.Variable, shape: tuple[int, ...] | None) -> np.ndarray:
    """Return one row of an input, of this shape or of the one that is stated."""
    stated = value.shape or ()
    sides = dict(enumerate(_size(model), len(stated) - 2)) if len(stated) == 4 else {}
    lengths = [n if isinstance(n, int) else 1 if i == 0 else sides.get(i, STEPS) for i, n in enumerate(stated)]
    return np.zeros(shape or lengths, numpy_dtype(value) or np.float32)


def _size(model: Model) -> tuple[int, int]:
    """Return (height, width) of the pictures that a model is given."""
    return (model.preprocess and (model.preprocess.size or model.preprocess.default_size)) or (SIDE, SIDE)
