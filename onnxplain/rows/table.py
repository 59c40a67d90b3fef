"""The rule of each operator about the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.ops import Family, find_op
from onnxplain.rows import operators as by
from onnxplain.rows import products
from onnxplain.rows.place import OpenError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import onnx_graphsurgeon as gs

    from onnxplain.rows.operators import Places
    from onnxplain.rows.place import Place

    Rule = Callable[[gs.Node, Places], Place | Sequence[Place | None]]

_RULES: dict[Rule, str] = {
    by.broadcast: "Where Equal Less LessOrEqual Greater GreaterOrEqual And Or Xor Mod BitShift BitwiseAnd BitwiseOr Not"
    " Add Sub Mul Div Sum Mean Max Min Pow PRelu Clip QLinearAdd QLinearMul QLinearWhere",
    by.same: "Cast CastLike Identity Dropout QuantizeLinear DequantizeLinear IsNaN IsInf BitwiseNot Neg"
    " QLinearSigmoid QLinearLeakyRelu LabelEncoder OneHotEncoder Imputer Binarizer",
    by.at_front: "Conv ConvTranspose ConvInteger QLinearConv MaxPool AveragePool LpPool GlobalMaxPool GlobalAveragePool"
    " GlobalLpPool InstanceNormalization GroupNormalization LRN DepthToSpace SpaceToDepth GridSample Attention"
    " RotaryEmbedding Scaler Normalizer FeatureVectorizer LinearClassifier LinearRegressor SVMClassifier SVMRegressor"
    " TreeEnsembleClassifier TreeEnsembleRegressor TreeEnsemble ArrayFeatureExtractor"
    " QLinearGlobalAveragePool QLinearAveragePool",
    by.batch_norm: "BatchNormalization",
    by.resize: "Resize Upsample",
    by.reduce: "ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp"
    " ReduceSumSquare ArgMax ArgMin",
    by.over_axis: "Softmax LogSoftmax Hardmax LpNormalization Concat Split TopK ScatterElements GatherElements",
    by.over_last: "LayerNormalization RMSNormalization MatMulNBits",
    by.over_last_two: "Trilu",
    by.over_argument: "CumSum",
    by.quantise: "DynamicQuantizeLinear",
    by.fake_quantise: "FakeQuantize FakeQuantizeRelu",
    by.standardise: "MeanVarianceNormalization",
    by.transpose: "Transpose",
    by.reshape: "Reshape Flatten Squeeze Unsqueeze",
    by.slices: "Slice",
    by.pad: "Pad",
    by.gather: "Gather",
    by.expand: "Expand",
    by.tile: "Tile",
    by.one_hot: "OneHot",
    products.matmul: "MatMul MatMulInteger QLinearMatMul MatMulIntegerToFloat",
    products.dynamic: "DynamicQuantizeMatMul",
    products.gemm: "Gemm",
    products.einsum: "Einsum",
    products.recurrent: "RNN GRU LSTM",
}
_BY_OP = {op: rule for rule, ops in _RULES.items() for op in ops.split()}
_DOMAINS = (None, "", "ai.onnx", "ai.onnx.ml", "com.microsoft", "onnxplain")
_ELEMENTWISE = (Family.ELEMENTWISE, Family.SUM)


def rule_of(node: gs.Node) -> Rule:
    """Return the rule of a node. Raises OpenError where there is none."""
    if node.domain in _DOMAINS and node.op in _BY_OP:
        return _BY_OP[node.op]
    op = find_op(node.domain, node.op)
    if op is not None and op.family in _ELEMENTWISE:
        return by.broadcast
    raise OpenError
