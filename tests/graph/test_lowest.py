"""The lowest opset of a graph: on ONNX's own cases ONNX's checker takes it, and onnxruntime computes the same by it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from graph.test_sweep import OPERATORS, by_operator, computed, same, sessions
from kinds import kinds
from nets import network, node
from onnx import TensorProto, helper

from onnxplain.graph.versions import OPSET, history
from onnxplain.graph.versions.lowest import TRIED, lowest, restamp, runs_on

FEW = {"Relu", "Conv", "MaxPool", "Clip", "Pad", "Resize", "Max", "Where", "Cast", "Reshape", "TopK", "Softmax", "Loop"}
FEW |= {"ScatterElements", "ReduceSum", "ReduceMax", "Split", "GatherElements", "Equal", "Identity", "If", "Scan"}


def opened(model):
    """A session; None where onnxruntime has no kernel for it."""
    try:
        return sessions(model)
    except Exception as problem:
        if "NOT_IMPLEMENTED" in str(problem):
            return None
        raise


@pytest.mark.parametrize("op", kinds([(op,) for op in OPERATORS], lambda op: op in FEW))
def test_a_case_means_the_same_by_the_lowest_opset(op):
    """Where onnxruntime has no kernel for a type in an old version, there is nothing to compare."""
    for case, _ in by_operator()[op]:
        now = computed(case, OPSET)
        if now is None:
            continue
        model, feeds, wanted = now
        need = lowest(model)
        low = onnx.ModelProto()
        low.CopyFrom(model)
        restamp(low, need.opset)
        onnx.checker.check_model(low, full_check=True)
        session = opened(low)
        if session is not None:
            same(wanted, session.run(None, feeds))


def case(nodes, dtype=TensorProto.FLOAT, weights=None, opset=OPSET):
    x = [helper.make_tensor_value_info("x", dtype, ["N", 4])]
    return network(nodes, None, weights or {}, inputs=x, opset=opset)


@pytest.mark.parametrize(
    ("nodes", "dtype", "weights", "opset", "by"),
    [
        ([node("Relu", "x", "y")], TensorProto.FLOAT, {}, 7, ""),
        ([node("Relu", "x", "y")], TensorProto.INT32, {}, 14, "Relu (node 'y')"),
        ([node("Relu", "x", "y")], TensorProto.BFLOAT16, {}, 13, "Relu (node 'y')"),
        ([node("Flatten", "x", "y", axis=1)], TensorProto.FLOAT, {}, 7, ""),
        ([node("Flatten", "x", "y", axis=-1)], TensorProto.FLOAT, {}, 11, "Flatten (node 'y')"),
        ([node("ReduceSum", "x a", "y")], TensorProto.FLOAT, {"a": np.array([1])}, 13, "ReduceSum (node 'y')"),
        ([node("ReduceMax", "x a", "y")], TensorProto.FLOAT, {"a": np.array([1])}, 18, "ReduceMax (node 'y')"),
        ([node("Reshape", "x s", "y")], TensorProto.FLOAT, {"s": np.array([0, -1])}, 7, ""),
        ([node("Reshape", "x s", "y", allowzero=0)], TensorProto.FLOAT, {"s": np.array([0, -1])}, 7, ""),
        (
            [node("Reshape", "x s", "y", allowzero=1)],
            TensorProto.FLOAT,
            {"s": np.array([1, 4])},
            14,
            "Reshape (node 'y')",
        ),
        ([node("Gelu", "x", "r"), node("Softmax", "r", "y")], TensorProto.FLOAT, {}, 20, "Gelu (node 'r')"),
    ],
)
def test_the_node_that_needs_it_is_named(nodes, dtype, weights, opset, by):
    model = case(nodes, dtype, weights)
    need = lowest(model)
    assert need.opset == opset and need.node == by
    restamp(model, opset)
    names = [each.name for each in model.graph.node[0].attribute]
    assert ("allowzero" in names) == (opset == 14 and nodes[0].op_type == "Reshape")


def test_bodies_count():
    """What stands in the branch of an If needs its opset too."""
    there = helper.make_graph([node("Gelu", "x", "t")], "then", [], [helper.make_tensor_value_info("t", 1, None)])
    other = helper.make_graph([node("Relu", "x", "e")], "else", [], [helper.make_tensor_value_info("e", 1, None)])
    chosen = node("If", "c", "y", then_branch=there, else_branch=other)
    need = lowest(case([chosen], weights={"c": np.array(True)}))
    assert need.opset == 20 and need.node == "Gelu (node 't')"


def test_every_opset_has_a_release():
    assert [runs_on(each) for each in (7, 15, 19, 20, OPSET)] == ["1.15", "1.15", "1.15", "1.17", "1.24"]
    assert max(TRIED) == OPSET and all(known[0] <= OPSET or known for known in history().values())
