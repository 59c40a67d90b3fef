"""Classifiers of trees become ensembles of raw scores, and their last step, `post_transform`, an operator of its own.

    TreeEnsembleClassifier            TreeEnsembleRegressor with one target a class, then Sigmoid or Softmax
    TreeEnsembleRegressor, TreeEnsemble with a post_transform        the same without, then Sigmoid or Softmax

With two classes, a file may give the weights s of one class alone. The scores are then what onnxruntime makes of them:

    weights of class 0 alone, LOGISTIC       (-s, s)
    the same, any other transform            (1 - s, s) where no weight is negative, else (-s, s); no transform applies
    weights of class 1 alone                 (0, s)

What onnxruntime computes in a way of its own stays as it is: PROBIT and SOFTMAX_ZERO, a transform of a single target,
and two base values for two classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.passes.edit import Editor, rewrite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array

HEADS = {"NONE": None, "LOGISTIC": "Sigmoid", "SOFTMAX": "Softmax"}
"""The operator of a `post_transform`."""

_TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
"""By the number that TreeEnsemble has for them."""


def ml_trees(graph: gs.Graph) -> int:
    """Take the last step out of the ensembles of trees; return how many nodes were replaced."""
    return rewrite(graph, _rewrite)


def listed(node: gs.Node, name: str) -> Array:
    """Return an attribute of numbers, given as a list or, under the same name with `_as_tensor`, as a tensor."""
    found = node.attrs.get(name)
    if found is None or not np.size(getattr(found, "values", found)):
        found = node.attrs.get(f"{name}_as_tensor")
    return np.array([] if found is None else getattr(found, "values", found))


def _rewrite(edit: Editor, node: gs.Node) -> bool:
    if node.domain != "ai.onnx.ml":
        return False
    if node.op == "TreeEnsembleClassifier":
        return _classifier(edit, node)
    if node.op in ("TreeEnsembleRegressor", "TreeEnsemble"):
        given = node.attrs.get("post_transform", "NONE")
        name = _TRANSFORMS[given] if isinstance(given, int) and 0 <= given < len(_TRANSFORMS) else given
        if HEADS.get(name) and node.attrs.get("n_targets", 1) > 1:
            return _head(edit, node, name)
    return False


def _classifier(edit: Editor, node: gs.Node) -> bool:
    label, scores = node.outputs
    transform = node.attrs.get("post_transform", "NONE")
    if transform not in HEADS or label.outputs or id(label) in edit.results:
        return False
    classes = len(node.attrs.get("classlabels_int64s") or node.attrs.get("classlabels_strings") or ())
    entries = [listed(node, f"class_{name}") for name in ("treeids", "nodeids", "ids", "weights")]
    found = _targets(classes, entries, listed(node, "base_values"), transform)
    if found is None:
        return False
    trees, nodes, ids, weights, base, applies = found
    kept = {name: value for name, value in node.attrs.items() if name.startswith("nodes_")}
    lists = {"target_treeids": trees, "target_nodeids": nodes, "target_ids": ids}
    node.attrs = kept | {name: each.astype(int).tolist() for name, each in lists.items()}
    node.attrs |= {"target_weights": weights.astype("f").tolist(), "n_targets": classes, "aggregate_function": "SUM"}
    if base.size:
        node.attrs["base_values"] = base.astype("f").tolist()
    node.op, node.outputs = "TreeEnsembleRegressor", [scores]
    rows = (node.inputs[0].shape or [None])[0]
    scores.shape = [rows, classes]
    return not applies or HEADS[transform] is None or _head(edit, node, transform)


def _targets(classes: int, entries: Sequence[Array], base: Array, transform: str) -> tuple[Any, ...] | None:
    """Return the tree, node, class and weight of each entry, the base values, and whether the transform applies.

    None where onnxruntime computes something else of them.
    """
    trees, nodes, ids, weights = entries
    if classes > 2:
        return (trees, nodes, ids, weights, base, True) if len(base) in (0, classes) else None
    if classes < 2 or len(base) > 1:
        return None
    given = set(ids.tolist())
    if given != {0}:
        padded = np.append(base, np.zeros(2 - len(base))) if len(base) and len(given) > 1 else np.zeros(0)
        return trees, nodes, ids, weights, padded, True
    logistic = transform == "LOGISTIC"
    shift = 0.0 if logistic or (weights < 0).any() else 1.0
    own = base.sum()
    pairs = [np.concatenate([each, each]) for each in (trees, nodes)]
    signed = np.concatenate([-weights, weights])
    return *pairs, np.concatenate([ids, ids + 1]), signed, np.array([shift - own, own]), logistic


def _head(edit: Editor, node: gs.Node, transform: str) -> bool:
    """Let the node compute raw scores, and an operator behind it what the node computed before."""
    raw, scores = edit.fresh(f"{node.name}/raw"), node.outputs[0]
    value = gs.Variable(raw, scores.dtype, scores.shape)
    trees = gs.Node(node.op, edit.fresh(f"{node.name}/trees"), dict(node.attrs), list(node.inputs), [value])
    trees.domain = node.domain
    trees.attrs.pop("post_transform", None)
    edit.new.append(trees)
    head = HEADS[transform]
    node.op, node.domain, node.inputs = str(head), None, [value]
    node.attrs = {"axis": 1} if head == "Softmax" else {}
    return True
