"""upgrade: an old file computes the same at the newest opset that the passes know."""

import itertools

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from passes.same import RNG, run

from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.upgrade import OPSET, opset, upgrade, upgrade_apart


def old(version, nodes, x, y, ir_version=8, **weights):
    values = [numpy_helper.from_array(np.asarray(each), name) for name, each in weights.items()]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, y)],
        values,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=ir_version)


def node(op, inputs, output="y", **attrs):
    return helper.make_node(op, inputs.split(), [output], **attrs)


X = RNG(0).standard_normal((2, 3, 4, 4)).astype("f")
CASES = {
    "BatchNormalization-7": (7, [node("BatchNormalization", "x s b m v", epsilon=0.1)], "sbmv"),
    "Softmax-9 flattens": (9, [node("Softmax", "x", axis=1)], ""),
    "Clip-6 by attributes": (6, [node("Clip", "x", min=-0.5, max=0.5)], ""),
    "Dropout-7": (7, [node("Dropout", "x")], ""),
    "Upsample-7": (7, [node("Upsample", "x", mode="nearest", scales=[1.0, 1.0, 2.0, 2.0])], ""),
    "ReduceSum-9 by attribute": (9, [node("ReduceSum", "x", axes=[1], keepdims=1)], ""),
    "Slice-9 by attributes": (9, [node("Slice", "x", axes=[2], starts=[1], ends=[3])], ""),
}


@pytest.mark.parametrize("name", CASES)
def test_the_output_stays(name):
    version, nodes, parameters = CASES[name]
    weights = {each: RNG(1).uniform(0.5, 1.5, 3).astype("f") for each in parameters}
    before = old(version, nodes, ["N", 3, 4, 4], None, **weights)
    bytes_before = before.SerializeToString()
    after = upgrade(before)
    assert opset(after) == OPSET
    assert before.SerializeToString() == bytes_before
    np.testing.assert_allclose(run(after, {"x": X})[0], run(before, {"x": X})[0], atol=1e-6)


def test_initialisers_are_no_inputs_and_large_ones_come_back():
    w = RNG(2).standard_normal((48, 40)).astype("f")
    model = old(7, [node("MatMul", "x w")], ["N", 48], ["N", 40], ir_version=3, w=w)
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [48, 40]))
    after = upgrade(model)
    assert [each.name for each in after.graph.input] == ["x"]
    np.testing.assert_array_equal(numpy_helper.to_array(after.graph.initializer[0]), w)


def test_a_newer_opset_stays():
    newest = onnx.defs.onnx_opset_version()
    assert opset(upgrade(old(newest, [node("Relu", "x")], ["N", 3], ["N", 3], ir_version=11))) == newest


def test_functions_are_inlined():
    model = onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 24, "own" : 1]>
        g (float[N,4] x) => (float[N,4] y) { y = own.twice(x) }
        <domain: "own", opset_import: ["" : 24]> twice (a) => (b) { b = Add(a, a) }
    """)
    after = upgrade(model)
    assert [each.op_type for each in after.graph.node] == ["Add"]
    assert [each.op_type for each in model.graph.node] == ["twice"]


def test_image_scaler_is_written_out():
    model = old(7, [node("ImageScaler", "x", scale=2.0, bias=[1.0, 2.0, 3.0])], ["N", 3, 4, 4], ["N", 3, 4, 4])
    wanted = 2 * X + np.array([1, 2, 3], "f").reshape(3, 1, 1)
    np.testing.assert_allclose(run(upgrade(model), {"x": X})[0], wanted, rtol=1e-6)


def test_three_thousand_nodes_in_reverse_order():
    names = ["x", *(f"t{i}" for i in range(2999)), "y"]
    nodes = [node("Neg", a, b) for a, b in itertools.pairwise(names)]
    after = upgrade(old(13, nodes[::-1], [3], [3]))
    assert [each.output[0] for each in after.graph.node] == names[1:]
    x = np.array([1, -2, 3], "f")
    np.testing.assert_array_equal(run(after, {"x": x})[0], x)


def test_what_a_body_reads_comes_before_it():
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])
    branches = {
        name: helper.make_graph([node(op, "a")], name, [], [value])
        for name, op in (("then_branch", "Neg"), ("else_branch", "Relu"))
    }
    nodes = [helper.make_node("If", ["c"], ["y"], **branches), node("Abs", "x", "a")]
    after = upgrade(old(24, nodes, [3], [3], ir_version=10, c=np.array(True)))
    assert [each.op_type for each in after.graph.node] == ["Abs", "If"]
    np.testing.assert_array_equal(run(after, {"x": np.array([1, -2, 3], "f")})[0], [-1, -2, -3])


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_that_cannot_be_is_unknown(size):
    after = upgrade(old(24, [node("Relu", "x")], [size, 3], [size, 3], ir_version=10))
    for value in (*after.graph.input, *after.graph.output):
        first, second = value.type.tensor_type.shape.dim
        assert not first.HasField("dim_value") and second.dim_value == 3


def test_what_cannot_be_converted_is_named():
    model = old(7, [helper.make_node("Crop", ["x"], ["y"], border=[1, 1, 1, 1])], ["N", 3, 4, 4], ["N", 3, 2, 2])
    with pytest.raises(
        UnsupportedModelError, match=r"Crop .node 'y'. is written for opset 7, which does not have this operator"
    ):
        upgrade(model)


@pytest.mark.parametrize("kind", ["FLOAT", "INT64", "INT8", "BOOL", "INT4", "UINT2"])
def test_the_weights_that_pass_the_converter_are_told_by_their_bytes(kind):
    elem_type = getattr(TensorProto, kind)
    for count in (100, 120, 128, 250, 256, 900, 1024, 1030, 2000, 2100, 4000, 4200, 9000):
        w = numpy_helper.from_array(np.ones(count).astype(helper.tensor_dtype_to_np_dtype(elem_type)), "w")
        model = old(24, [node("Identity", "x")], ["N"], ["N"])
        model.graph.initializer.append(w)
        assert upgrade_apart(model)[1] == ([w] if w.ByteSize() > 1024 else [])
