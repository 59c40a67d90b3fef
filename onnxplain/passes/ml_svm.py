"""Support vector machines of ai.onnx.ml become the closed form of their kernel, which can be walked.

With support vectors V [S, D], γ, c and d from `kernel_params`:

    LINEAR     x Vᵀ
    POLY       (γ x Vᵀ + c)^d
    SIGMOID    tanh(γ x Vᵀ + c)
    RBF        exp(-γ Σ (x - v)²)

    SVMRegressor     K a + ρ, with the coefficients a [S]
    SVMClassifier    for each pair of classes i < j: Σ over the vectors of i of a[j-1] K + Σ over those of j of a[i] K
                     + ρ; of two classes onnxruntime writes (-s, s), or (1 - s, s) with any post_transform

                     with A = `prob_a` and B = `prob_b`, for two classes: (-z, z) of z = A s + B, then probabilities

Without support vectors both are linear: x aᵀ + ρ[0]. The probabilities are those of Platt's scaling, sigmoid(-z) and
sigmoid(z), which onnxruntime finds by an iteration that is off by up to 0.0025. So a machine of the same kind computes
them from z, as the last activation of the classifier (see `is_platt`). What stays as it is, and is refused by name
where it would be walked: probabilities of more classes, which the iteration couples, a regressor of `one_class`, and a
classifier whose label is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from onnxplain.graph.notes import note
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.passes.edit import Editor, producer, rewrite, values_of
from onnxplain.passes.ml_trees import HEADS

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array


_PLATT = {
    "kernel_type": "LINEAR",
    "kernel_params": [0.0, 0.0, 0.0],
    "support_vectors": [0.0, 1.0, 0.0, 0.0],
    "coefficients": [1.0, 0.0],
    "vectors_per_class": [1, 1],
    "rho": [0.0],
    "prob_a": [1.0],
    "prob_b": [0.0],
    "post_transform": "NONE",
}
"""The machine whose score is the second of its two inputs, and whose probabilities are those of Platt's scaling.

