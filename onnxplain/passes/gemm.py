"""Dense layers get one form: y = x B + c, a Gemm without alpha, beta and transA.

Gemm(A, B, C; α, β)      B is replaced by α B and C by β C, computed here if they are constants, by a Mul otherwise;
                         if A is constant and B is not, A is multiplied by α in place of B
Gemm(A, B; transA)       a Transpose of A is put before the Gemm
MatMul(x, W) + b         becomes Gemm(x, W, b) where x has rank 2, W and b are constants, and b has at most one row
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.passes.edit import Editor, is_float, is_onnx, rewrite, values_of
from onnxplain.passes.linear import only_producer

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array


def gemm(graph: gs.Graph) -> int:
    """Bring every Gemm into this form, and make one of each MatMul and Add; return how many nodes changed."""
    return rewrite(graph, _absorb_factors) + rewrite(graph, _take_bias)


def _absorb_factors(edit: Editor, node: gs.Node) -> bool:
    attrs = node.attrs
    if not is_onnx(node, "Gemm") or not (attrs.keys() & {"alpha", "beta", "transA"}):
        return False
    alpha, beta, transposed = attrs.pop("alpha", 1.0), attrs.pop("beta", 1.0), attrs.pop("transA", 0)
    if transposed:
        a = node.inputs[0]
        node.inputs[0] = edit.add("Transpose", [a], f"{node.name}/transA", like=a, perm=[1, 0])
    side = 0 if values_of(node.inputs[1]) is None and values_of(node.inputs[0]) is not None else 1
    node.inputs[side] = _times(edit, node, node.inputs[side], alpha)
    if len(node.inputs) > 2 and node.inputs[2].name:
        node.inputs[2] = _times(edit, node, node.inputs[2], beta)
    return alpha != 1 or beta != 1 or bool(transposed)


def _times(edit: Editor, node: gs.Node, value: gs.Tensor, factor: float) -> gs.Tensor:
    """Return `value` times a factor: a new constant if `value` is constant, otherwise the output of a new Mul."""
    if factor == 1:
        return value
    values = values_of(value)
    if values is not None:
        return edit.constant((values * np.float64(factor)).astype(values.dtype), f"{node.name}/scaled")
    number = edit.constant(np.array(factor, _dtype(value)), f"{node.name}/factor")
    return edit.add("Mul", [value, number], f"{node.name}/scaled", like=value)


def _dtype(value: gs.Tensor) -> Any:
    return np.float32 if value.dtype is None else value.dtype


def _take_bias(edit: Editor, node: gs.Node) -> bool:
    """Turn a MatMul and the Add of a bias into one Gemm."""
    if not is_onnx(node, "Add"):
        return False
    for value, bias in (node.inputs, node.inputs[::-1]):
        matmul = only_producer(edit, value, "MatMul")
        if matmul is not None and _is_dense(matmul, values_of(bias)):
            total = node.outputs[0]
            node.outputs.clear()
            matmul.op, matmul.inputs, matmul.outputs = "Gemm", [*matmul.inputs, bias], [total]
            return True
    return False


def _is_dense(matmul: gs.Node, bias: Array | None) -> bool:
    """Whether a MatMul is x W with x of rank 2 and W constant, and the bias is a constant of at most one row."""
    x, w = matmul.inputs[0], values_of(matmul.inputs[1])
    if w is None or w.ndim != 2 or bias is None or x.shape is None or len(x.shape) != 2:
        return False
    return is_float(x) and bias.shape[:-1] in ((), (1,)) and bias.shape[-1:] in ((), (1,), w.shape[1:])
