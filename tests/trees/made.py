"""Ensembles of trees for tests: random ones in both forms of ai.onnx.ml, and Shapley values by brute force."""

from __future__ import annotations

from itertools import product
from math import factorial

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
GRID = np.array([-1.0, -0.5, 0.0, 0.1, 1 / 3, 0.5, 2.0], "f")
"""Thresholds and values of rows, so that many values lie on a threshold."""

WHOLE = np.array([0, 1, 2, 3, 5, 31, 40], "f")
"""The same for ensembles that ask for membership: onnxruntime knows sets of whole numbers alone."""


class Tree:
    """A random tree: its nodes in order as (column, mode, threshold, missing, true, false), or as weights of a leaf."""

    def __init__(self, rng, columns, targets, depth, modes, grid=GRID):
        self.rng, self.columns, self.targets, self.modes, self.grid = rng, columns, targets, modes, grid
        self.nodes = []
        self._grow(depth)

    def _grow(self, depth):
        rng, own = self.rng, len(self.nodes)
        self.nodes.append(None)
        if depth == 0 or (own and rng.random() < 0.2):
            self.nodes[own] = rng.normal(size=self.targets).astype("f")
            return own
        mode = rng.choice(self.modes)
        true, false = self._grow(depth - 1), self._grow(depth - 1)
        self.nodes[own] = (
            int(rng.integers(self.columns)),
            mode,
            rng.choice(self.grid),
            bool(rng.integers(2)),
            true,
            false,
        )
        return own


def regressor(trees, columns, targets, base=None, **attrs):
    """A file of one TreeEnsembleRegressor."""
    lists = {name: [] for name in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids")}
    lists |= {"falsenodeids": [], "missing_value_tracks_true": []}
    weights = []
    for t, tree in enumerate(trees):
        for i, each in enumerate(tree.nodes):
            leaf = not isinstance(each, tuple)
            column, mode, threshold, missing, true, false = (0, "LEAF", 0.0, False, 0, 0) if leaf else each
            row = (t, i, column, float(threshold), mode, true, false, int(missing))
            for values, value in zip(lists.values(), row, strict=True):
                values.append(value)
            weights += [(t, i, k, float(w)) for k, w in enumerate(each)] if leaf else []
    given = {f"nodes_{name}": values for name, values in lists.items()}
    names = ("treeids", "nodeids", "ids", "weights")
    given |= {f"target_{name}": list(each) for name, each in zip(names, zip(*weights, strict=True), strict=True)}
    given |= {"n_targets": targets, **({} if base is None else {"base_values": list(base)}), **attrs}
    return _model("TreeEnsembleRegressor", columns, given, 3)


def ensemble5(trees, columns, targets, aggregate=1):
    """A file of one TreeEnsemble of version 5, in which a branch without children of its own asks for membership."""
    rows, leaves, roots = [], [], []
    members = []
    for tree in trees:
        number, start = {}, len(rows)
        inner = [i for i, each in enumerate(tree.nodes) if isinstance(each, tuple)]
        number = {i: start + n for n, i in enumerate(inner)}
        roots.append(number[0])
        for i in inner:
            column, mode, threshold, missing, *ends = tree.nodes[i]
            places = []
            for end in ends:
                if end in number:
                    places.append((number[end], 0))
                else:
                    places.append((len(leaves), 1))
                    k = int(tree.rng.integers(targets))
                    leaves.append((k, tree.nodes[end][k]))
            kind = (*MODES, "BRANCH_MEMBER").index(mode)
            if kind == 6:
                members += [*tree.rng.choice(WHOLE, 3, replace=False).tolist(), np.nan]
            rows.append((column, kind, threshold, int(missing), *places[0], *places[1]))
    column, mode, split, missing, true, true_leaf, false, false_leaf = zip(*rows, strict=True)
    tensor = lambda values, dtype: numpy_helper.from_array(np.array(values, dtype))  # noqa: E731
    given = {
        "nodes_featureids": list(column), "nodes_modes": tensor(mode, np.uint8), "nodes_splits": tensor(split, "f"),
        "nodes_missing_value_tracks_true": list(missing), "nodes_truenodeids": list(true),
        "nodes_trueleafs": list(true_leaf), "nodes_falsenodeids": list(false), "nodes_falseleafs": list(false_leaf),
        "leaf_targetids": [k for k, _ in leaves], "leaf_weights": tensor([w for _, w in leaves], "f"),
        "tree_roots": roots, "n_targets": targets, "aggregate_function": aggregate, "post_transform": 0,
    }  # fmt: skip
    if members:
        given["membership_values"] = tensor(members, "f")
    return _model("TreeEnsemble", columns, given, 5)


def _model(op, columns, attrs, version):
    node = helper.make_node(op, ["x"], ["y"], name="trees", domain="ai.onnx.ml", **attrs)
    value = helper.make_tensor_value_info
    targets = attrs["n_targets"]
    ends = [[value(n, onnx.TensorProto.FLOAT, ["N", k])] for n, k in (("x", columns), ("y", targets))]
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", version)]
    return helper.make_model(helper.make_graph([node], "trees", *ends), opset_imports=opsets, ir_version=10)


def run(proto, x):
    """The first output of a file by plain onnxruntime, in float64."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["y"], {"x": x})[0], np.float64)


def brute(function, x, background, groups=None):
    """Shapley values [players, K] of one row, by all coalitions; groups: the player of each column."""
    groups = np.arange(len(x)) if groups is None else np.asarray(groups)
    m = groups.max() + 1
    coalitions = np.array(list(product([False, True], repeat=int(m))))
    rows = np.where(coalitions[:, None, groups], x, background).reshape(-1, len(x))
    values = function(rows).reshape(len(coalitions), len(background), -1).mean(1)
    sizes, bits = coalitions.sum(1), 1 << np.arange(m)[::-1]
    found = np.zeros((m, values.shape[1]))
    for i in range(m):
        without = np.flatnonzero(~coalitions[:, i])
        weight = [factorial(s) * factorial(m - s - 1) / factorial(m) for s in sizes[without].tolist()]
        found[i] = weight @ (values[without + bits[i]] - values[without])
    return found
