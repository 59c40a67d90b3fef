"""ml_trees: classifiers of trees become raw scores and a head, with what onnxruntime makes of one or two classes."""

from __future__ import annotations

from itertools import product

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import pytest
from onnx import helper
from passes.same import ops, same

from onnxplain.passes.ml_trees import ml_trees

X = {"x": np.array([[-1.0], [1.0], [0.0], [3.0]], "f")}


def classifier(ids, weights, base, transform, classes):
    """Two stumps on one column; ids, weights: the class and weight of each leaf, leaf by leaf."""
    leaves = [(tree, node, i) for tree, node in product((0, 1), (1, 2)) for i in ids]
    given = {} if base is None else {"base_values": base}
    trees = helper.make_node(
        "TreeEnsembleClassifier", ["x"], ["label", "y"], name="trees", domain="ai.onnx.ml",
        nodes_treeids=[0, 0, 0, 1, 1, 1], nodes_nodeids=[0, 1, 2] * 2, nodes_featureids=[0] * 6,
        nodes_values=[0.0, 0, 0, 1, 0, 0], nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LT", "LEAF", "LEAF"],
        nodes_truenodeids=[1, 0, 0] * 2, nodes_falsenodeids=[2, 0, 0] * 2,
        class_treeids=[t for t, _, _ in leaves], class_nodeids=[n for _, n, _ in leaves],
        class_ids=[i for _, _, i in leaves], class_weights=weights[: len(leaves)], post_transform=transform,
        classlabels_int64s=list(range(classes)), **given,
    )  # fmt: skip
    value = helper.make_tensor_value_info
    ends = [[value("x", onnx.TensorProto.FLOAT, ["N", 1])], [value("y", onnx.TensorProto.FLOAT, ["N", classes])]]
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(helper.make_graph([trees], "trees", *ends), opset_imports=opsets, ir_version=10)


MIXED = np.random.default_rng(0).normal(size=12).astype("f").tolist()
POSITIVE = np.abs(MIXED).tolist()
HEADS = {"NONE": [], "LOGISTIC": ["Sigmoid"], "SOFTMAX": ["Softmax"]}
CASES = [
    *(([0, 1, 2], w, b, t, 3) for w, b, t in product([MIXED], [None, [0.1, -0.2, 0.5]], HEADS)),
    *(([0], w, b, t, 2) for w, b, t in product([MIXED, POSITIVE], [None, [0.3]], HEADS)),
    *(([1], w, b, t, 2) for w, b, t in product([MIXED, POSITIVE], [None], HEADS)),
    *(([0, 1], w, b, t, 2) for w, b, t in product([MIXED, POSITIVE], [None, [0.3]], HEADS)),
]


@pytest.mark.parametrize(("ids", "weights", "base", "transform", "classes"), CASES)
def test_the_scores_are_those_of_onnxruntime(ids, weights, base, transform, classes):
    graph, changed = same(classifier(ids, weights, base, transform, classes), ml_trees, feeds=X)
    assert changed == 1 and graph.nodes[0].op == "TreeEnsembleRegressor"
    applies = ids != [0] or transform == "LOGISTIC"
    assert ops(graph)[1:] == (HEADS[transform] if applies else [])


@pytest.mark.parametrize(
    "case",
    [
        ([0, 1], MIXED, [0.1, 0.2], "SOFTMAX", 2),
        ([0], MIXED, [0.1, 0.2], "LOGISTIC", 2),
        ([0, 1, 2], MIXED, [0.1], "NONE", 3),
        ([0, 1, 2], MIXED, None, "SOFTMAX_ZERO", 3),
        ([0, 1, 2], POSITIVE, None, "PROBIT", 3),
    ],
)
def test_what_onnxruntime_computes_in_a_way_of_its_own_stays(case):
    proto = classifier(*case)
    assert ml_trees(gs.import_onnx(proto)) == 0


def test_a_classifier_whose_label_is_wanted_stays():
    proto = classifier([0, 1, 2], MIXED, None, "NONE", 3)
    proto.graph.output.insert(0, helper.make_tensor_value_info("label", onnx.TensorProto.INT64, ["N"]))
    assert same(proto, ml_trees, feeds=X)[1] == 0


@pytest.mark.parametrize("transform", ["LOGISTIC", "SOFTMAX"])
def test_a_regressor_of_several_targets_gets_a_head(transform):
    proto = classifier([0, 1, 2], MIXED, None, transform, 3)
    node = proto.graph.node[0]
    del node.output[0]
    node.op_type = "TreeEnsembleRegressor"
    for each in node.attribute:
        each.name = each.name.replace("class_", "target_")
    labels = next(each for each in node.attribute if each.name == "classlabels_int64s")
    node.attribute.remove(labels)
    node.attribute.append(helper.make_attribute("n_targets", 3))
    graph, changed = same(proto, ml_trees, feeds=X)
    assert changed == 1 and ops(graph) == ["TreeEnsembleRegressor", *HEADS[transform]]
