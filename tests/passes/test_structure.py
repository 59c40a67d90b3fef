"""The passes that tidy: what they replace is gone, and the outputs are the same."""

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import pytest
from onnx import helper
from passes.same import RNG, graph_of, mentioned, model, ops, reference, run, same

from onnxplain.passes.branches import branches
from onnxplain.passes.constants import constants
from onnxplain.passes.dimensions import dimensions
from onnxplain.passes.export import copy, double, export
from onnxplain.passes.fuse_softmax import fuse_softmax
from onnxplain.passes.identities import identities
from onnxplain.passes.names import names
from onnxplain.passes.precision import precision
from onnxplain.passes.row_softmax import row_softmax
from onnxplain.passes.shapes import shapes
from onnxplain.passes.split import split
from onnxplain.passes.unused import unused

W = RNG(1).standard_normal((4, 4)).astype("f")
XY = "(float[N,4] x) => (float[M,K] y)"


def test_nodes_without_a_name_get_one_and_repeated_names_are_numbered():
    proto = model(f"{XY} {{ a = Relu(x) b = Neg(a) y = Relu(b) }}")
    for node, name in zip(proto.graph.node, ["twin", "twin", ""], strict=True):
        node.name = name
    graph, changed = same(proto, names, runner=reference)  # onnxruntime refuses the original
    assert [node.name for node in graph.nodes] == ["twin", "twin_1", "Relu y"]
    assert changed == 2
    assert (graph.inputs[0].name, graph.outputs[0].name) == ("x", "y")


CONSTANT = {
    "Constant node": ("c = Constant <value: tensor = float[4] {1,2,3,4}> () y = Add(x, c)", ["Add"]),
    "value_float is float32": ("c = Constant <value_float: float = 0.5> () y = Mul(x, c)", ["Mul"]),
    "chain": ("a = Transpose(w) b = Exp(a) y = MatMul(x, b)", ["MatMul"]),
    "DequantizeLinear": ("a = DequantizeLinear(q, s) y = MatMul(x, a)", ["MatMul"]),
    "weights that meet dequantised activations stay integers": (
        "b = QuantizeLinear(x, s) d = DequantizeLinear(b, s) a = DequantizeLinear(q, s) y = MatMul(d, a)",
        ["QuantizeLinear", "DequantizeLinear", "DequantizeLinear", "MatMul"],
    ),
    "int arithmetic in float stays exact": (
        "i = Cast <to = 1> (k) h = Mul(i, half) j = Cast <to = 7> (h) y = Reshape(x, j)",
        ["Reshape"],
    ),
    "random stays": (
        "r = RandomNormal <shape = [4], seed = 1.0> () z = Mul(r, zero) y = Add(x, z)",
        ["RandomNormal", "Mul", "Add"],
    ),
    "large expansion stays": (
        "e = Expand(one, big) t = ReduceSum(e, axes) y = Add(x, t)",
        ["Expand", "ReduceSum", "Add"],
    ),
}


@pytest.mark.parametrize("name", CONSTANT)
def test_constants(name):
    text, wanted = CONSTANT[name]
    weights = {
        "w": W,
        "q": np.arange(16, dtype=np.int8).reshape(4, 4),
        "s": np.float32(0.1),
        "k": np.array([-2, 8]),
        "half": np.float32(0.5),
        "zero": np.float32(0),
        "one": np.ones((1, 1), "f"),
        "big": np.array([2000, 2000]),
        "axes": np.array([0, 1]),
    }
    graph, _ = same(model(f"{XY} {{ {text} }}", **mentioned(text, weights)), constants, runner=reference)
    assert ops(graph) == wanted


IDENTITY = {
    "Identity": "a = Relu(x) y = Identity(a)",
    "Dropout": "a, mask = Dropout(x) y = Relu(a)",
    "Cast to its own type": "a = Cast <to = 1> (x) y = Relu(a)",
    "Transpose": "a = Transpose <perm = [0, 1]> (x) y = Relu(a)",
    "Flatten": "a = Flatten(x) y = Relu(a)",
    "Reshape of as many rows": "a = Reshape(x, rows) y = Relu(a)",
    "Sum of one": "a = Sum(x) y = Relu(a)",
    "Concat of one": "a = Concat <axis = 1> (x) y = Relu(a)",
    "Pad by nothing": "a = Pad(x, zeros) y = Relu(a)",
    "at the output": "a = Relu(x) b = Identity(a) y = Identity(b)",
}