Its second vector adds 0: of a class without vectors, onnxruntime would look up a coefficient behind the last one.
"""


def is_platt(node: gs.Node) -> bool:
    """Whether a node makes the probabilities of two classes from (-z, z), which `ml_svm` has put before it."""
    maker = producer(node.inputs[0], "Gemm") if node.op == "SVMClassifier" else None
    weights = None if maker is None else values_of(maker.inputs[1])
    known = all(node.attrs.get(name) == value for name, value in _PLATT.items())
    return known and weights is not None and np.array_equal(weights[:, :1], -weights[:, 1:])


def ml_svm(graph: gs.Graph) -> int:
    """Replace support vector machines; return how many nodes were replaced."""
    return rewrite(graph, _rewrite)


def _rewrite(edit: Editor, node: gs.Node) -> bool:
    if node.domain != "ai.onnx.ml":
        return False
    if node.op == "SVMRegressor":
        return _regressor(edit, node)
    return node.op == "SVMClassifier" and _classifier(edit, node)


def _regressor(edit: Editor, node: gs.Node) -> bool:
    if node.attrs.get("one_class", 0) or node.attrs.get("post_transform", "NONE") != "NONE":
        return False
    count, rho = node.attrs.get("n_supports", 0), np.array(node.attrs["rho"], "f")[:1]
    weights = np.array(node.attrs["coefficients"], "f")[:, None]
    source = _kernel(edit, node, count) if count else _as_float(edit, node)
    return _become(node, edit, source, weights, rho)


def _classifier(edit: Editor, node: gs.Node) -> bool:
    label, scores = node.outputs
    transform = node.attrs.get("post_transform", "NONE")
    if label.outputs or id(label) in edit.results or transform not in HEADS:
        return False
    classes = len(node.attrs.get("classlabels_ints") or node.attrs.get("classlabels_strings") or ())
    own = np.array(node.attrs.get("vectors_per_class") or (), int)
    rho, weights = np.array(node.attrs["rho"], "f"), np.array(node.attrs["coefficients"], "f")
    if node.attrs.get("prob_a"):
        return classes == 2 and transform == "NONE" and bool(own.sum()) and _platt(edit, node, own)
    if classes < 2 or (transform != "NONE" and (classes > 2 or not own.sum())):
        return False
    if own.sum():
        source, weights = _kernel(edit, node, int(own.sum())), _pairs(weights.reshape(classes - 1, -1), own)
        rho = rho[: weights.shape[1]]
        if classes == 2:
            weights, rho = np.concatenate([-weights, weights], 1), np.append(-rho, rho)
            rho = rho if transform == "NONE" else rho + np.array([1, 0], "f")
    else:
        source, weights = _as_float(edit, node), weights.reshape(classes, -1).T
        rho = np.repeat(rho[:1], classes)
    node.outputs = [scores]
    return _become(node, edit, source, weights, rho)


def _platt(edit: Editor, node: gs.Node, own: Array) -> bool:
    """Let a node make its probabilities from (-z, z), which new nodes compute from the kernel."""
    if is_platt(node):
        return False
    note(node, "in closed form up to the logits of its probabilities")
    given = {name: np.array(node.attrs[name], float) for name in ("coefficients", "rho", "prob_a", "prob_b")}
    a, b = given["prob_a"][0], given["prob_b"][0]
    z = a * _pairs(given["coefficients"].reshape(1, -1), own)
    shift = a * given["rho"][:1] + b
    stem, source = node.name or node.op, _kernel(edit, node, int(own.sum()))
    weights = edit.constant(np.concatenate([-z, z], 1).astype("f"), f"{stem}/w")
    bias = edit.constant(np.concatenate([-shift, shift]).astype("f"), f"{stem}/b")
    logits = edit.add("Gemm", [source, weights, bias], f"{stem}/logits", like=source)
    logits.shape = [(source.shape or [None])[0], 2]
    labels = {name: value for name, value in node.attrs.items() if name.startswith("classlabels_")}
    node.inputs, node.attrs = [logits], labels | _PLATT
    return True


def _pairs(weights: Array, own: Array) -> Array:
    """Return how the score of each pair of classes follows from the kernel of all vectors, [S, pairs]."""
    ends = np.cumsum(own)
    parts = [slice(end - n, end) for end, n in zip(ends, own, strict=True)]
    found = []
    for i in range(len(own)):
        for j in range(i + 1, len(own)):
            column = np.zeros(weights.shape[1], weights.dtype)
            column[parts[i]], column[parts[j]] = weights[j - 1, parts[i]], weights[i, parts[j]]
            found.append(column)
    return np.stack(found, 1)


def _kernel(edit: Editor, node: gs.Node, count: int) -> gs.Tensor:
    """Return the kernel of x with each of `count` support vectors, [N, S]."""
    kind, stem = node.attrs.get("kernel_type", "LINEAR"), node.name or node.op
    gamma, shift, degree = np.array([*(node.attrs.get("kernel_params") or ()), 0, 0, 0][:3], "f")
    vectors = np.array(node.attrs["support_vectors"], "f").reshape(count, -1)
    x = _as_float(edit, node)
    if kind == "RBF":
        wide = edit.add("Unsqueeze", [x, edit.constant(np.array([1]), f"{stem}/axis")], f"{stem}/wide", like=x)
        apart = edit.add("Add", [wide, edit.constant(-vectors, f"{stem}/vectors")], f"{stem}/apart", like=x)
        squares = edit.add("Pow", [apart, edit.constant(np.float32(2), f"{stem}/two")], f"{stem}/squares", like=x)
        axis = edit.constant(np.array([2]), f"{stem}/features")
        distance = edit.add("ReduceSum", [squares, axis], f"{stem}/distance", like=x, keepdims=0)
        scaled = edit.add("Mul", [distance, edit.constant(-gamma, f"{stem}/gamma")], f"{stem}/scaled", like=x)
        return edit.add("Exp", [scaled], f"{stem}/kernel", like=x)
    plain = kind == "LINEAR"
    weight = edit.constant(vectors.T if plain else gamma * vectors.T, f"{stem}/vectors")
    if plain:
        return edit.add("MatMul", [x, weight], f"{stem}/kernel", like=x)
    bias = edit.constant(np.full(count, shift, "f"), f"{stem}/shift")
    product = edit.add("Gemm", [x, weight, bias], f"{stem}/product", like=x)
    if kind == "SIGMOID":
        return edit.add("Tanh", [product], f"{stem}/kernel", like=x)
    return edit.add("Pow", [product, edit.constant(degree, f"{stem}/degree")], f"{stem}/kernel", like=x)


def _as_float(edit: Editor, node: gs.Node) -> gs.Tensor:
    x = node.inputs[0]
    if numpy_dtype(x) == np.float32:
        return x
    value = edit.add("Cast", [x], f"{node.name}/float", to=TensorProto.FLOAT)
    value.dtype = np.dtype(np.float32)
    return value


def _become(node: gs.Node, edit: Editor, source: gs.Tensor, weights: Any, bias: Any) -> bool:
    """Let a node compute source · weights + bias."""
    stem = node.name or node.op
    constants = [edit.constant(np.asarray(each, "f"), f"{stem}/{name}") for each, name in ((weights, "w"), (bias, "b"))]
    node.op, node.domain, node.inputs, node.attrs = "Gemm", None, [source, *constants], {}
    node.outputs[0].shape = [(source.shape or [None])[0], np.shape(weights)[1]]
    return True
