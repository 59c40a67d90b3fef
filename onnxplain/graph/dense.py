"""The dense layers behind a network of convolutions, whose weights are most of its memory and little of its time.

onnxruntime packs the weight of each matrix product when it opens a session, for the forward run and for its adjoint
apart: two copies beside the weight itself. Where a product has a few rows only, that saves next to no time, and a
dense layer at the end of a convolutional network has one row for each picture. So these weights stay as they are, in
the array that is in memory anyway, and are read there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx

    from onnxplain.arrays import Array

LARGE = 2**26
"""So many bytes of weights the dense layers have together, where it is worth it."""
CONVOLUTIONS = 4
"""A network of so many convolutions spends its time in them."""
_PACKED = ("MatMul", "Gemm", "LSTM", "GRU", "Attention", "MultiHeadAttention")
"""The operators whose weights onnxruntime packs."""


def read_in_place(model: onnx.ModelProto, weights: Mapping[str, Array]) -> dict[str, Array]:
    """Return the weights by name that a session should read where they are, without packing any; none where it should.

    weights: the values of the initialisers that `model` only names. They are float32 and contiguous where they are read
    in place. A Gemm has rows of two axes, as a dense layer behind a Flatten has; what is multiplied by MatMul, such as
    the tokens of a text, has many rows, and gains from packed weights.
    """
    nodes = model.graph.node
    if sum(node.op_type == "Conv" for node in nodes) < CONVOLUTIONS:
        return {}
    packed = {name for node in nodes if node.op_type in _PACKED for name in node.input if name in weights}
    dense = {name for node in nodes if node.op_type == "Gemm" for name in node.input[:2] if name in weights}
    found = {name: weights[name] for name in dense if _is_plain(weights[name])}
    size = sum(each.nbytes for each in found.values())
    others = sum(weights[name].nbytes for name in packed - found.keys())
    return found if size >= LARGE and size > 8 * others else {}


def _is_plain(weight: Array) -> bool:
    """Whether onnxruntime can read an array where it is."""
    return weight.dtype == np.float32 and weight.flags.c_contiguous