@pytest.mark.parametrize("name", IDENTITY)
def test_identities(name):
    weights = mentioned(IDENTITY[name], {"zeros": np.zeros(4, np.int64), "rows": np.array([-1, 4])})
    graph, changed = same(model(f"{XY} {{ {IDENTITY[name]} }}", **weights), identities)
    assert ops(graph) == ["Relu"]
    assert changed
    assert graph.outputs[0].name == "y"


@pytest.mark.parametrize(
    "text", ["y = Identity(x)", "y = Relu(x) z = Identity(y)", "a = Cast <to = 7> (x) y = Cast <to = 1> (a)"]
)
def test_what_is_no_identity_or_is_needed_stays(text):
    head = "(float[N,4] x) => (float[N,4] y, float[N,4] z)" if "z =" in text else XY
    proto = model(f"{head} {{ {text} }}")
    graph, changed = same(proto, identities)
    assert (len(graph.nodes), changed) == (len(proto.graph.node), 0)


@pytest.mark.parametrize("shape", [[-1, 2], [4, -1], [3, 4]])
def test_a_reshape_to_other_sizes_stays(shape):
    graph, changed = same(model(f"{XY} {{ y = Reshape(x, s) }}", s=np.array(shape)), identities)
    assert (ops(graph), changed) == (["Reshape"], 0)


@pytest.mark.parametrize("elem_type", ["float16", "bfloat16", "double"])
def test_precision(elem_type):
    number = {"float16": 10, "bfloat16": 16, "double": 11}[elem_type]
    proto = model(
        f"({elem_type}[N,4] x) => ({elem_type}[N,4] y) {{ a = Cast <to = 1> (x) b = Exp(a) "
        f"c = Cast <to = {number}> (b) "
        f"y = Mul(c, w) }}",
        w=np.full(1, 2).astype(helper.tensor_dtype_to_np_dtype(number)),
    )
    graph = graph_of(proto)
    assert precision(graph) > 0
    shapes(graph)
    constants(graph)
    identities(graph)
    assert ops(graph) == ["Exp", "Mul"]
    assert graph.inputs[0].dtype == graph.outputs[0].dtype == np.float32
    x = RNG(0).standard_normal((3, 4)).astype("f")
    np.testing.assert_allclose(run(export(graph), {"x": x})[0], 2 * np.exp(x), rtol=1e-6)


def test_double_runs_a_resize_in_float64():
    proto = model(
        '(float[N,1,4,4] x) => (float[N,1,8,8] y) { a = Exp(x) y = Resize <mode = "linear"> (a, , scales) }',
        scales=np.array([1, 1, 2, 2], "f"),
    )
    graph = graph_of(proto)
    x = RNG(0).standard_normal((2, 1, 4, 4))
    (exact,) = reference(export(double(graph)), {"x": x})
    assert exact.dtype == np.float64
    np.testing.assert_array_equal(exact, reference(export(graph, np.float64), {"x": x})[0])
    np.testing.assert_allclose(exact, run(proto, {"x": x.astype("f")})[0], rtol=1e-5)
    assert graph.inputs[0].dtype == np.float32


@pytest.mark.parametrize(
    "text",
    [
        "a, b, y = Split <axis = 1> (x, sizes)",
        "y, b = Split <axis = -1, num_outputs = 2> (x)",
        "a, y = Split <axis = 1, num_outputs = 2> (x)",
    ],
)
def test_split(text):
    weights = mentioned(text, {"sizes": np.array([3, 3, 1])})
    proto = model(f"(float[N,7] x) => (float[N,K] y) {{ {text} }}", **weights)
    graph, changed = same(proto, split)
    assert ops(graph) == ["Slice"]
    assert changed == 1


def test_every_used_output_of_a_split_gets_a_slice():
    text = "a, b = Split <axis = 1, num_outputs = 2> (x) y = Mul(a, b)"
    graph, _ = same(model(f"(float[N,6] x) => (float[N,3] y) {{ {text} }}"), split)
    assert ops(graph) == ["Slice", "Slice", "Mul"]


