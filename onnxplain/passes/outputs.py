"""Which of the outputs of a file is explained: the one with a classifier's head, if there are several.

    1. one that a head computes from scores: an activation such as Softmax, a classifier of ai.onnx.ml, a ZipMap
    2. one from which the file decides a label, which is another output
    3. the first one of floats with which nothing goes on computing
    4. the first one of floats

A Softmax within the network, such as attention weights, belongs to no head: other nodes go on computing with it.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from onnxplain.errors import UsageError
from onnxplain.passes.edit import is_float
from onnxplain.passes.head import ACTIVATIONS, DECISIONS, FORMATS, PASSIVE, scores_of
from onnxplain.passes.shapes import CLASSIFIERS


def choose(graph: gs.Graph, wanted: str | None) -> gs.Tensor:
    """Return the output that is explained: the one named `wanted`, if given, or the first of the kinds above.

    Where there is no such output, return the first. Raise `UsageError` where no output has the name `wanted`.
    """
    if wanted is None:
        floats = [value for value in graph.outputs if is_float(value) or _is_map(value)]
        decided = [scores_of(value) for value in graph.outputs if value not in floats]
        kinds = (
            [value for value in floats if _has_head(value)],
            [value for value in floats if any(value is each for each in decided)],
            [value for value in floats if _ends(value)],
            floats,
        )
        return next((found[0] for found in kinds if found), graph.outputs[0])
    for value in graph.outputs:
        if value.name == wanted:
            return value
    names = ", ".join(repr(value.name) for value in graph.outputs)
    raise UsageError(f"the model has no output {wanted!r}; its outputs are {names}")


def left_out(graph: gs.Graph, chosen: gs.Tensor) -> tuple[str, ...]:
    """Return the names of the outputs that are not explained: all but `chosen` and what is decided from its scores."""
    scores = scores_of(chosen)
    same = [value for value in graph.outputs if value is chosen or value is scores or scores_of(value) is scores]
    return tuple(value.name for value in graph.outputs if not any(value is each for each in same))


def _has_head(value: gs.Tensor) -> bool:
    """Whether a value is what a head makes of scores, and nothing goes on computing with it."""
    while value.inputs:
        node = value.inputs[0]
        if not _ends(value):
            return False
        if node.op in (*ACTIVATIONS, *FORMATS, *CLASSIFIERS):
            return True
        if node.op not in PASSIVE:
            return False
        value = node.inputs[0]
    return False


def _ends(value: gs.Tensor) -> bool:
    """Whether only what belongs to a head reads a value."""
    return all(node.op in (*PASSIVE, *DECISIONS, *FORMATS) for node in value.outputs)


def _is_map(value: gs.Tensor) -> bool:
    return isinstance(value, gs.Variable) and value.type in ("sequence_type", "map_type")
