"""The method where none is asked for, and why another than the usual one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.errors import OnnxplainError, UnsupportedModelError
from onnxplain.inputs.shape import static
from onnxplain.method.registry import DEFAULT
from onnxplain.method.tree_shap import check_columns
from onnxplain.plan.bound import bind
from onnxplain.trees.parts import has_trees, taken_apart

if TYPE_CHECKING:
    from onnxplain.model import Model


def default_method(model: Model) -> tuple[str, str]:
    """Return the name of the method, and why it is not the usual one; "" where it is.

    A table is explained by the exact Shapley values of its trees or, where its scores have no slope for other reasons,
    by Kernel SHAP. For everything else it is DEFAULT, which says what is in its way.
    """
    graph = model.canonical.graph
    if has_trees(graph):
        try:
            check_columns(model, taken_apart(graph))
        except UnsupportedModelError as problem:
            return "kernel_shap", f"trees have no slope, and {str(problem).split('; take method', maxsplit=1)[0]}"
        return "tree_shap", "the scores are sums of trees, which have no slope, and whose Shapley values are exact"
    if model.table is not None:
        return "kernel_shap", "columns of several inputs, or of words, have no common slope"
    if static((model.input_shape or (None,))[-1]) is None or len(model.input_shape) != 2 or not _stands(model):
        return DEFAULT, ""
    return "kernel_shap", "no walk leads from the scores back to the columns"


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