FLATTEN = {
    "all known": ("s = Shape(a) p = ReduceProd(s) q = Reshape(p, one) y = Reshape(a, q)", "float[2,3,4] x"),
    "batch unknown": (
        "s = Shape(a) n = Gather(s, zero) m = Unsqueeze(n, axes) t = Concat <axis = 0> (m, rest) y = Reshape(a, t)",
        "float[N,3,4] x",
    ),
    "a part": (
        "s = Shape <start = 1> (a) p = ReduceProd(s) t = Concat <axis = 0> (rest, p) y = Reshape(a, t)",
        "float[N,3,4] x",
    ),
    "picked sizes": (
        "s = Shape(a) t = Slice(s, one, three) m = Concat <axis = 0> (rest, t) y = Reshape(a, m)",
        "float[N,3,4] x",
    ),
}


@pytest.mark.parametrize("name", FLATTEN)
def test_dimensions(name):
    text, x = FLATTEN[name]
    given = {
        "zero": np.array(0), "one": np.array([1]), "three": np.array([3]),
        "axes": np.array([0]), "rest": np.array([-1]),
    }  # fmt: skip
    proto = model(f"({x}) => (float[N] y) {{ a = Relu(x) {text} }}", **mentioned(text, given))
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    graph, _ = same(proto, constants, dimensions, constants, shapes, dimensions, unused)
    assert ops(graph) == ["Relu", "Reshape"]


