"""Operators of ONNX that compute floats from floats and yet have no facts, with the reason for each.

An operator that is neither here nor registered with facts computes no float from a float: it compares, computes with
booleans, integers or text, or makes a constant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_BODY = "a pass replaces it by its function body"
_SIZED = "a pass replaces it by simpler operators, where the file states the lengths and axes that this takes"

_REASONS = {
    "a pass rewrites it in terms of other operators": "Div Dropout Mean Min ReduceMin Split Sub Sum",
    _BODY: """
        AffineGrid Attention LinearAttention CausalConvWithState ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp
        ReduceSumSquare RotaryEmbedding SwiGLU""",
    "a pass folds it, where constants or sizes that the file states decide it": """
        If Range EyeLike MelWeightMatrix OneHot""",
    "walked step by step, where sizes decide how many steps there are": "GRU LSTM Loop RNN Scan",
    "a staircase, its slope is 0 almost everywhere": "Hardmax",
    "a pass has it walked as its float operator and a clip, where it knows the scale": """
        ConvInteger DequantizeLinear DynamicQuantizeLinear MatMulInteger QLinearConv QLinearMatMul QuantizeLinear""",
    "one draw of a random number explains nothing": "Bernoulli RandomNormalLike RandomUniformLike",
    _SIZED: "CumProd DeformConv Det GlobalLpPool GridSample LpPool ReduceProd",
    "its output has an entry for each region, and not for each row; an operator of detectors": "MaxRoiPool RoiAlign",
    "how many elements it keeps, and in which order, depends on data": "Unique",
    "it takes the bits of a number for those of another": "BitCast",
    "a cache of generating models": "TensorScatter",
    "a loss, used in training": "NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss",
    "sequences and optionals carry no relevance": """
        ConcatFromSequence Optional OptionalGetElement SequenceAt SequenceConstruct SequenceErase SequenceInsert
        SequenceMap SplitToSequence""",
}

LEFT_OUT: Mapping[str, str] = {name: why for why, names in _REASONS.items() for name in names.split()}
"""For each operator by name, why it has no facts. Error messages and the table of the README give this reason."""

EXPANDED = frozenset(name for name, why in LEFT_OUT.items() if why in (_BODY, _SIZED))
"""Of these operators, those that a pass replaces by their function body. The bodies of the others explain nothing."""

QUANTISERS = frozenset({"QuantizeLinear", "DynamicQuantizeLinear", "BitCast"})
"""Operators that write floats as integers from which they can be read again."""
