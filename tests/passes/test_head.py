"""Which tensor is explained, what was cut behind it, and that putting it back gives the model's own output."""

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import pytest
from onnx import helper
from passes.same import RNG, mentioned, model, run

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError, UsageError
from onnxplain.passes import canonicalise, double, export, verify

W = RNG(0).standard_normal((4, 3)).astype("f")
DENSE = "s = MatMul(x, w)"
HEADS = {
    "none": ("y = MatMul(x, w)", "float", "y", []),
    "Softmax": (f"{DENSE} y = Softmax(s)", "float", "s", ["Softmax"]),
    "LogSoftmax": (f"{DENSE} y = LogSoftmax(s)", "float", "s", ["LogSoftmax"]),
    "Sigmoid": (f"{DENSE} y = Sigmoid(s)", "float", "s", ["Sigmoid"]),
    "Reshape behind": (f"{DENSE} p = Softmax(s) y = Reshape(p, flat)", "float", "s", ["Softmax", "Reshape"]),
    "Log of Softmax": (f"{DENSE} p = Softmax(s) y = Log(p)", "float", "s", ["Softmax", "Log"]),
    "ArgMax": (f"{DENSE} y = ArgMax <axis = 1> (s)", "int64", "s", ["ArgMax"]),
    "ArgMax of Softmax": (
        f"{DENSE} p = Softmax(s) a = ArgMax <axis = 1> (p) y = Cast <to = 6> (a)",
        "int32",
        "s",
        ["Softmax", "ArgMax", "Cast"],
    ),
    "labels looked up": (
        f"{DENSE} a = ArgMax <axis = 1> (s) y = Gather(labels, a)",
        "int64",
        "s",
        ["ArgMax", "Gather"],
    ),
    "a threshold": (
        (
            f"{DENSE} p = Softmax(s) a = ArgMax <axis = 1> (p) m = ReduceMax(p, axes) l = Less(m, half) "
            "y = Where(l, minus, a)"
        ),
        "int64",
        "s",
        ["Softmax", "ArgMax", "ReduceMax", "Less", "Where"],
    ),
    "a Softmax inside stays": ("p = Softmax(x) y = MatMul(p, w)", "float", "y", []),
    "only a Softmax": ("y = Softmax(x)", "float", "y", []),
}


@pytest.mark.parametrize("name", HEADS)
def test_head(name):
    text, kind, scores, cut = HEADS[name]
    constants = {
        "w": W, "flat": np.array([-1]), "labels": np.array([7, 5, 3]), "axes": np.array([1]),
        "half": np.float32(0.4), "minus": np.array(-1),
    }  # fmt: skip
    proto = model(f"(float[N,4] x) => ({kind}[A,B] y) {{ {text} }}", **mentioned(text, constants))
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    canonical = canonicalise(proto)
    assert canonical.scores == scores
    assert [each.split()[0] for each in canonical.cut] == cut
    assert [value.name for value in canonical.graph.outputs] == [scores]
    assert canonical.output == "y"
    assert verify(proto, canonical).largest < 1e-6


def two_outputs():
    return model(
        "(float[N,4] x) => (int64[N,1] label, float[N,3] probabilities, float[N,3] other) "
        f"{{ {DENSE} probabilities = Softmax(s) label = ArgMax <axis = 1> (s) other = Exp(s) }}",
        w=W,
    )


def test_scores_go_before_labels_and_the_user_has_the_last_word():
    assert canonicalise(two_outputs()).output == "probabilities"
    assert canonicalise(two_outputs(), output="other").scores == "other"
    assert canonicalise(two_outputs(), output="label").scores == "s"
    with pytest.raises(UsageError, match=r"no output 'nothing'.*'label', 'probabilities', 'other'"):
        canonicalise(two_outputs(), output="nothing")


