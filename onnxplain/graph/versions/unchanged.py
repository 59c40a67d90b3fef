"""Steps from one version of an operator to the next at which nothing changed its meaning.

A step is listed where the new version takes every node of the old one and means the same by it. It may have added
types, an attribute whose default is the old behaviour, or an input or an output that may be left out. A test compares
this list with the schemas of onnx. Where a description changed beyond its wording, the step is here because
onnxruntime computes the same for both versions, which the tests check on ONNX's own cases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TABLE = """
8 10 11 12 22: MaxPool
8 12 13: Max Min
8 13: Mean Sum
9 11 12 13 19 21 23 24: Constant
9 11 13: Gemm
9 11 13 21 23 24: Flatten
9 13: Greater Less MatMul
9 13 19 21 23 24: Cast
9 16: PRelu
10 11 19 22: AveragePool
11: Compress Hardmax LogSoftmax NonMaxSuppression OneHot ReduceSum Softmax Split
11 12 13: ArgMax ArgMin
11 12 13 20: ReduceMax ReduceMin
11 13: Concat DepthToSpace Gather ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMean ReduceProd ReduceSumSquare
    Slice
11 13 16 19 21 23 24: If Loop
11 13 19: Equal
11 16 19 21 23 24: Scan
11 18 22: LpPool
11 21 23 24: Squeeze Unsqueeze
11 22: Conv ConvTranspose MaxUnpool
11 24: TopK
12 13: Clip GatherND
12 13 15: Pow
13: Abs Ceil Erf Exp Expand Floor GatherElements LRN Log MeanVarianceNormalization Mod Neg NonZero Reciprocal Sigmoid
    Sign SoftmaxCrossEntropyLoss SpaceToDepth Sqrt Tanh Tile
13 14: Add Div Mul Relu Sub
13 14 16 19 21 23 24: Identity
13 14 19 21 23 24: Reshape
13 15 19 21 23 24: Shape
13 16 18: ScatterElements ScatterND
13 18 19: Resize
13 18 19 21 23 24: Pad
13 19 21 23 24: DequantizeLinear QuantizeLinear Size
13 20: IsNaN
13 21 23 24: Transpose
13 22: Dropout NegativeLogLikelihoodLoss
14: CumSum
14 22: GRU LSTM RNN
15: BatchNormalization
16: GreaterOrEqual LeakyRelu LessOrEqual Where
18: OptionalGetElement OptionalHasElement
19 21 23 24: CastLike
20: IsInf
20 21 23 24: ConstantOfShape
21: QLinearMatMul
22: Acos Acosh Asin Asinh Atan Atanh Bernoulli Cos Cosh DeformConv Det Elu EyeLike GlobalAveragePool GlobalLpPool
    GlobalMaxPool GridSample HardSigmoid HardSwish InstanceNormalization LpNormalization MaxRoiPool Mish Multinomial
    RandomNormal RandomNormalLike RandomUniform RandomUniformLike RoiAlign Round Selu Sin Sinh Softplus Softsign Tan
    ThresholdedRelu
24: Attention SplitToSequence
"""
"""The opsets that changed an operator, from opset 8 on, and the operators that they changed."""


def _read(table: str) -> Iterator[tuple[str, frozenset[int]]]:
    for line in table.replace("\n    ", " ").strip().splitlines():
        opsets, operators = line.split(":")
        yield from ((op, frozenset(map(int, opsets.split()))) for op in operators.split())


UNCHANGED: Mapping[str, frozenset[int]] = dict(_read(_TABLE))
"""By operator, the opsets that changed it but not its meaning."""
