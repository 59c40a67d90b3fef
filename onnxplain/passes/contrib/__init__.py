"""Operators that onnxruntime has beside those of ONNX are put back into standard ones.

Files that onnxruntime, or the optimiser of its package `onnxruntime.transformers`, has optimised hold operators of the
domains com.microsoft and com.microsoft.nchwc. Each computes what a few standard operators compute, and these take its
place: the modules of this room hold a form for each. What is walked is then what the file held before it was optimised,
and so are its attributions. That both compute the same is checked on the untouched file like all else.

A node without a form stays as it is; `why_left` says why.
"""

from __future__ import annotations

import onnx.parser
import onnx_graphsurgeon as gs

from onnxplain.graph.notes import note
from onnxplain.ops import find_op
from onnxplain.passes.contrib import (
    activations,
    attention,
    blocked,
    convolution,
    dense,
    grouped,
    normalise,
    plain,
    rotary,
)
from onnxplain.passes.contrib.form import FORMS, CannotError, Fused
from onnxplain.passes.contrib.without import reason
from onnxplain.passes.edit import Editor, rewrite
from onnxplain.passes.expand_functions import OWN, put_body

_ROOM = (activations, attention, blocked, convolution, dense, grouped, normalise, plain, rotary)
"""The modules that register forms when they are imported."""


def contrib(graph: gs.Graph) -> int:
    """Put operators of onnxruntime's own back into standard ones; return how many nodes were replaced."""
    return rewrite(graph, _put_back)


def why_left(node: gs.Node) -> str:
    """Return why a node of onnxruntime's own has no standard form; "" where none is known for its operator."""
    form = FORMS.get((node.domain or "", node.op))
    if form is None:
        return reason(node.domain, node.op)
    try:
        form.make(Fused(node, form))
    except CannotError as problem:
        return str(problem)
    return "its inputs and attributes do not fit its operator"


def _put_back(edit: Editor, node: gs.Node) -> bool:
    form = FORMS.get((node.domain or "", node.op))
    if form is None or find_op(node.domain, node.op) is not None:  # facts that the user states go first
        return False
    fused = Fused(node, form, edit.results)
    try:
        lines = form.make(fused)
    except CannotError:
        return False
    if len(node.inputs) > len(form.inputs) or len(node.outputs) > len(form.outputs):
        return False
    if not _replace(edit, fused, lines):
        return False
    note(node, "put back into standard operators")
    return True


def _replace(edit: Editor, fused: Fused, lines: str) -> bool:
    """Put the lines of a body in the place of a node; return False where they do not fit the node's values."""
    node, form, given = fused.node, fused.form, list(fused.node.inputs)
    for name, values in fused.weights.items():
        node.inputs[form.inputs.index(name)] = edit.constant(values, f"{node.name}/{name}")
    for i, name in enumerate(form.outputs[: len(node.outputs)]):
        if name not in fused.outputs:
            node.outputs[i] = gs.Variable.empty()
    outputs = form.outputs[: len(node.outputs)]
    head = f'<domain: "{OWN}", opset_import: ["" : {edit.graph.opset}]>'
    text = f"{head} {node.op} ({', '.join(form.inputs)}) => ({', '.join(outputs)}) {{{lines}\n}}"
    if not put_body(edit, node, onnx.parser.parse_function(text)):
        node.inputs = given
        return False
    return True
