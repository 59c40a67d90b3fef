"""Linear operators of scikit-learn exports, of the domain ai.onnx.ml, become operators of the ONNX domain.

    Scaler              (x + (-offset)) · scale
    FeatureVectorizer   Concat along axis 1
    Normalizer          LpNormalization, for the norms L1 and L2; for MAX, x / max(x), or x where max(x) is 0
    Imputer             Where, by IsNaN or by the value that stands for what is missing
    ArrayFeatureExtractor    Gather, with constant indices
    LinearRegressor     x Wᵀ + b
    LinearClassifier    x Wᵀ + b, then Sigmoid or Softmax, as the attribute `post_transform` says. If W has one row,
                        with score s, for two classes, the scores are (-s, s), and their sigmoids are (1 - p, p).

A LinearClassifier whose labels are needed stays as it is. So does what has no slope, such as an encoder, which is
reported by name when a method needs to walk through it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from onnxplain.graph.notes import note
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.passes.edit import Editor, rewrite, values_of

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

_HEADS = {"NONE": None, "LOGISTIC": "Sigmoid", "SOFTMAX": "Softmax"}


def ml(graph: gs.Graph) -> int:
    """Replace linear operators of ai.onnx.ml; return how many nodes were replaced."""
    return rewrite(graph, _rewrite)


def _rewrite(edit: Editor, node: gs.Node) -> bool:
    rule = _RULES.get(node.op) if node.domain == "ai.onnx.ml" else None
    return rule is not None and rule(edit, node)


def _scaler(edit: Editor, node: gs.Node) -> bool:
    offset, scale = (np.array(node.attrs.get(name, default), "f") for name, default in (("offset", 0), ("scale", 1)))
    shifted = edit.add(
        "Add",
        [_as_float(edit, node, node.inputs[0]), edit.constant(-offset, f"{node.name}/offset")],
        f"{node.name}/shift",
    )
    return _become(node, "Mul", [shifted, edit.constant(scale, f"{node.name}/scale")])


def _feature_vectorizer(edit: Editor, node: gs.Node) -> bool:
    return _become(node, "Concat", [_as_float(edit, node, value) for value in node.inputs], axis=1)


def _linear_regressor(edit: Editor, node: gs.Node) -> bool:
    if node.attrs.get("post_transform", "NONE") != "NONE":
        return False
    weights = np.array(node.attrs["coefficients"], "f").reshape(node.attrs.get("targets", 1), -1)
    return _become(node, "Gemm", _dense(edit, node, weights, node.attrs.get("intercepts")), transB=1)


def _linear_classifier(edit: Editor, node: gs.Node) -> bool:
    transform, (label, scores) = node.attrs.get("post_transform", "NONE"), list(node.outputs)
    if transform not in _HEADS or label.outputs or id(label) in edit.results:
        return False
    classes = len(node.attrs.get("classlabels_ints") or node.attrs["classlabels_strings"])
    rows = len(node.attrs["intercepts"]) if node.attrs.get("intercepts") else classes
    weights = np.array(node.attrs["coefficients"], "f").reshape(rows, -1)
    bias = np.array(node.attrs.get("intercepts") or np.zeros(rows), "f")
    if rows == 1 and classes == 2:
        weights, bias = np.concatenate([-weights, weights]), np.concatenate([-bias, bias])
    node.outputs = [scores]
    inputs = _dense(edit, node, weights, bias)
    head = _HEADS[transform]
    if head is None:
        return _become(node, "Gemm", inputs, transB=1)
    logits = edit.add("Gemm", inputs, f"{node.name}/logits", like=scores, transB=1)
    return _become(node, head, [logits], **({"axis": 1} if transform == "SOFTMAX" else {}))


def _dense(edit: Editor, node: gs.Node, weights: Any, bias: Any) -> list[gs.Tensor]:
    """Return the inputs of a Gemm with these weights [outputs, inputs] and this bias, which may be None."""
    inputs = [_as_float(edit, node, node.inputs[0]), edit.constant(weights, f"{node.name}/weight")]
    return inputs if bias is None else [*inputs, edit.constant(np.array(bias, "f"), f"{node.name}/bias")]


def _as_float(edit: Editor, node: gs.Node, value: gs.Tensor) -> gs.Tensor:
    """Return `value` in float32, behind a Cast if it has another dtype."""
    if numpy_dtype(value) == np.float32:
        return value
    return edit.add("Cast", [value], f"{node.name}/float", to=TensorProto.FLOAT)


def _become(node: gs.Node, op: str, inputs: list[gs.Tensor], **attrs: Any) -> bool:
    note(node, "by standard operators that compute the same")
    node.op, node.domain, node.inputs, node.attrs = op, None, inputs, attrs
    return True


def _normalizer(edit: Editor, node: gs.Node) -> bool:
    norm = node.attrs.get("norm", "MAX")
    if norm not in _NORMS or len(node.inputs[0].shape or ()) != 2:
        return False
    x = _as_float(edit, node, node.inputs[0])
    if norm != "MAX":
        return _become(node, "LpNormalization", [x], p=_NORMS[norm], axis=1)
    stem, axis = node.name or node.op, edit.constant(np.array([1]), f"{node.name}/axis")
    largest = edit.add("ReduceMax", [x, axis], f"{stem}/largest", like=x, keepdims=1)
    none = edit.add("Equal", [largest, edit.constant(np.float32(0), f"{stem}/zero")], f"{stem}/none")
    divisor = edit.add("Where", [none, edit.constant(np.float32(1), f"{stem}/one"), largest], f"{stem}/divisor", like=x)
    none.dtype, none.shape = np.dtype(bool), [(x.shape or [None])[0], 1]
    largest.shape = divisor.shape = none.shape
    return _become(node, "Div", [x, divisor])


_NORMS = {"L1": 1, "L2": 2, "MAX": None}


def _imputer(edit: Editor, node: gs.Node) -> bool:
    x, given = node.inputs[0], node.attrs.get("imputed_value_floats")
    if not given or numpy_dtype(x) != np.float32:
        return False
    replaced = node.attrs.get("replaced_value_float", 0.0)
    stem = node.name or node.op
    if np.isnan(replaced):
        missing = edit.add("IsNaN", [x], f"{stem}/missing")
    else:
        missing = edit.add("Equal", [x, edit.constant(np.float32(replaced), f"{stem}/replaced")], f"{stem}/missing")
    missing.dtype, missing.shape = np.dtype(bool), x.shape
    return _become(node, "Where", [missing, edit.constant(np.array(given, "f"), f"{stem}/imputed"), x])


def _extractor(edit: Editor, node: gs.Node) -> bool:
    x, indices = node.inputs
    values = values_of(indices)
    if values is None or len(x.shape or ()) != 2 or values_of(x) is not None:
        return False
    return _become(node, "Gather", [x, edit.constant(values.ravel().astype(np.int64), f"{node.name}/columns")], axis=1)


_RULES = {
    "Normalizer": _normalizer,
    "Imputer": _imputer,
    "ArrayFeatureExtractor": _extractor,
    "Scaler": _scaler,
    "FeatureVectorizer": _feature_vectorizer,
    "LinearRegressor": _linear_regressor,
    "LinearClassifier": _linear_classifier,
}
