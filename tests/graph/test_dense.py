"""Dense layers behind convolutions: their weights are read where they are, and the numbers stay the same."""

from __future__ import annotations

import gc

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.graph import dense
from onnxplain.graph.runtime import Session, open_session

RNG = np.random.default_rng(0)


def network(convolutions=4, dense_op="Gemm"):
    """Convolutions of an image of 8 by 8 pixels, and two dense layers behind them."""
    weights, nodes, x = {}, [], "x"
    for i in range(convolutions):
        weights[f"k{i}"] = RNG.normal(size=(4, 4 if i else 1, 3, 3)) / 4
        nodes += [helper.make_node("Conv", [x, f"k{i}"], [f"c{i}"], pads=[1] * 4)]
        nodes += [helper.make_node("Relu", [f"c{i}"], [f"r{i}"])]
        x = f"r{i}"
    nodes.append(helper.make_node("Flatten", [x], ["f"]))
    weights |= {"b": RNG.normal(size=80), "w": RNG.normal(size=(80, 256)) / 16, "v": RNG.normal(size=(3, 80)) / 4}
    if dense_op == "Gemm":
        nodes += [helper.make_node("Gemm", ["f", "w", "b"], ["h"], transB=1), helper.make_node("Relu", ["h"], ["hr"])]
        nodes += [helper.make_node("Gemm", ["hr", "v"], ["y"], transB=1)]
    else:
        weights = {**weights, "w": weights["w"].T, "v": weights["v"].T}
        nodes += [helper.make_node("MatMul", ["f", "w"], ["h"]), helper.make_node("Relu", ["h"], ["hr"])]
        nodes += [helper.make_node("MatMul", ["hr", "v"], ["y"])]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", ["N", 1, 8, 8]), ("y", ["N", 3]))
    ]
    known = [onnx.numpy_helper.from_array(each.astype("f"), name) for name, each in weights.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], known)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def shared(monkeypatch):
    """The weights that sessions were given to read in place, where the dense layers count as large."""
    seen = []
    opened = Session.__init__

    def opening(self, source, providers, given=None, **options):
        seen.append(sorted(given or {}))
        opened(self, source, providers, given, **options)

    monkeypatch.setattr(Session, "__init__", opening)
    monkeypatch.setattr(dense, "LARGE", 1000)
    return seen


@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon", "deeplift"])
def test_explanations_are_those_of_the_engine_in_numpy(shared, method):
    x = RNG.normal(size=(5, 1, 8, 8)).astype("f")
    proto = network()
    explainer = ox.Explainer(ox.load(proto, engine="onnxruntime"), method)
    explainer(x[:2], target=1)
    gc.collect()  # a session whose = {"w"were freed would read whatever is there now
    found = explainer(x, target=1)
    expected = ox.explain(ox.load(proto, engine="numpy", precision="float64"), x, method, target=1)
    assert ["w"] in shared
    assert found.attribution == pytest.approx(
        expected.attribution, rel=1e-4, abs=1e-5 * abs(expected.attribution).max()
    )
    assert found.score == pytest.approx(expected.score, rel=1e-5)


def known(proto):
    """The weights of a model by name."""
    return {each.name: onnx.numpy_helper.to_array(each) for each in proto.graph.initializer}


def test_what_is_read_in_place(monkeypatch):
    monkeypatch.setattr(dense, "LARGE", 1000)
    assert dense.read_in_place(network(), known(network())).keys() == {"w", "v"}
    few, tokens = network(convolutions=3), network(dense_op="MatMul")
    assert dense.read_in_place(few, known(few)) == {}, "the time goes into the dense layers"
    assert dense.read_in_place(tokens, known(tokens)) == {}, "each weight is multiplied by many rows"
    turned = {name: each.T for name, each in known(network()).items()}
    assert dense.read_in_place(network(), turned) == {}, "they are not contiguous"


def test_small_layers_are_left_to_onnxruntime():
    assert dense.read_in_place(network(), known(network())) == {}


def test_a_part_reads_in_place_what_the_whole_model_does(shared):
    model = network()
    weights = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    part = onnx.utils.Extractor(onnx.shape_inference.infer_shapes(model)).extract_model(["f"], ["y"])
    f = RNG.normal(size=(2, 256)).astype("f")
    alone = open_session(part, weights).run(None, {"f": f})
    found = open_session(part, weights, part_of=model).run(None, {"f": f})
    assert shared == [[], ["v", "w"]]
    np.testing.assert_allclose(found[0], alone[0], rtol=1e-5, atol=1e-6)
