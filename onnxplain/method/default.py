"""The method where none is asked for, and why another than the usual one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.answering import BlackBox
from onnxplain.errors import OnnxplainError, UnsupportedModelError
from onnxplain.inputs.shape import static
from onnxplain.method.registry import DEFAULT
from onnxplain.method.tree_shap import check_columns
from onnxplain.passes.edit import is_float
from onnxplain.plan.bound import bind
from onnxplain.trees.owners import jumping
from onnxplain.trees.parts import has_trees, taken_apart

if TYPE_CHECKING:
    from onnxplain.model import Model


def default_method(model: Model) -> tuple[str, str]:
    """Return the name of the method, and why it is not the usual one; "" where it is.

    One that is known by its answers alone has to be explained by a method that perturbs: a picture by occlusion. A
    table is explained by the exact Shapley values of its trees or, where its scores have no slope for other reasons,
    in one of its columns or in all, by Kernel SHAP. For everything else it is DEFAULT, which says what is in its way.
    """
    if model.together:
        return DEFAULT, ""
    if isinstance(model, BlackBox):
        return "kernel_shap" if len(model.input_shape) == 2 else "occlusion", "the model is known by its answers alone"
    graph = model.canonical.graph
    if has_trees(graph):
        try:
            check_columns(model, taken_apart(graph))
        except UnsupportedModelError as problem:
            return "kernel_shap", f"trees have no slope, and {str(problem).split('; take method', maxsplit=1)[0]}"
        return "tree_shap", "the scores are sums of trees, which have no slope, and whose Shapley values are exact"
    if model.table is not None:
        return "kernel_shap", "columns of several inputs, or of words, have no common slope"
    return _of_numbers(model)


def _of_numbers(model: Model) -> tuple[str, str]:
    """Return the method and why for a model of one input without trees, which may be a table of numbers."""
    count = static((model.input_shape or (None,))[-1])
    if count is None or len(model.input_shape) != 2:
        return DEFAULT, ""
    if _stands(model):
        return "kernel_shap", "no walk leads from the scores back to the columns"
    if is_float(model.explained_input):
        jumps = jumping(model.canonical.graph, {model.explained_input.name: np.arange(count)[None]})
        if jumps:
            return "kernel_shap", f"{len(jumps)} of {count} columns move the scores by jumps alone, which have no slope"
    return DEFAULT, ""


def _stands(model: Model) -> bool:
    """Whether operators of ai.onnx.ml let nothing be walked from the scores of a table back to its columns."""
    if not any(node.domain == "ai.onnx.ml" for node in model.canonical.graph.nodes):
        return False
    try:
        bind(model.canonical.graph, model.root, model.canonical.scores)
    except UnsupportedModelError:
        return True
    except OnnxplainError:
        return False
    return False
