"""The head of a classifier is cut off, so that its scores, the logits, are explained.

The head is the last activation of the classifier and all that follows it. The scores are what this activation reads,
laid out as the output is (see `laid_out`).

    scores -> Softmax | LogSoftmax | Sigmoid | ... -> reshapes, casts, ZipMap, Normalizer -> probabilities
    scores -> (Softmax ->) ArgMax | TopK -> Where, Gather, ArrayFeatureExtractor ... -> label

Where a model has no head, its output itself is explained.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import onnx_graphsurgeon as gs

from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.dependence import SIZES
from onnxplain.passes.edit import is_float
from onnxplain.passes.export import copy, export
from onnxplain.passes.laid_out import LAYOUTS, laid_out
from onnxplain.passes.ml_svm import is_platt
from onnxplain.passes.shapes import CLASSIFIERS
from onnxplain.passes.unused import cleanup

if TYPE_CHECKING:
    import onnx

ACTIVATIONS = ("Softmax", "LogSoftmax", "Sigmoid", "Hardmax", "QLinearSoftmax", "QLinearSigmoid")
"""Operators of the last activation."""

PASSIVE = (
    *("Identity", "Dropout", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Log"),
    *("QuantizeLinear", "DequantizeLinear"),
)
"""Operators that only convert or rearrange what they read."""

DECISIONS = ("ArgMax", "TopK")
"""Operators that derive a label from scores."""

FORMATS = ("ZipMap", "Normalizer")
"""Operators that write scores in another form."""


@dataclass(frozen=True)
class Head:
    """What was cut off.

    scores: name of the tensor of scores; output: name of the output that the head computes from them;
    cut: operator and name of each node of the head, in order from the scores on;
    models: the head as models, to be run one after another; the last one computes `output`.
    """

    scores: str
    output: str
    cut: tuple[str, ...] = ()
    models: tuple[onnx.ModelProto, ...] = ()

    def after(self, earlier: Head) -> Head:
        """Return this head joined with `earlier`, which was cut off before and begins at the `output` of this one."""
        return Head(self.scores, earlier.output, self.cut + earlier.cut, self.models + earlier.models)


def cut_head(graph: gs.Graph, output: gs.Tensor) -> Head:
    """Make the scores from which `output` is computed the only output of the graph, and return what was cut off.

    Raise `UnsupportedModelError` where no float scores are found.
    """
    scores = scores_of(output)
    if not is_float(scores):
        raise UnsupportedModelError(
            f"output {output.name!r} holds no float scores, and none were found behind it: "
            "name the output with the scores, or export the model with its logits as output"
        )
    laid = laid_out(graph, scores, output, (*ACTIVATIONS, *PASSIVE))
    if laid is None:  # the output itself is explained
        scores, laid = output, (output, None)
    head, (value, back) = _describe(graph, scores, output), laid
    graph.outputs = [value]
    if back is None:
        return head
    cut = tuple(each for each in head.cut if each.split()[0] not in LAYOUTS)
    return Head(value.name, head.output, cut, (back, *head.models))


def scores_of(output: gs.Tensor) -> gs.Tensor:
    """Return the scores from which `output` is computed; `output` itself where there are none behind it.

    Go back from `output` to the nearest activation of `ACTIVATIONS`; the scores are its input. Where there is none, or
    its input is not computed by any node, they are the float value nearest to `output`. The output must be computed of
    the scores alone: those of one member of an ensemble are not the scores of the whole.
    """
    return next((v for v in reversed(_behind(output)) if is_float(v) and _decide_alone(v, output)), output)


def _behind(output: gs.Tensor) -> list[gs.Tensor]:
    """Return the values that may be the scores of `output`, from the output itself on back to the last one."""
    found, value = [output], output
    while value.inputs:
        node = value.inputs[0]
        if node.op in ACTIVATIONS or is_platt(node):
            scores = _unquantised(node.inputs[0])
            return [*found, scores] if scores.inputs else found
        if node.op in (*PASSIVE, *DECISIONS, *FORMATS):
            value = node.inputs[0]
        elif is_float(value) or (decided := _decision(value)) is None or decided is value:
            break
        else:
            value = decided
        if not is_float(found[-1]) or node.op in (*DECISIONS, *FORMATS):
            found.append(value)
    return found


def _unquantised(value: gs.Tensor) -> gs.Tensor:
    """Return the floats that were quantised, for integers; a value of floats itself."""
    maker = value.inputs[0] if value.inputs and not is_float(value) else None
    return maker.inputs[0] if maker is not None and maker.op == "QuantizeLinear" else value


def _decide_alone(scores: gs.Tensor, output: gs.Tensor) -> bool:
    """Whether what the scores are computed from moves `output` by way of the scores alone.

    Another input, such as a threshold, may move it too. A label that the node of the scores gives beside them counts as
    computed of them.
    """
    return scores is output or not _sources(output, scores) & _sources(scores)


def _sources(value: gs.Tensor, past: gs.Tensor | None = None) -> set[str]:
    """Return the names of the inputs of the graph that move a value other than by its size.

    past: a value; the node that makes it is not looked through.
    """
    closed = {id(node) for node in past.inputs} if past is not None else set[int]()
    queue, seen, found = [value], {value.name}, set[str]()
    while queue:
        each = queue.pop()
        if each is past or isinstance(each, gs.Constant):
            continue
        if not each.inputs:
            found.add(each.name)
        for node in each.inputs:
            if id(node) in closed or node.op in SIZES:
                continue
            inner = (v for body in node.subgraphs() for v in body._foreign_tensors().values())  # noqa: SLF001
            new = [v for v in (*node.inputs, *inner) if v.name and v.name not in seen]
            seen.update(v.name for v in new)
            queue.extend(new)
    return found


def _decision(label: gs.Tensor) -> gs.Tensor | None:
    """Return the scores from which a label was decided, by the decision nearest to it; None where there is none."""
    queue, seen = deque([label]), {label.name}
    while queue:
        for node in queue.popleft().inputs:
            if node.op in DECISIONS:
                return node.inputs[0]
            if node.op in CLASSIFIERS:
                return node.outputs[1]
            new = [value for value in node.inputs if value.name not in seen]
            seen.update(value.name for value in new)
            queue.extend(new)
    return None


def _describe(graph: gs.Graph, scores: gs.Tensor, output: gs.Tensor) -> Head:
    """Return the head that lies between `scores` and `output`, with a model of it; the graph is not changed."""
    if scores is output:
        return Head(scores.name, output.name)
    tail = copy(graph)
    tensors = tail.tensors()
    start = tensors[scores.name]
    for maker in list(start.inputs):  # it may give a label beside the scores, and has as many outputs as before
        place = next(i for i, value in enumerate(maker.outputs) if value is start)
        maker.outputs[place] = gs.Variable(f"{start.name}/unread", dtype=start.dtype)
    others = [value for value in tail.inputs if value is not start]
    tail.inputs = others if isinstance(start, gs.Constant) else [*others, start]
    tail.outputs = [tensors[output.name]]
    cleanup(tail)
    behind = {scores.name}
    for node in tail.nodes:
        if any(value.name in behind for value in node.inputs):
            behind.update(value.name for value in node.outputs)
    cut = tuple(f"{node.op} {node.name!r}" for node in tail.nodes if node.outputs[0].name in behind)
    return Head(scores.name, output.name, cut, (export(tail),))
