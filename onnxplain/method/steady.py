"""Models that draw random numbers as they run: what is hidden changes their scores by chance as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.dependence import RANDOM
from onnxplain.passes.edit import values_of

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from onnxplain.model import Model


def check_steady(model: Model, method: str) -> None:
    """Raise UnsupportedModelError, with the nodes, for a model that gives other scores at each run."""
    drawing = [node for node in model.canonical.graph.nodes if _draws(node)]
    if drawing:
        nodes = ", ".join(f"{node.op} (node {node.name!r})" for node in drawing)
        raise UnsupportedModelError(
            f"method {method!r} compares the scores of runs, and these nodes draw random numbers at each: {nodes}; "
            "export the model for inference"
        )


def _draws(node: gs.Node) -> bool:
    """Whether a node draws: a Dropout does so in training only."""
    if node.op != "Dropout":
        return node.op in RANDOM
    if len(node.inputs) < 3 or not node.inputs[2].name:
        return False
    training = values_of(node.inputs[2])
    return training is None or bool(training.any())
