"""A linear node that computes z can compute a·z + c instead, with one number a and c per output channel.

What fold_affine and fold_batchnorm share is here. A linear node is a Conv, ConvTranspose, Gemm or MatMul with a
constant weight. It gets this weight and bias, where o counts output channels and i input channels:

                    weight               bias
    Conv            W[o] a[o]            a b + c
    ConvTranspose   W[i, o] a[o]         a b + c      with output channels counted group by group
    Gemm            B[i, o] a[o]         a β C + c    and β = 1; alpha and transposes stay
    MatMul          B[..., i, o] a[o]    none         possible only where c = 0

The new constants are computed in float64 and stored in float32. Initialisers are not changed, since other nodes may
read them too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.passes.edit import is_onnx, values_of

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.passes.edit import Editor

Values: TypeAlias = "Array"


def only_producer(edit: Editor, value: gs.Tensor, *ops: str) -> gs.Node | None:
    """Return the node that computes `value`, if its operator is one of `ops` and the value has only one reader."""
    if isinstance(value, gs.Constant) or len(value.inputs) != 1 or len(value.outputs) != 1:
        return None
    node = value.inputs[0]
    return node if is_onnx(node, *ops) and id(value) not in edit.results else None


def only_consumer(edit: Editor, value: gs.Tensor, *ops: str) -> gs.Node | None:
    """Return the only node that reads `value`, if its operator is one of `ops` and it reads it as its first input."""
    if len(value.outputs) != 1 or id(value) in edit.results:
        return None
    node = value.outputs[0]
    return node if is_onnx(node, *ops) and node.inputs[0] is value else None


def constant_side(node: gs.Node) -> tuple[gs.Tensor, Values | None]:
    """Return the computed operand of a Mul or Add, and the values of the constant one.

    The values are None where both operands are computed or both constant, or where the constant holds no floats.
    """
    sides = [values_of(value) for value in node.inputs]
    at = 1 if sides[1] is not None else 0
    values = sides[at] if sides[1 - at] is None else None
    return node.inputs[1 - at], values if values is not None and values.dtype.kind == "f" else None


def neutral(node: gs.Node) -> bool:
    """Whether a Mul or Add certainly returns its computed operand: by 1 or plus 0, not enlarged."""
    x, values = constant_side(node)
    if values is None:
        return False
    return bool(np.all(values == (1.0 if node.op == "Mul" else 0.0))) and keeps_shape(x, values.shape)


def keeps_shape(x: gs.Tensor, shape: tuple[int, ...]) -> bool:
    """Whether x certainly keeps its shape when it is broadcast against `shape`."""
    if not shape:
        return True
    if x.shape is None or len(shape) > len(x.shape):
        return False
    return all(size in (1, own) for size, own in zip(shape[::-1], x.shape[::-1], strict=False))


def per_channel(values: Values, count: int, rank: int, axis: int) -> Values | None:
    """Return `values` as one float64 number per channel.

    None where they vary along another axis than that of the channels, or have more axes than the value that they are
    combined with. count: number of channels; rank: number of axes of that value; axis: its axis of channels, counted
    from the back and hence negative.
    """
    if values.ndim > rank:
        return None
    shape = (1,) * (rank - values.ndim) + values.shape
    others = shape[:axis] + shape[rank + axis + 1 :]
    if any(size != 1 for size in others) or shape[axis] not in (1, count):
        return None
    return np.broadcast_to(values.astype(np.float64).ravel(), (count,))


def weight(node: gs.Node) -> Values | None:
    """Return the constant weight of a linear node, None for any other node."""
    known = is_onnx(node, "Conv", "ConvTranspose", "Gemm", "MatMul")
    return values_of(node.inputs[1]) if known else None


def channels(node: gs.Node) -> tuple[int, int] | None:
    """Return number and (negative) axis of a linear node's output channels; None where it has no constant weight."""
    w = weight(node)
    if w is None or w.ndim < 2:
        return None
    if node.op == "Gemm":
        return w.shape[0 if node.attrs.get("transB") else 1], -1
    if node.op == "MatMul":
        return w.shape[-1], -1
    return w.shape[0] if node.op == "Conv" else w.shape[1] * node.attrs.get("group", 1), 1 - w.ndim


def absorb(edit: Editor, node: gs.Node, a: Values, c: Values) -> bool:
    """Let `node` compute a·z + c instead of z, with a and c of one element per output channel.

    Return False, and change nothing, where the weight or the bias is not constant, or a MatMul would need a bias.
    """
    w, bias = weight(node), bias_of(node)
    if w is None or bias is None or (node.op == "MatMul" and c.any()):
        return False
    rewire(edit, node, _scaled(node, w, a), a * bias + c)
    return True


def rewire(edit: Editor, node: gs.Node, weight: Values, bias: Values) -> None:
    """Give a linear node a new weight and bias, in float32. A bias of zeros is not added to a node that has none."""
    stem = node.name or node.op
    inputs = [node.inputs[0], edit.constant(weight.astype(np.float32), f"{stem}_weight")]
    if len(node.inputs) > 2 or bias.any():
        inputs.append(edit.constant(bias.astype(np.float32), f"{stem}_bias"))
    node.inputs = inputs
    node.attrs.pop("beta", None)


def bias_of(node: gs.Node) -> Values | None:
    """Return the bias of a linear node in float64, times β in a Gemm; 0 where it has none, None if it is computed."""
    given = node.inputs[2] if len(node.inputs) > 2 and not node.inputs[2].is_empty() else None
    if given is None:
        return np.zeros(())
    values = values_of(given)
    return None if values is None else values.astype(np.float64) * node.attrs.get("beta", 1.0)


def _scaled(node: gs.Node, w: Values, a: Values) -> Values:
    """Return the weight w of a linear node with each output channel multiplied by its element of a."""
    if node.op == "Conv":
        return w * a.reshape(-1, *(1,) * (w.ndim - 1))
    if node.op == "ConvTranspose":
        groups = node.attrs.get("group", 1)
        grouped = w.reshape(groups, -1, *w.shape[1:]) * a.reshape(groups, 1, -1, *(1,) * (w.ndim - 2))
        return grouped.reshape(w.shape)
    return w * (a[:, None] if node.attrs.get("transB") else a)
