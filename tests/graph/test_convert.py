"""convert: local functions and subgraphs, whatever opsets they are written for, compute what the file computes."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from passes.same import RNG, run

from onnxplain.errors import BadInputError, UnsupportedModelError
from onnxplain.graph.upgrade import OPSET, upgrade

X = RNG(0).standard_normal((2, 6)).astype("f")


def model(opset, nodes, functions="", imports='"my" : 1'):
    return onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : {opset}, {imports}]> '
        f"g (float[N,6] x) => (float[N,M] y) {{ {nodes} }} {functions}"
    )


def function(opset, signature, body, imports=""):
    return f'<domain: "my", opset_import: ["" : {opset}{imports}]> {signature} {{ {body} }}'


def agrees(proto):
    after = upgrade(proto)
    assert not after.functions
    assert {each.domain: each.version for each in after.opset_import}[""] == OPSET
    onnx.shape_inference.infer_shapes(after, check_type=True, strict_mode=True)
    np.testing.assert_allclose(run(after, {"x": X})[0], run(proto, {"x": X})[0], rtol=1e-6)
    return after


ACT = function(17, "act <a> (i) => (o)", "r = LeakyRelu<alpha: float = @a>(i)  o = Softplus(r)")
CASES = {
    **{
        f"opset {opset} in a model of {outer}": (
            *(outer, "h = my.act<a=0.3>(x)  y = my.act<a=0.1>(h)"),
            function(opset, "act <a> (i) => (o)", "r = LeakyRelu<alpha: float = @a>(i)  o = Softplus(r)"),
        )
        for opset, outer in ((17, 13), (13, 17), (18, 20), (17, 24))
    },
    "an attribute by default": (
        *(17, "h = my.leaky(x)  y = my.leaky<a=0.5>(h)"),
        function(17, "leaky <a: float = 0.2> (i) => (o)", "o = LeakyRelu<alpha: float = @a>(i)"),
    ),
    "an attribute that is not given": (
        *(17, "y = my.leaky(x)"),
        function(17, "leaky <a> (i) => (o)", "o = LeakyRelu<alpha: float = @a>(i)"),
    ),
    "a function in a function": (
        *(17, "y = my.outer<b=0.7>(x)"),
        function(13, "outer <b> (i) => (o)", "r = my.act<a: float = @b>(i)  o = my.act<a=0.1>(r)", ', "my" : 1') + ACT,
    ),
    "inputs and outputs left out": (
        *(17, "y, q = my.clip(x, , )"),
        function(17, "clip (i, low, high) => (o, p)", "o = Clip(i, low, high)  p = Neg(o)"),
    ),
    "a branch in a function": (
        *(17, "y = my.either<a=0.3>(x)"),
        function(
            *(17, "either <a> (i) => (o)"),
            "e = Exp(i)  c = Constant<value = bool {1}>()  o = If(c) <"
            "then_branch = g1 () => (u) { u = LeakyRelu<alpha: float = @a>(e) },"
            "else_branch = g2 () => (u) { u = Neg(i) }>",
        ),
    ),
    "names that the model has too": (
        *(17, "h = Exp(x)  r = my.act<a=0.3>(h)  i = Neg(r)  y = Add(i, h)"),
        ACT,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_function_computes_the_same(name):
    agrees(model(*CASES[name]))


@pytest.mark.parametrize(
    ("outer", "inner", "body"),
    [
        (13, 11, "o = ReduceSum<axes=[1]>(i)"),
        (11, 13, "o = Softmax(i)"),
        (13, 11, "o = Softmax<axis=1>(i)"),
        (24, 18, "o = GroupNormalization<num_groups=2>(i, i, i)"),
    ],
)
def test_a_node_that_differs_between_function_and_model_is_refused(outer, inner, body):
    """ONNX and onnxruntime disagree on what it means."""
    said = rf"{body[4:8]}.* in a function of opset {inner}, the model is of opset {outer}"
    with pytest.raises(UnsupportedModelError, match=said):
        upgrade(model(outer, "y = my.f(x)", function(inner, "f (i) => (o)", body)))


def test_a_function_with_the_name_of_an_operator_is_refused():
    """ONNX says that the function is meant, which is a negation here, and onnxruntime runs the operator."""
    shadowed = model(17, "y = Relu(x)", '<domain: "", opset_import: ["" : 17]> Relu (i) => (o) { o = Neg(i) }')
    np.testing.assert_array_equal(run(shadowed, {"x": X})[0], np.maximum(X, 0))
    with pytest.raises(UnsupportedModelError, match=r"Relu .*has the name of an operator of ONNX"):
        upgrade(shadowed)


def test_a_function_that_returns_its_input():
    """onnxruntime refuses such a function."""
    proto = model(17, "a, b = my.both(x)  y = Add(a, b)", function(17, "both (i) => (i, o)", "o = Exp(i)"))
    np.testing.assert_allclose(run(upgrade(proto), {"x": X})[0], X + np.exp(X), rtol=1e-6)


def test_values_of_functions_have_names_of_their_own():
    after = agrees(model(*CASES["names that the model has too"]))
    names = [name for node in after.graph.node for name in node.output]
    assert len(names) == len(set(names))
    assert {"h", "r", "i", "y"} <= set(names)


def test_a_model_may_have_custom_operators_and_be_old():
    imports = '"com.microsoft" : 1'
    agrees(model(12, "h = com.microsoft.QuickGelu<alpha=1.702>(x)  y = Softmax(h)", imports=imports))


def test_two_versions_of_a_custom_domain_do_not_fit():
    called = function(17, "twice (i) => (o)", "o = com.microsoft.QuickGelu(i)", ', "com.microsoft" : 2')
    proto = model(17, "h = com.microsoft.QuickGelu(x)  y = my.twice(h)", called, '"my" : 1, "com.microsoft" : 1')
    with pytest.raises(UnsupportedModelError, match=r"wants version 2 of the operators of 'com\.microsoft'"):
        upgrade(proto)


def branch(name, *nodes):
    value = helper.make_empty_tensor_value_info(nodes[-1].output[0])
    return helper.make_graph(nodes, name, [], [value])


def test_the_bodies_of_an_old_if_are_converted():
    """Both name a value as the main graph does, call a function, and use an old form."""
    proto = model(11, "c = Constant<value = bool {1}>()  h = Exp(x)  y = Neg(h)", ACT)
    squeezed = helper.make_node("ReduceSum", ["x"], ["s"], axes=[1])
    called = helper.make_node("act", ["s"], ["h2"], domain="my", a=0.5)
    bodies = {
        "then_branch": branch("a", squeezed, called),
        "else_branch": branch("b", helper.make_node("Softmax", ["h"], ["h2"])),
    }
    proto.graph.node.insert(2, helper.make_node("If", ["c"], ["z"], **bodies))
    proto.graph.node[3].input[0] = "z"
    after = agrees(proto)
    names = [node.output[0] for each in after.graph.node if each.op_type == "If" for node in each.attribute[0].g.node]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("opset", [7, 8, 9, 10, 11, 12, 13, 16, 19, 21, 23])
def test_a_loop_of_any_opset(opset):
    """Its body normalises by Softmax, which flattened, and sums over axes, which were an attribute."""
    total = helper.make_node("ReduceSum", ["u"], ["r"], axes=[1])
    if opset >= 13:
        total = helper.make_node("ReduceSum", ["u", "axes"], ["r"])
    body = helper.make_graph(
        [
            helper.make_node("Softmax", ["s"], ["t"]),
            helper.make_node("Add", ["t", "h"], ["u"]),
            total,
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("s", TensorProto.FLOAT, [2, 3, 2]),
        ],
        [helper.make_empty_tensor_value_info(name) for name in ("on", "u", "r")],
    )
    proto = model(opset, "h = Reshape(x, shape)  y = Reshape(z, flat)")
    proto.graph.node.insert(1, helper.make_node("Loop", ["n", "yes", "h"], ["z", "sums"], body=body))
    given = {"shape": [2, 3, 2], "flat": [2, 6], "n": 3, "yes": True, "axes": [1]}
    proto.graph.initializer.extend(numpy_helper.from_array(np.array(each), name) for name, each in given.items())
    proto.graph.output.append(helper.make_empty_tensor_value_info("sums"))
    for wanted, got in zip(run(proto, {"x": X}), run(upgrade(proto), {"x": X}), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_a_sparse_constant_is_written_in_full():
    values = helper.make_tensor("v", TensorProto.FLOAT, [2], [2.0, 3.0])
    for places in ([1, 5], [[0, 1], [1, 2]]):
        at = numpy_helper.from_array(np.array(places, np.int64), "at")
        sparse = helper.make_sparse_tensor(values, at, [2, 3])
        proto = model(17, "y = MatMul(x, t)")
        turn = helper.make_node("Transpose", ["w"], ["t"])
        proto.graph.node.insert(0, helper.make_node("Constant", [], ["w"], sparse_value=sparse))
        proto.graph.node.insert(1, turn)
        del proto.graph.input[0].type.tensor_type.shape.dim[:]
        proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3]))
        feeds = {"x": X[:, :3]}
        np.testing.assert_array_equal(run(upgrade(proto), feeds)[0], run(proto, feeds)[0])


def test_a_cycle_is_named():
    with pytest.raises(BadInputError, match=r"the nodes '.', '.'.* in a cycle"):
        upgrade(model(17, "a = Add(x, b)  b = Exp(a)  y = Neg(b)"))
