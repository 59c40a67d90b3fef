"""Integers whose scale is computed from the input: what DynamicQuantizeLinear makes, and products of it.

    file:    x -> DynamicQuantizeLinear -> (x_q, s, zero);  MatMulInteger(x_q, w_q) -> Cast -> Mul(. , s * s_w) -> y
    walked:  x -> FakeQuantize(. , value) -> MatMul(. , w_q - zero) -> Mul(. , s_w) -> FakeQuantize(. , y)

The scale spans all values, so that nothing is cut off, and the slope is 1 everywhere. The scale itself is held: nothing
is walked through it. The walked product is that of MatMulInteger times s, so that s is taken out of the factor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.graph.notes import note
from onnxplain.passes.edit import is_onnx, values_of

if TYPE_CHECKING:
    from onnxplain.passes.quantised.walked import Walked

PRODUCTS = {"MatMulInteger": "MatMul", "ConvInteger": "Conv"}
"""Products of integers, which have no scale yet, and the float operators that they are walked as."""


def quantise(walked: Walked, node: gs.Node) -> None:
    """DynamicQuantizeLinear: the floats that its integers stand for."""
    q, scale, zero = node.outputs
    note(node, "as rounding, of slope 1; its scale is held")
    value = walked.dequantised(q, scale, zero, 0)
    output, name = walked.stand_in(q), walked.rename(node)
    walked.take(q, walked.rounded(walked[node.inputs[0]], value, output, name), scales=(scale,), exact=True)


def multiply(walked: Walked, node: gs.Node) -> None:
    """Multiply integers: the float product, which is that of the file times the scales of its computed sides."""
    sides = [_side(walked, node, i) for i in (0, 1)]
    result, found = node.outputs[0], [side for side, _ in sides if side is not None]
    scales = tuple(scale for _, given in sides for scale in given)
    if len(found) < len(sides) or not scales:
        return
    note(node, f"as {PRODUCTS[node.op]} on the floats that its integers stand for; their scale is held")
    product = walked.like(result, f"{result.name}/product")
    walked.take(
        result, walked.node(PRODUCTS[node.op], found, product, f"{node.name}/product", **node.attrs), scales=scales
    )


def scale(walked: Walked, node: gs.Node) -> None:
    """Cast a product of integers, or multiply it by its scales: only then it is a value of the file in floats."""
    if is_onnx(node, "Cast"):
        value = node.inputs[0]
        walked.take(node.outputs[0], walked.twin(value), scales=walked.scales[id(value)])
    elif is_onnx(node, "Mul"):
        _scale(walked, node)


def _scale(walked: Walked, node: gs.Node) -> None:
    integers, by = sorted(node.inputs, key=lambda value: id(value) not in walked.scales)
    wanted, constants = list(walked.scales[id(integers)]), []
    for factor in _factors(by):
        if any(factor is each for each in wanted):
            wanted = _without(wanted, factor)
        elif isinstance(factor, gs.Constant):
            constants.append(factor.values.astype(np.float32))
        else:
            return
    if wanted:
        return
    result, z = node.outputs[0], walked.twin(integers)
    output, name = walked.stand_in(result), walked.rename(node)
    if constants:
        factor = walked.edit.constant(np.asarray(np.prod(np.broadcast_arrays(*constants), 0)), f"{name}/scale")
        z = walked.node("Mul", [z, factor], walked.like(output, f"{output.name}/unrounded"), name)
    walked.take(result, walked.rounded(z, result, output, f"{name}/rounded"), exact=True)


def _without(values: list[gs.Tensor], one: gs.Tensor) -> list[gs.Tensor]:
    """Return the values but for the first that is `one`."""
    place = next(i for i, value in enumerate(values) if value is one)
    return values[:place] + values[place + 1 :]


def _factors(value: gs.Tensor) -> list[gs.Tensor]:
    """Return the values of which a value is the product."""
    if value.inputs and is_onnx(value.inputs[0], "Mul"):
        return [factor for each in value.inputs[0].inputs for factor in _factors(each)]
    return [value]


def _side(walked: Walked, node: gs.Node, i: int) -> tuple[gs.Tensor | None, tuple[gs.Tensor, ...]]:
    """Return one side of a product in floats, None where it cannot be walked, and the scales that it was multiplied by.

    Integers that are constants have none; their zero point is taken off.
    """
    value = node.inputs[i]
    zero = node.inputs[i + 2] if i + 2 < len(node.inputs) and node.inputs[i + 2].name else None
    if isinstance(value, gs.Constant):
        point = np.zeros(1, value.values.dtype) if zero is None else values_of(zero)
        if point is None or point.ndim > 1:
            return None, ()
        axis = 0 if node.op == "ConvInteger" else value.values.ndim - 1
        shape = [-1 if each == axis else 1 for each in range(value.values.ndim)]
        floats = value.values.astype(np.float32) - point.astype(np.float32).reshape(shape)
        return walked.edit.constant(floats, f"{value.name}/floats"), ()
    known = walked.scales.get(id(value), ())
    makers = [each.inputs[0] if each is not None and each.inputs else None for each in (value, zero)]
    same = makers[0] is not None and makers[0] is makers[1]
    return (walked[value], known) if known and same else (None, ())
