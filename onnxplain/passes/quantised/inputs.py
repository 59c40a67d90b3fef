"""An input in integers becomes floats at once, and integers again: what is attributed to is the float input.

x_q -> Transpose -> DequantizeLinear   becomes   x_q -> DequantizeLinear -> x -> QuantizeLinear -> Transpose -> ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.graph.tensors import numpy_dtype
from onnxplain.passes.edit import Editor, is_onnx, redirect
from onnxplain.passes.quantised.operators import CARRIERS, Integers, operator_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES = ("int8", "uint8", "int16", "uint16")


def float_inputs(graph: gs.Graph) -> int:
    """Give each quantised input of a graph its floats; return how many there are."""
    return sum(_start(graph, value) for value in graph.inputs if getattr(numpy_dtype(value), "name", "") in _TYPES)


def _start(graph: gs.Graph, q: gs.Variable) -> bool:
    """Insert DequantizeLinear and QuantizeLinear behind an input, with the scale and zero point of its readers."""
    found = list(_scales(q))
    if not found or any(each != found[0] for each in found):
        return False
    scale, *zero = (value for value in found[0] if value is not None)
    edit = Editor(graph)
    again = gs.Variable(edit.fresh(f"{q.name}/quantised"), q.dtype, q.shape)
    redirect(q, again)
    floats = gs.Variable(edit.fresh(f"{q.name}/dequantised"), np.dtype(np.float32), q.shape)
    first = gs.Node("DequantizeLinear", edit.fresh(f"{q.name}/dequantise"), {}, [q, scale, *zero], [floats])
    second = gs.Node("QuantizeLinear", edit.fresh(f"{q.name}/quantise"), {}, [floats, scale, *zero], [again])
    graph.nodes = [first, second, *graph.nodes]
    return True


def _scales(q: gs.Tensor) -> Iterator[tuple[gs.Tensor, gs.Tensor | None] | tuple[None, None]]:
    """Yield the constants that hold scale and zero point, for each reader of integers; None for one without them."""
    for node in q.outputs:
        known = operator_of(node)
        if is_onnx(node, *CARRIERS) and node.inputs[0] is q:
            yield from _scales(node.outputs[0])
        elif node.op == "DequantizeLinear":
            yield _constants(node, 1, 2)
        elif known is not None:
            sides = (
                each for each in known.sources(node) if isinstance(each, Integers) and node.inputs[each.values] is q
            )
            yield from (_constants(node, each.scale, each.zero) for each in sides)
        else:
            yield None, None


def _constants(node: gs.Node, scale: int, zero: int) -> tuple[gs.Tensor, gs.Tensor | None] | tuple[None, None]:
    """Return the constants at two positions of the inputs of a node; None, None where it has no single scale."""
    given = [node.inputs[i] if i < len(node.inputs) and node.inputs[i].name else None for i in (scale, zero)]
    if any(each is not None and (not isinstance(each, gs.Constant) or each.values.size != 1) for each in given):
        return None, None
    return (None, None) if given[0] is None else (given[0], given[1])
