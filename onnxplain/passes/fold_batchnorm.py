"""BatchNormalization (BN) is folded into a neighbour where possible.

BN computes y = a x + c in each channel, with a = scale / √(var + ε) and c = bias - a · mean.

    Conv, ConvTranspose, Gemm, MatMul -> BN    folded into the weight and bias of the linear node
    Mul, Add with a constant -> BN             y = a (m x + k) + c: BN takes over m and k, and may then be folded itself
    BN -> Conv, Gemm                           weight W[o, i] a[i], bias b[o] + Σ W[o, i] c[i] over i; a Conv must not
                                               pad, unless c = 0
    otherwise                                  BN gets mean 0, variance 1 and ε = 0, so that y = scale · x + bias

Nothing is folded where another node reads the value in between, or where it is a graph output. A padded Conv pads what
BN returns with 0. With BN folded in, it would have to pad the input of BN with -c/a instead, a different value in each
channel, which no Pad can do; so BN stays. BN in training, or with computed statistics, stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.passes.edit import is_onnx, rewrite, values_of
from onnxplain.passes.linear import (
    absorb,
    bias_of,
    channels,
    constant_side,
    keeps_shape,
    only_consumer,
    only_producer,
    per_channel,
    rewire,
    weight,
)

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from onnxplain.passes.edit import Editor
    from onnxplain.passes.linear import Values

EPSILON = 1e-5  # ONNX's default


def fold_batchnorm(graph: gs.Graph) -> int:
    """Fold each BatchNormalization, or bring it into the form y = scale · x + bias; return how many places changed."""
    return rewrite(graph, _fold)


def _fold(edit: Editor, node: gs.Node) -> bool:
    if is_onnx(node, "Mul", "Add"):
        return _into_batchnorm(edit, node)
    affine = _affine(node)
    return affine is not None and (
        _into_producer(edit, node, *affine) or _into_consumer(edit, node, *affine) or _canonicalise(edit, node, *affine)
    )


def _affine(node: gs.Node) -> tuple[Values, Values] | None:
    """Return a and c in float64, per channel; None unless the node is BN in inference with constant statistics."""
    if not is_onnx(node, "BatchNormalization") or node.attrs.get("training_mode"):
        return None
    given = [values_of(value) for value in node.inputs[1:5]]
    if len(node.outputs) != 1 or any(values is None for values in given):
        return None
    scale, bias, mean, var = (np.asarray(values, np.float64) for values in given)
    a = scale / np.sqrt(var + node.attrs.get("epsilon", EPSILON))
    return a, bias - a * mean


def _canonicalise(edit: Editor, node: gs.Node, a: Values, c: Values) -> bool:
    """Let a BN compute a x + c with mean 0, variance 1 and ε = 0; return whether this changed it."""
    changed = bool(node.attrs.get("epsilon", EPSILON) != 0)
    for i, values in enumerate((a, c, np.zeros_like(a), np.ones_like(a)), 1):
        given = values_of(node.inputs[i])
        if given is None or not np.array_equal(given, values.astype(np.float32)):
            node.inputs[i] = edit.constant(values.astype(np.float32), f"{node.name or node.op}_{i}")
            changed = True
    node.attrs = {"epsilon": 0.0}
    return changed


def _into_batchnorm(edit: Editor, node: gs.Node) -> bool:
    """Fold a Mul or Add with a constant into the BN that reads its output."""
    x, values = constant_side(node)
    norm = only_consumer(edit, node.outputs[0], "BatchNormalization")
    affine = _affine(norm) if norm else None
    if norm is None or affine is None or values is None or not keeps_shape(x, values.shape):
        return False
    a, c = affine
    rank = len(x.shape or ())
    k = per_channel(values, len(a), rank, 1 - rank)
    if k is None:
        return False
    _canonicalise(edit, norm, *((a * k, c) if node.op == "Mul" else (a, c + a * k)))
    return edit.bypass(node, x)


def _into_producer(edit: Editor, node: gs.Node, a: Values, c: Values) -> bool:
    """Fold a BN into the linear node that computes its input. A MatMul has no bias: there c becomes an Add."""
    linear = only_producer(edit, node.inputs[0], "Conv", "ConvTranspose", "Gemm", "MatMul")
    if linear is None or channels(linear) is None:
        return False
    if linear.op != "MatMul":
        return absorb(edit, linear, a, c) and edit.bypass(node, node.inputs[0])
    if len(node.inputs[0].shape or ()) != 2:  # the channels of BN, axis 1, are not those of MatMul, the last axis
        return False
    absorb(edit, linear, a, np.zeros_like(c))
    stem = node.name or "Add"
    bias = edit.constant(c.astype(np.float32), f"{stem}_bias")
    edit.add("Add", [node.inputs[0], bias], stem, output=node.outputs[0])
    return True


def _into_consumer(edit: Editor, node: gs.Node, a: Values, c: Values) -> bool:
    """Fold a BN into the Conv or Gemm that reads its output."""
    linear = only_consumer(edit, node.outputs[0], "Conv", "Gemm")
    w, bias = (weight(linear), bias_of(linear)) if linear else (None, None)
    if linear is None or w is None or bias is None or linear.attrs.get("transA"):
        return False
    if linear.op == "Conv" and c.any() and not _unpadded(linear):
        return False
    shift, scaled = _seen_through(linear, w.astype(np.float64), a, c)
    rewire(edit, linear, scaled, bias + shift)
    return edit.bypass(node, node.inputs[0])


def _unpadded(conv: gs.Node) -> bool:
    return conv.attrs.get("auto_pad", "NOTSET") in ("NOTSET", "VALID") and not any(conv.attrs.get("pads", ()))


def _seen_through(linear: gs.Node, w: Values, a: Values, c: Values) -> tuple[Values, Values]:
    """Return what a Conv or Gemm with weight w makes of c, and w with its input channels scaled by a.

    a and c have one number per input channel. The first result has one per output channel, the second the shape of w.
    """
    if linear.op == "Gemm":
        inputs_last = bool(linear.attrs.get("transB"))
        a, c = (v if inputs_last else v[:, None] for v in (a, c))
        return (w * c).sum(1 if inputs_last else 0) * linear.attrs.get("alpha", 1.0), w * a
    groups = linear.attrs.get("group", 1)
    grouped = w.reshape(groups, -1, *w.shape[1:])
    a, c = (v.reshape(groups, 1, -1, *(1,) * (w.ndim - 2)) for v in (a, c))
    return (grouped * c).reshape(len(w), -1).sum(1), (grouped * a).reshape(w.shape)
