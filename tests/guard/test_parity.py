"""What is explained is what the file computes, which plain onnxruntime says; anything else is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import pytest
from cli.test_cli import run
from guard.test_blame import tokens
from nets import BUNDLED, network, node, relu_cnn
from onnx import TensorProto, helper
from passes.same import model as text

import onnxplain as ox
from onnxplain.errors import BadInputError, UnsupportedModelError, UsageError
from onnxplain.graph.deployed import Deployed

METHODS = ("lrp.epsilon", "deeplift", "smoothgrad", "occlusion", "grad_cam")
RNG = np.random.default_rng(0)
W, X = RNG.normal(size=(4, 3)).astype("f"), RNG.normal(size=(3, 4)).astype("f")


def altered(source, factor=1.01, **options):
    """A model whose prepared graph computes something else: its last weight is another one."""
    model = ox.load(source, **options)
    constants = (v for n in model.canonical.graph.nodes for v in n.inputs if isinstance(v, gs.Constant))
    *_, weight = (value for value in constants if value.values.ndim > 1)
    weight.values = weight.values * np.float32(factor)
    return model


@pytest.mark.parametrize("loaded", [{"engine": "onnxruntime"}, {"engine": "numpy"}, {"precision": "float64"}])
@pytest.mark.parametrize("method", METHODS)
def test_the_first_rows_are_compared_with_the_file(loaded, method):
    proto, x = relu_cnn()
    e = ox.explain(ox.load(proto, **loaded), x, method)
    assert e.parity.rows == 2 and e.parity.output == "y" and e.parity.unproven is None
    assert e.parity.share < 1e-6 < e.parity.tolerance
    assert e.record["parity"]["difference"] == e.parity.difference


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
@pytest.mark.parametrize("method", METHODS)
def test_a_graph_that_computes_something_else_is_refused_with_its_first_node(engine, method):
    proto, x = relu_cnn()
    with pytest.raises(UnsupportedModelError, match=r"'y' differs by up to .*'y', of Gemm \(node 'y'\)"):
        ox.explain(altered(proto, engine=engine), x, method)


def test_it_is_found_within():
    proto, x = relu_cnn()
    model = ox.load(proto)
    first = next(each for each in model.canonical.graph.nodes if each.op == "Conv")
    first.inputs[1].values = first.inputs[1].values[::-1].copy()
    with pytest.raises(UnsupportedModelError, match=r"first value that differs is 'c1', of Conv \(node 'c1'\)"):
        ox.explain(model, x)


HEADS = {
    "softmax": "p = MatMul(x, w) s = Mul(p, hundred) y = Softmax<axis = 1>(s)",
    "sigmoid": "p = MatMul(x, w) s = Mul(p, hundred) y = Sigmoid(s)",
    "log softmax": "s = MatMul(x, w) y = LogSoftmax<axis = 1>(s)",
    "label": "s = MatMul(x, w) y = ArgMax<axis = 1, keepdims = 0>(s)",
    "softmax and label": "s = MatMul(x, w) p = Softmax<axis = 1>(s) y = ArgMax<axis = 1, keepdims = 0>(p)",
    "scores": "y = MatMul(x, w)",
}


def headed(name):
    given = {"w": W, **({"hundred": np.float32(100)} if "hundred" in HEADS[name] else {})}
    proto = text(f"(float[N, 4] x) => (float y) {{ {HEADS[name]} }}", **given)
    proto.graph.output[0].CopyFrom(onnx.ValueInfoProto(name="y"))
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64 if "label" in name else TensorProto.FLOAT
    return proto


@pytest.mark.parametrize("name", HEADS)
def test_a_head_hides_no_difference(name):
    """Each of these gives the same label, and most the probabilities 0 and 1, whatever the scores are."""
    assert ox.explain(ox.load(headed(name)), X, "gradient").parity.share < 1e-6
    with pytest.raises(UnsupportedModelError, match="does not compute what the file does"):
        ox.explain(altered(headed(name), factor=1.1), X, "gradient")


def test_maps_from_classes_to_probabilities_are_compared():
    classifier = helper.make_node(
        "LinearClassifier", ["x"], ["label", "p"], domain="ai.onnx.ml", coefficients=W.T.ravel().tolist(),
        intercepts=[0.1, 0.2, 0.3], classlabels_strings=["a", "b", "c"], post_transform="SOFTMAX",
    )  # fmt: skip
    zipped = helper.make_node("ZipMap", ["p"], ["map"], domain="ai.onnx.ml", classlabels_strings=["a", "b", "c"])
    outputs = [onnx.ValueInfoProto(name="label"), onnx.ValueInfoProto(name="map")]
    outputs[0].type.tensor_type.elem_type = TensorProto.STRING
    outputs[0].type.tensor_type.shape.dim.add()
    maps = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(1, []))
    outputs[1].type.CopyFrom(helper.make_sequence_type_proto(maps))
    graph = helper.make_graph([classifier, zipped], "g", [helper.make_tensor_value_info("x", 1, ["N", 4])], outputs)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 1)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    assert ox.explain(ox.load(proto), X, "occlusion").parity.share < 1e-6
    with pytest.raises(UnsupportedModelError, match="'map' differs"):
        ox.explain(altered(proto), X, "occlusion")


@pytest.mark.parametrize(("mode", "refuses"), [("first", False), ("always", True), ("never", False)])
def test_when_the_file_is_run(mode, refuses, monkeypatch):
    runs, plain = [], Deployed._run
    monkeypatch.setattr(Deployed, "_run", lambda self, *args, **more: runs.append(1) or plain(self, *args, **more))
    proto, x = relu_cnn()
    model = ox.load(proto, engine="numpy", parity=mode)
    explainer = ox.Explainer(model, "gradient")
    assert (explainer(x).parity is None) == (mode == "never")
    assert len(runs) == (mode != "never")
    ox.explain(model, x, "lrp.epsilon")
    assert len(runs) == (mode != "never"), "another explainer of the same rows"
    explainer(2 * x)
    assert len(runs) == {"never": 0, "first": 1, "always": 2}[mode]
    inner, walk = explainer.method.engine.inner, explainer.method.engine.inner.walk
    monkeypatch.setattr(inner, "walk", lambda request: replace(found := walk(request), scores=found.scores + 1))
    if refuses:
        with pytest.raises(UnsupportedModelError, match="does not compute"):
            explainer(3 * x)
    else:
        explainer(3 * x)


def test_the_mode_is_one_of_three(tmp_path):
    with pytest.raises(UsageError, match="'first', 'always', 'never'"):
        ox.load(relu_cnn()[0], parity="sometimes")
    given = (BUNDLED / "wine_mlp_torch.onnx", BUNDLED / "wine_sample.npy", "-m", "gradient", "--json")
    for mode in ("first", "never"):
        (record,) = json.loads(run("explain", *given, "--parity", mode, "-o", tmp_path).stdout)
        assert (record["parity"] is None) == (mode == "never")


def test_a_file_that_is_gone_proves_nothing_and_one_that_has_changed_is_refused(tmp_path):
    proto, x = relu_cnn()
    path = tmp_path / "net.onnx"
    onnx.save(proto, path)
    gone, changed = ox.load(path), ox.load(path)
    onnx.save(relu_cnn(seed=1)[0], path)
    with pytest.raises(BadInputError, match="has changed since it was loaded"):
        ox.explain(changed, x)
    path.unlink()
    e = ox.explain(gone, x)
    assert "no longer there" in e.parity.unproven and e.record["parity"]["unproven"] == e.parity.unproven
    assert str(e.parity).startswith("unproven: ")


def test_a_file_that_onnxruntime_runs_as_it_is_written_only():
    """Its optimiser mistakes a Pad that names its axes behind a Transpose."""
    proto = text(
        """(float[N, 5, 6] x) => (float[N, 5, 9] y) { t = Transpose<perm = [0, 2, 1]>(x)
        p = Pad(t, pads, , axes) y = Transpose<perm = [0, 2, 1]>(p) }""",
        pads=np.array([1, 2]),
        axes=np.array([1]),
    )
    e = ox.explain(ox.load(proto), RNG.normal(size=(2, 5, 6)).astype("f"), "gradient", target=3)
    assert e.parity.unproven is None and e.parity.difference == 0


def test_inputs_that_the_scores_do_not_depend_on_need_no_array():
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in ("x", "other")]
    proto = network([node("MatMul", "x w", "y"), node("Exp", "other", "z")], (), {"w": W}, inputs=inputs)
    proto.graph.output.append(onnx.ValueInfoProto(name="z"))
    proto.graph.output[1].type.CopyFrom(inputs[1].type)
    assert ox.explain(ox.load(proto), X, "gradient").parity.share < 1e-6


@pytest.mark.parametrize("method", ["gradient", "deeplift", "occlusion"])
def test_token_ids_are_compared_by_what_the_file_takes(method):
    """Some methods run from the embedding on, which is no input of the file."""
    x = {"ids": np.array([[1, 2, 3, 4, 5, 7]]), "shares": np.ones((1, 6, 1), "f")}
    assert ox.explain(ox.load(tokens(), input="ids"), x, method).parity.share < 1e-6
    with pytest.raises(UnsupportedModelError, match="does not compute what the file does"):
        ox.explain(altered(tokens(), input="ids"), x, method)