def test_a_branch_that_constants_decide_is_inlined():
    proto = onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 24]>
        g (float[N,4] x) => (float[N,4] y) <bool c = {0}> {
            a = Exp(x)
            b = If (c) <
                then_branch = t () => (float[N,4] r) { r = Neg(a) },
                else_branch = e () => (float[N,4] r) { u = Relu(a) v = Mul(u, u) r = Add(v, a) }
            >
            y = Add(a, b)
        }
    """)
    graph, changed = same(proto, branches, names, identities)
    assert ops(graph) == ["Exp", "Relu", "Mul", "Add", "Add"]
    assert branches(graph) == 0 <= changed


@pytest.mark.parametrize(("shape", "axis"), [("N,5", 1), ("N,3,5", 2), ("N,5,1,1", 1)])
@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_a_softmax_over_rows_loses_its_reshapes(op, shape, axis):
    graph, _changed = same(_flattening(op, shape, axis), row_softmax, unused)
    assert ops(graph) == [op]
    assert graph.nodes[0].attrs["axis"] == axis


WRITTEN = {
    "stable": (
        "m = ReduceMax(x, axes) d = Neg(m) z = Add(x, d) "
        "e = Exp(z) t = ReduceSum(e, axes) r = Reciprocal(t) y = Mul(e, r)"
    ),
    "plain": "e = Exp(x) t = ReduceSum(e, axes) r = Reciprocal(t) y = Mul(r, e)",
    "through a reshape": (
        "e = Exp(x) t = ReduceSum <keepdims = 0> (e, axes) u = Reshape(t, column) r = Reciprocal(u) y = Mul(e, r)"
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_softmax_that_was_written_out_is_fused(name):
    weights = mentioned(WRITTEN[name], {"axes": np.array([1]), "column": np.array([-1, 1])})
    graph, _ = same(model(f"{XY} {{ {WRITTEN[name]} }}", **weights), fuse_softmax, unused)
    assert ops(graph) == ["Softmax"]
    assert graph.nodes[0].inputs[0].name == "x"


@pytest.mark.parametrize("axes", [0, 1])
def test_what_only_resembles_a_softmax_stays(axes):
    text = (
        "e = Exp(x) t = ReduceSum(e, axes) r = Reciprocal(t) o = Neg(e) y = Mul(r, o)"
        if axes
        else ("e = Exp(x) t = ReduceSum(e, axes) r = Reciprocal(t) y = Mul(r, e)")
    )
    assert same(model(f"{XY} {{ {text} }}", axes=np.array([axes])), fuse_softmax)[1] == 0


def test_a_softmax_over_several_axes_keeps_them():
    graph, _ = same(_flattening("Softmax", "N,3,5", 1), row_softmax, unused)
    assert "Flatten" in ops(graph)


def _flattening(op, shape, axis):
    return model(
        f"(float[{shape}] x) => (float[{shape}] y) {{ s = Shape(x) f = Flatten <axis = {axis}> (x) "
        f"p = {op} <axis = -1> (f) y = Reshape(p, s) }}"
    )


def test_unused_nodes_inputs_and_outputs_go_and_positions_stay():
    proto = model(
        "(float[N,2,6] x, float[N] spare) => (float[N,2,3] y) "
        "{ y, i = MaxPool <kernel_shape = [2], strides = [2]> (x) dead = Relu(x) }"
    )
    graph = graph_of(proto)
    assert unused(graph) == 2
    assert [len(node.outputs) for node in graph.nodes] == [1]
    assert [value.name for value in graph.inputs] == ["x"]


def test_an_unread_first_output_keeps_the_second_in_its_place():
    weights = {name: RNG(n).standard_normal((1, 6, n)).astype("f") for name, n in (("w", 4), ("r", 2))}
    text = "all, last = GRU <hidden_size = 2> (x, w, r)"
    proto = model(f"(float[3,1,4] x) => (float[1,1,2] last) {{ {text} }}", **weights)
    graph, _ = same(proto, unused)
    assert [value.name for value in graph.nodes[0].outputs] == ["", "last"]


def test_large_weights_do_not_pass_through_shape_inference():
    graph = graph_of(model("(float[N,4] x) => (float[N,2000] y) { y = MatMul(x, w) }", w=np.ones((4, 2000), "f")))
    declared = export(graph, weights_over=100)
    assert [value.name for value in declared.graph.input] == ["x", "w"]
    assert not declared.graph.initializer
    assert isinstance(graph.nodes[0].inputs[1], gs.Constant)
    assert graph.outputs[0].shape == ["N", 2000]


def test_a_graph_is_written_without_a_word_of_the_graph_library(capsys):
    """It would print to stdout, where the data goes."""
    graph = graph_of(model("(float[N,4] x) => (float[N,4] y) { a = MatMul(x, w) y = MatMul(a, w) }", w=W))
    export(graph, weights_over=10)
    export(graph, np.float64, weights_over=10)
    assert capsys.readouterr() == ("", "")


def test_converting_a_copy_leaves_tensors_in_attributes_and_text_alone():
    """A Constant node keeps its tensor as an attribute; it may hold the names of classes."""
    proto = model("(float[N,3] x) => (float[N,3] y) { y = Add(x, b) }")
    text = helper.make_tensor("names", onnx.TensorProto.STRING, [2], [b"cat", b"dog"])
    shift = helper.make_tensor("shift", onnx.TensorProto.FLOAT, [1], [0.1])
    makers = [helper.make_node("Constant", [], [name], value=value) for name, value in (("t", text), ("b", shift))]
    nodes = [*makers, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    graph = gs.import_onnx(proto)
    copies, own = ({node.outputs[0].name: node for node in each.nodes} for each in (double(graph), graph))
    assert copies["b"].attrs["value"].values.dtype == np.float64
    assert own["b"].attrs["value"].values.dtype == np.float32
    kept = [each.attribute[0].t for each in export(double(graph)).graph.node if each.output[0] == "t"]
    assert [list(each.string_data) for each in kept] == [[b"cat", b"dog"]]


def test_a_single_size_is_a_constant_that_a_copy_can_hold():
    proto = model(
        "(float[N,4,7] x) => (int64[K] y) { s = Shape(x) n = Gather(s, i) y = Unsqueeze(n, z) }",
        i=np.array(2),
        z=np.array([0]),
    )
    graph, changed = same(proto, dimensions)
    assert changed == 1
    assert isinstance(copy(graph).tensors()["n"].values, np.ndarray)


def test_weights_that_a_batchnorm_in_training_standardises_are_folded():
    """Weight standardisation, as it is exported; a BatchNormalization in training has to have all of its outputs."""
    norm = "w, m, v = BatchNormalization<training_mode = 1>(raw, s, b, mean, var)"
    given = {"raw": RNG(0).normal(size=(1, 4, 9)).astype("f"), "mean": np.zeros(4, "f"), "var": np.ones(4, "f")}
    given |= {"s": RNG(1).normal(size=4).astype("f"), "b": np.zeros(4, "f"), "shape": np.array([4, 9])}
    text = f"(float[N, 4] x) => (float[N, 9] y) {{ {norm}\n k = Reshape(w, shape)\n y = MatMul(x, k) }}"
    graph, _ = same(model(text, **given), unused, constants)
    assert ops(graph) == ["MatMul"]
