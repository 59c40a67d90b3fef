"""Ensembles of trees are read from the nodes of ai.onnx.ml that hold them. What cannot be read is refused by name.

    TreeEnsembleRegressor    columns of node, id, tree: `nodes_*`, and the weights of leaves: `target_*`
    TreeEnsemble             branches and leaves in lists of their own, from version 5 on

A classifier became a TreeEnsembleRegressor before (see `onnxplain.passes.ml_trees`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from onnxplain.errors import UnsupportedModelError
from onnxplain.passes.ml_trees import listed
from onnxplain.trees.ensemble import COMPARISONS, MEMBER, Ensemble

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array

TREES = ("TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble")
"""Operators that hold an ensemble of trees."""

_AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")
_MODES = (*COMPARISONS, MEMBER)
"""By the number that TreeEnsemble has for them; the dictionary has the order of LEQ, LT, GTE, GT, EQ, NEQ."""


@dataclass(frozen=True)
class _Branches:
    """The branches of all trees, and where each leads: to the branch or leaf `true` or `false`, leaves below 0.

    A leaf is written as -1 - its number.
    """

    column: Array
    threshold: Array
    mode: tuple[str, ...]
    missing: Array
    true: Array
    false: Array
    members: Mapping[int, Array]


def ensemble_of(node: gs.Node) -> Ensemble:
    """Return the ensemble of a node. Raises UnsupportedModelError, which names it, where it is no sum of trees."""
    if node.op == "TreeEnsembleClassifier":
        _refuse(node, f"its scores, or their post_transform {node.attrs.get('post_transform', 'NONE')!r}, are no sum")
    if node.attrs.get("post_transform", "NONE") not in ("NONE", 0):
        _refuse(node, f"its post_transform {node.attrs['post_transform']!r} follows the sum")
    branches, roots, values = (_of_version_5 if node.op == "TreeEnsemble" else _of_lists)(node)
    given = node.attrs.get("aggregate_function", "SUM")
    aggregate = _AGGREGATES[given] if isinstance(given, int) and 0 <= given < len(_AGGREGATES) else given
    if aggregate not in ("SUM", "AVERAGE") and len(roots) > 1:
        _refuse(node, f"it takes the {aggregate} over its trees, which is no sum")
    if aggregate == "AVERAGE":
        values = values / len(roots)
    paths, ways, leaves = _walked(node, branches, roots)
    base = listed(node, "base_values").astype(np.float64) if node.op != "TreeEnsemble" else np.zeros(0)
    if base.size not in (0, values.shape[1]):
        _refuse(node, f"it has {base.size} base values for {values.shape[1]} targets")
    about = branches.column, branches.threshold, branches.mode, branches.missing
    start = base if base.size else np.zeros(values.shape[1])
    return Ensemble(*about, paths, ways, values[leaves], start, branches.members)


def _refuse(node: gs.Node, why: str) -> NoReturn:
    raise UnsupportedModelError(
        f'tree_shap does not explain {node.op} {node.name!r}: {why}; take method="kernel_shap", which only runs it'
    )


# --- TreeEnsembleRegressor ----------------------------------------------------------------------------------------


def _of_lists(node: gs.Node) -> tuple[_Branches, list[int], Array]:
    """Return the branches, the roots and the values of the leaves of a TreeEnsembleRegressor."""
    trees, ids = (listed(node, f"nodes_{name}").astype(int).tolist() for name in ("treeids", "nodeids"))
    modes = [each.decode() if isinstance(each, bytes) else str(each) for each in node.attrs.get("nodes_modes", ())]
    place = {key: i for i, key in enumerate(zip(trees, ids, strict=True))}
    inner = [i for i, mode in enumerate(modes) if mode != "LEAF"]
    leaves = [i for i, mode in enumerate(modes) if mode == "LEAF"]
    if unknown := {modes[i] for i in inner} - set(COMPARISONS):
        _refuse(node, f"it has branches of the mode {min(unknown)!r}")
    if len(place) != len(modes) or len(ids) != len(modes):
        _refuse(node, "two of its nodes have one number")
    number = {each: i for i, each in enumerate(inner)} | {each: -1 - i for i, each in enumerate(leaves)}
    children = []
    for name in ("truenodeids", "falsenodeids"):
        ends = listed(node, f"nodes_{name}").astype(int)
        try:
            children.append(np.array([number[place[trees[i], int(ends[i])]] for i in inner], int))
        except (KeyError, IndexError):
            _refuse(node, "a branch leads to a node that is not there")
    missing = listed(node, "nodes_missing_value_tracks_true").astype(bool)
    branches = _Branches(
        listed(node, "nodes_featureids").astype(int)[inner],
        listed(node, "nodes_values")[inner],
        tuple(modes[i] for i in inner),
        missing[inner] if missing.size else np.zeros(len(inner), bool),
        children[0],
        children[1],
        {},
    )
    below = set(np.concatenate(children).tolist())
    own = [i for i in range(len(modes)) if number[i] not in below]
    if sorted(trees[i] for i in own) != sorted(set(trees)):
        _refuse(node, "its branches form no trees: each has to have one root")
    roots = [number[i] for i in own]
    return branches, roots, _leaf_values(node, place, number, len(leaves))


def _leaf_values(node: gs.Node, place: Mapping[tuple[int, int], int], number: Mapping[int, int], leaves: int) -> Array:
    """Return what each leaf adds to each target, float64 [leaves, targets]."""
    entries = [listed(node, f"target_{name}").astype(int).tolist() for name in ("treeids", "nodeids", "ids")]
    values = np.zeros((leaves, int(node.attrs.get("n_targets", 1))))
    for tree, own, target, weight in zip(*entries, listed(node, "target_weights").tolist(), strict=True):
        leaf = -1 - number[place[tree, own]] if (tree, own) in place else -1
        if leaf < 0 or not 0 <= target < values.shape[1]:
            _refuse(node, "a weight belongs to no leaf or to no target")
        values[leaf, target] += weight
    return values


# --- TreeEnsemble -------------------------------------------------------------------------------------------------


def _of_version_5(node: gs.Node) -> tuple[_Branches, list[int], Array]:
    """Return the same of a TreeEnsemble, whose branches and leaves have numberings of their own."""
    modes = tuple(_MODES[each] if each < len(_MODES) else str(each) for each in listed(node, "nodes_modes").astype(int))
    children = []
    for way in ("true", "false"):
        ends, leaf = (listed(node, f"nodes_{way}{name}").astype(int) for name in ("nodeids", "leafs"))
        children.append(np.where(leaf == 1, -1 - ends, ends))
    targets, weights = listed(node, "leaf_targetids").astype(int), listed(node, "leaf_weights").astype(np.float64)
    values = np.zeros((len(weights), int(node.attrs.get("n_targets", 1))))
    values[np.arange(len(weights)), targets] = weights
    missing = listed(node, "nodes_missing_value_tracks_true").astype(bool)
    splits, columns = listed(node, "nodes_splits"), listed(node, "nodes_featureids").astype(int)
    some = missing if missing.size else np.zeros(len(modes), bool)
    branches = _Branches(columns, splits, modes, some, children[0], children[1], _members(node, modes))
    roots = listed(node, "tree_roots").astype(int).tolist()
    # a tree of a single leaf is written as a branch whose both ways lead to the leaf
    return branches, roots, values


def _members(node: gs.Node, modes: tuple[str, ...]) -> dict[int, Array]:
    """Return the set of each branch that asks for membership; the sets stand one behind the other, NaN between them."""
    values, asking = listed(node, "membership_values"), [i for i, mode in enumerate(modes) if mode == MEMBER]
    ends = np.flatnonzero(np.isnan(values)) if asking else np.zeros(0, int)
    if len(ends) < len(asking):
        _refuse(node, "a branch asks for membership in a set that is not there")
    starts = [0, *(ends + 1)]
    return {branch: values[starts[i] : ends[i]] for i, branch in enumerate(asking)}


# --- paths --------------------------------------------------------------------------------------------------------


def _walked(
    node: gs.Node, branches: _Branches, roots: list[int]
) -> tuple[tuple[Array, ...], tuple[Array, ...], list[int]]:
    """Return the path to each leaf, its ways, and the leaf's number, in the order of the trees.

    Raises UnsupportedModelError where the nodes form no trees, so that a path would not end.
    """
    paths: list[Array] = []
    ways: list[Array] = []
    leaves: list[int] = []
    seen: set[int] = set()
    stack: list[tuple[int, tuple[int, ...], tuple[bool, ...]]] = [(root, (), ()) for root in reversed(roots)]
    while stack:
        at, path, way = stack.pop()
        if at < 0:
            paths.append(np.array(path, int))
            ways.append(np.array(way, bool))
            leaves.append(-1 - at)
            continue
        if at in seen or at >= len(branches.column):
            _refuse(node, "its branches form no trees: two lead to one, or one leads nowhere")
        seen.add(at)
        stack.append((int(branches.false[at]), (*path, at), (*way, False)))
        stack.append((int(branches.true[at]), (*path, at), (*way, True)))
    if len(seen) < len(branches.column):
        _refuse(node, "its branches form no trees: some are never reached")
    return tuple(paths), tuple(ways), leaves