def test_a_written_out_sigmoid_classifier_of_scikit_learn():
    nodes = [
        helper.make_node(
            "LinearClassifier", ["x"], ["label", "p"], domain="ai.onnx.ml", coefficients=W.T.ravel().tolist(),
            intercepts=[0.1, 0.2, 0.3], classlabels_ints=[0, 1, 2], post_transform="LOGISTIC",
        ),
        helper.make_node("Normalizer", ["p"], ["q"], domain="ai.onnx.ml", norm="L1"),
        helper.make_node("ZipMap", ["q"], ["map"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2]),
    ]  # fmt: skip
    maps = helper.make_map_type_proto(7, helper.make_tensor_type_proto(1, []))
    outputs = [
        helper.make_tensor_value_info("label", 7, ["N"]),
        helper.make_value_info("map", helper.make_sequence_type_proto(maps)),
    ]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", 1, ["N", 4])], outputs)
    opsets = [helper.make_opsetid("", 24), helper.make_opsetid("ai.onnx.ml", 1)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    canonical = canonicalise(proto)
    assert [each.split()[0] for each in canonical.cut] == ["Sigmoid", "Normalizer", "ZipMap"]
    assert verify(proto, canonical).largest < 1e-6
    x = RNG(1).standard_normal((2, 4)).astype("f")
    np.testing.assert_allclose(
        run(export(canonical.graph), {"x": x})[0], x @ W + np.array([0.1, 0.2, 0.3], "f"), atol=1e-6
    )


def member(name, seed, post="SOFTMAX"):
    """A linear classifier of three classes."""
    w = RNG(seed).standard_normal((3, 4)).astype("f")
    return helper.make_node(
        "LinearClassifier", ["x"], [f"{name}_label", name], domain="ai.onnx.ml", coefficients=w.ravel().tolist(),
        intercepts=[0.1, 0.2, 0.3], classlabels_ints=[0, 1, 2], post_transform=post,
    )  # fmt: skip


def ensemble(*nodes, outputs=("y",), kinds=(1,)):
    infos = [helper.make_tensor_value_info(name, kind, None) for name, kind in zip(outputs, kinds, strict=True)]
    graph = helper.make_graph(list(nodes), "g", [helper.make_tensor_value_info("x", 1, ["N", 4])], infos)
    graph.initializer.append(onnx.numpy_helper.from_array(np.float32(0.5), "half"))
    opsets = [helper.make_opsetid("", 24), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def test_the_scores_of_a_soft_vote_are_those_of_the_whole():
    """As scikit-learn's VotingClassifier is exported: no type is stated between the members and the map."""
    nodes = [member("a", 0), member("b", 1)]
    for name in "ab":
        nodes.append(helper.make_node("Normalizer", [name], [f"{name}n"], domain="ai.onnx.ml", norm="L1"))
        nodes.append(helper.make_node("Mul", [f"{name}n", "half"], [f"{name}w"]))
    nodes.append(helper.make_node("Sum", ["aw", "bw"], ["votes"]))
    nodes.append(helper.make_node("ZipMap", ["votes"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2]))
    proto = ensemble(*nodes)
    maps = helper.make_map_type_proto(7, helper.make_tensor_type_proto(1, []))
    proto.graph.output[0].type.CopyFrom(helper.make_sequence_type_proto(maps))
    canonical = canonicalise(proto)
    assert canonical.scores == "votes" and [each.split()[0] for each in canonical.cut] == ["ZipMap"]
    assert verify(proto, canonical).share < 1e-6
    x = RNG(2).standard_normal((5, 4)).astype("f")
    wanted = [[row[i] for i in range(3)] for row in run(proto, {"x": x})[0]]
    np.testing.assert_allclose(run(export(canonical.graph), {"x": x})[0], wanted, atol=1e-6)


def test_a_label_of_several_decisions_is_not_that_of_one_of_them():
    nodes = [
        member("a", 0, "NONE"),
        member("b", 1, "NONE"),
        helper.make_node("ArgMax", ["a"], ["i"], axis=1),
        helper.make_node("ArgMax", ["b"], ["j"], axis=1),
        helper.make_node("Max", ["i", "j"], ["y"]),
    ]
    with pytest.raises(UnsupportedModelError, match="'y' holds no float scores, and none were found behind it"):
        canonicalise(ensemble(*nodes, kinds=(7,)))


def test_a_label_beside_the_scores_proves_nothing_of_them():
    proto = ensemble(member("a", 0), outputs=("a_label",), kinds=(7,))
    canonical = canonicalise(proto)
    assert [node.op for node in canonical.graph.nodes] == ["Gemm"]
    with pytest.raises(UnsupportedModelError, match="a label that does not tell the scores"):
        verify(proto, canonical)


def test_a_model_without_float_scores_is_refused():
    proto = model("(int64[N,4] x) => (int64[N,4] y) { y = Add(x, x) }")
    with pytest.raises(UnsupportedModelError, match="'y' holds no float scores"):
        canonicalise(proto)


def test_verify_sees_a_difference():
    proto = model(f"(float[N,4] x) => (float[N,3] y) {{ {DENSE} y = Softmax(s) }}", w=W)
    canonical = canonicalise(proto)
    weight = next(value for value in canonical.graph.nodes[0].inputs if isinstance(value, gs.Constant))
    weight.values = weight.values + 0.5 * (np.arange(3) == 1).astype("f")
    assert verify(proto, canonical).largest > 0.1


def test_a_fixed_input_becomes_a_constant():
    proto = onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 24]>
        g (float[N,4] x, int64 rate) => (float[N,4] y) <int64 slow = {8000}> {
            c = Equal(rate, slow)
            y = If (c) <
                then_branch = t () => (float[N,4] r) { r = Neg(x) },
                else_branch = e () => (float[N,4] r) { r = Exp(x) }
            >
        }
    """)
    canonical = canonicalise(proto, fixed={"rate": 8000})
    assert [node.op for node in canonical.graph.nodes] == ["Neg"]
    assert verify(proto, canonical).largest == 0
    assert ox.explain(ox.load(proto, fixed={"rate": 8000}), RNG(0).standard_normal((2, 4))).parity.difference == 0
    with pytest.raises(UsageError, match=r"no input 'speed'.*x, rate"):
        canonicalise(proto, fixed={"speed": 1})


def test_float64_is_computed_in_float64():
    proto = model(f"(float[N,4] x) => (float[N,3] y) {{ {DENSE} y = Tanh(s) }}", w=W)
    graph = double(canonicalise(proto).graph)
    x = RNG(2).standard_normal((2, 4))
    np.testing.assert_allclose(run(export(graph), {"x": x})[0], np.tanh(x @ W.astype(np.float64)), rtol=1e-14)


def test_nothing_is_printed(capfd):
    canonicalise(two_outputs())
    assert capfd.readouterr().out == ""
