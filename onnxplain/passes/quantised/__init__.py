"""Quantised networks get a second graph beside their own: the same operators on floats. It is the one that is walked.

The file's own nodes stay as they are, so that runtimes compute what they compute of the file. Beside them stands, for
each, the float operator on the floats that the integers stand for, and where the file quantises, one node joins both:

    file:    x_q -> QLinearConv -> y_q -> DequantizeLinear -> value
    walked:  x -> Conv -> z -> FakeQuantize(z, value) -> y

FakeQuantize gives what the file computes, and is walked as a clip of z (see `onnxplain.ops.quantise`); through `value`
nothing is walked. So every value y is the file's, whatever the runtime makes of its integers, and rounding is booked at
one kind of node. z is computed only where a rule reads it.

Handled are QuantizeLinear and DequantizeLinear with constant scales, the operators of `operators`, those that hand on
elements of integers, and DynamicQuantizeLinear with its products (`dynamic`). Whatever else reads integers stays as it
is, and is refused by name when a plan is made.
"""

from __future__ import annotations

import onnx
import onnx_graphsurgeon as gs

from onnxplain.graph.dependence import SIZES
from onnxplain.ops import registry
from onnxplain.ops.quantise import CLIP, DOMAIN, FILE, POOL, RECTIFIER
from onnxplain.passes.edit import is_float, is_onnx
from onnxplain.passes.quantised import dynamic
from onnxplain.passes.quantised.ends import free_scores
from onnxplain.passes.quantised.inputs import float_inputs
from onnxplain.passes.quantised.integers import carry, compute, dequantise, quantise
from onnxplain.passes.quantised.operators import CARRIERS, operator_of
from onnxplain.passes.quantised.pools import pool
from onnxplain.passes.quantised.scores import float_scores
from onnxplain.passes.quantised.unsigned import unsigned
from onnxplain.passes.quantised.walked import Walked

__all__ = ["float_scores", "quantised"]

_QUANTISERS = {
    "QuantizeLinear": quantise,
    "DequantizeLinear": dequantise,
    "DynamicQuantizeLinear": dynamic.quantise,
}


def quantised(graph: gs.Graph) -> int:
    """Add the graph that is walked, and let the output be its; return how many nodes it has."""
    if not any(node.op in _QUANTISERS or operator_of(node) for node in graph.nodes):
        return 0
    unsigned(graph)
    float_inputs(graph)
    walked, nodes, output = Walked(graph), [], graph.outputs[0].name
    for node in graph.nodes:
        _follow(walked, node)
        # what is walked comes behind the node, whose values it may read, and before it what the node now reads
        nodes += [node, *walked.edit.new]
        walked.edit.new = []
    _end(walked, graph, output)
    graph.nodes = [*nodes, *walked.edit.new]
    graph.toposort()
    free_scores(graph)
    graph.functions = [*graph.functions, *(_function(each, graph.opset) for each in (CLIP, RECTIFIER, POOL))]
    return len(graph.nodes) - sum(1 for node in nodes if node.name.endswith(FILE))


def _follow(walked: Walked, node: gs.Node) -> None:
    """Add what is walked in the place of one node of the file, if anything is."""
    known = operator_of(node)
    if node.op in _QUANTISERS:
        _QUANTISERS[node.op](walked, node)
    elif known is not None:
        compute(walked, node, known)
    elif node.op not in SIZES and any(value in walked for value in node.inputs):
        _follow_values(walked, node)


def _follow_values(walked: Walked, node: gs.Node) -> None:
    """Add what is walked in the place of a node that reads values in whose place others are walked."""
    if is_onnx(node, *dynamic.PRODUCTS):
        dynamic.multiply(walked, node)
    elif any(id(value) in walked.scales for value in node.inputs):
        dynamic.scale(walked, node)
    elif any(id(value) in walked.quanta for value in node.inputs):
        if is_onnx(node, *CARRIERS) and not pool(walked, node):
            carry(walked, node)
    elif not any(True for _ in node.subgraphs()) and not pool(walked, node):
        walked.again(node, [walked[value] for value in node.inputs])


def _end(walked: Walked, graph: gs.Graph, name: str) -> None:
    """Let the output of the graph, `name`, be what is walked. Its value is that of the file to the last bit."""
    (output,) = graph.outputs
    if output not in walked or not is_float(walked[output]):
        return
    result = walked.twin(output)
    if id(output) not in walked.exact:
        result.name = walked.edit.fresh(f"{name}/walked")
        result = walked.rounded(result, output, walked.like(output, f"{name}/rounded"), f"{name}/rounded")
    output.name, result.name = walked.edit.fresh(name + FILE), name
    graph.outputs = [result]


def _function(name: str, opset: int) -> gs.Function:
    """Return the definition by which runtimes know an operator of our own: the value of the file.

    As the maximum of one array, and not by Identity, which onnxruntime takes away; it would move the file's quantisers
    over to the operators on floats then, and compute nodes that both graphs have only once.
    """
    own = registry()[DOMAIN, name].inputs
    inputs, y = {each: gs.Variable(each) for each in own}, gs.Variable("y")
    body = [gs.Node("Max", "", {}, [inputs["value"]], [y])]
    attrs = dict.fromkeys(onnx.defs.get_schema(POOL).attributes) if name == POOL else {}
    return gs.Function(name, DOMAIN, body, list(inputs.values()), [y], opset=opset, attrs=attrs)
