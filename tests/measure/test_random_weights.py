"""Random copies of a model: same values in another order, and the model itself as it was."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from nets import BUNDLED, network, node, relu_cnn
from onnx import numpy_helper

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError
from onnxplain.measure.evaluation_set import EvaluationSet
from onnxplain.measure.random_weights import layers, randomised


def weights(model):
    return {n: t.values.copy() for n, t in model.canonical.graph.tensors().items() if hasattr(t, "values")}


def test_layers_come_from_the_scores_down():
    model = ox.load(relu_cnn()[0])
    assert layers(model) == [("w3", "b3"), ("w2", "b2"), ("w1", "b1")]


def test_a_shared_weight_belongs_to_the_topmost_of_its_nodes():
    nodes = [node("MatMul", "x w", "a"), node("Relu", "a", "r"), node("MatMul", "r w", "y")]
    model = ox.load(network(nodes, (1, 4), {"w": np.arange(16, dtype="f").reshape(4, 4)}))
    assert layers(model) == [("w",)]


def test_values_are_permuted_in_the_chosen_layers_and_the_model_stays():
    proto, _ = relu_cnn()
    model = ox.load(proto)
    before, bytes_before = weights(model), proto.SerializeToString()
    copy = randomised(model, layers(model)[:2], 0)
    after = weights(copy)
    for name, values in before.items():
        if name in ("w3", "b3", "w2", "b2"):
            assert (after[name] != values).any()
            np.testing.assert_array_equal(np.sort(after[name].ravel()), np.sort(values.ravel()))
        else:
            np.testing.assert_array_equal(after[name], values)
        np.testing.assert_array_equal(weights(model)[name], values)
    assert proto.SerializeToString() == bytes_before
    assert copy.sha256 != model.sha256 and copy.path is None


def test_tensors_of_one_size_are_permuted_each_in_its_own_way():
    values = np.arange(36, dtype="f").reshape(6, 6)
    nodes = [node("MatMul", "x a", "h"), node("Relu", "h", "r"), node("MatMul", "r b", "y")]
    model = ox.load(network(nodes, (1, 6), {"a": values, "b": values + 100}))
    after = weights(randomised(model, layers(model), 0))
    assert (after["a"] != after["b"] - 100).mean() > 0.5
    for name, first in (("a", 0), ("b", 100)):
        rows = {tuple(sorted(row)) for row in after[name]}
        assert not rows & {tuple(row) for row in values + first}, "elements leave their rows"


def test_a_layer_gets_the_same_weights_alone_and_in_a_cascade():
    model = ox.load(relu_cnn()[0])
    top, middle, _ = layers(model)
    alone, cascade, other = (randomised(model, *args) for args in (([middle], 5), ([top, middle], 5), ([middle], 6)))
    np.testing.assert_array_equal(weights(alone)["w2"], weights(cascade)["w2"])
    assert (weights(alone)["w2"] != weights(other)["w2"]).any()


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_the_copy_computes_what_onnxruntime_computes_with_these_weights(engine):
    proto, x = relu_cnn()
    model = ox.load(proto, engine=engine)
    copy = randomised(model, layers(model), 1)
    file = onnx.ModelProto()
    file.CopyFrom(proto)
    new = weights(copy)
    for each in file.graph.initializer:
        each.CopyFrom(numpy_helper.from_array(new[each.name], each.name))
    session = onnxruntime.InferenceSession(file.SerializeToString(), providers=["CPUExecutionProvider"])
    data = EvaluationSet.of(copy, x, None, 0.0, 0)
    np.testing.assert_allclose(data.scores(data.batch), session.run(None, {"x": x})[0], rtol=1e-4, atol=1e-5)


def test_a_forest_has_no_weights_to_randomise():
    with pytest.raises(UnsupportedModelError, match="TreeEnsembleClassifier"):
        layers(ox.load(BUNDLED / "digits_forest_sklearn.onnx"))
    scaled = network([node("Mul", "x w", "y")], (1, 4), {"w": np.ones(4, "f")})
    with pytest.raises(UnsupportedModelError, match="no convolution or matrix product"):
        layers(ox.load(scaled))
