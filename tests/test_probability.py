"""Probabilities are those that the untouched file gives, run by onnxruntime, whatever form its output has."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from nets import BUNDLED, SHARED, digits, needs_shared, network, node
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.passes.verify import random_inputs

W = np.random.default_rng(0).normal(size=(4, 3)).astype("f")
X = np.random.default_rng(1).normal(size=(5, 4)).astype("f")
SCALE, ZERO = np.float32(1 / 256), np.uint8(0)


def run(model, x=X):
    """The outputs of the file by plain onnxruntime."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


def classifier(*head, kind=TensorProto.FLOAT, weights=None, w=W):
    """A dense layer, and behind it the operators of a head; the last output is the model's."""
    nodes = [node("MatMul", "x w", "s"), *head]
    model = network(nodes, X.shape, {"w": w, **(weights or {})}, output=nodes[-1].output[0])
    model.graph.output[0].type.tensor_type.elem_type = kind
    return model


HEADS = {
    "softmax": (classifier(node("Softmax", "s", "y")), lambda y: y),
    "sigmoids": (classifier(node("Sigmoid", "s", "y")), lambda y: y),
    "log_softmax": (classifier(node("LogSoftmax", "s", "y")), np.exp),
    "log": (classifier(node("Softmax", "s", "p"), node("Log", "p", "y")), np.exp),
    "quantised": (
        classifier(
            node("Softmax", "s", "p"),
            node("QuantizeLinear", "p scale zero", "y"),
            kind=TensorProto.UINT8,
            weights={"scale": SCALE, "zero": ZERO},
        ),
        lambda y: y * SCALE,
    ),
    "two axes": (
        classifier(
            node("Softmax", "s", "p"), node("Unsqueeze", "p axes", "y"), weights={"axes": np.array([2], np.int64)}
        ),
        lambda y: y[..., 0],
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_the_probability_is_the_output_of_the_file(name):
    model, read = HEADS[name]
    due = read(run(model)[0]).astype("f")
    loaded = ox.load(model)
    e = ox.explain(loaded, X, "gradient", target=[0, 1, 2, 0, 1])
    np.testing.assert_allclose(e.probability, due[np.arange(5), [0, 1, 2, 0, 1]], rtol=1e-5, atol=SCALE)
    np.testing.assert_allclose(loaded.predict(X).probabilities, due, rtol=1e-6)


def test_a_label_has_the_probability_that_it_was_decided_from():
    model = classifier(node("Softmax", "s", "p"), node("ArgMax", "p", "y", axis=1), kind=TensorProto.INT64)
    due = run(HEADS["softmax"][0])[0]
    loaded = ox.load(model)
    np.testing.assert_allclose(ox.explain(loaded, X, "gradient").probability, due.max(1), rtol=1e-5)
    found = loaded.predict(X)
    np.testing.assert_allclose(found.probabilities, due, rtol=1e-5)
    assert [row.outputs["y"].item() for row in found] == run(model)[0].ravel().tolist()


@pytest.mark.parametrize("head", [(), (node("Hardmax", "s", "y"),), (node("Relu", "s", "y"),)])
def test_scores_alone_and_decisions_have_no_probability(head):
    loaded = ox.load(classifier(*head))
    e = ox.explain(loaded, X, "gradient", target=0)
    assert e.probability is None and e.to_dict()["probability"] is None
    assert loaded.predict(X).probabilities is None and loaded.predict(X)[0].probability is None


def test_an_output_whose_rows_sum_to_one_is_one_of_probabilities():
    """As a calibration writes it: sigmoids over their sum."""
    total = node("ReduceSum", "p axes", "t")
    model = classifier(
        node("Sigmoid", "s", "p"), total, node("Div", "p t", "y"), weights={"axes": np.array([1], np.int64)}
    )
    due = run(model)[0]
    e = ox.explain(ox.load(model), X, "gradient", target=1)
    np.testing.assert_allclose(e.probability, due[:, 1], rtol=1e-6)


def test_a_single_sigmoid_decides_for_its_class_or_against_it():
    model = classifier(node("Sigmoid", "s", "y"), w=W[:, :1])
    p = run(model)[0][:, 0]
    assert (p < 0.5).any() and (p >= 0.5).any()
    for given, names in ((None, ("not 0", "0")), (["cat"], ("not cat", "cat")), (["dog", "cat"], ("dog", "cat"))):
        loaded = ox.load(model, labels=given)
        e = ox.explain(loaded, X, "gradient")
        assert e.labels == tuple(names[int(each >= 0.5)] for each in p)
        np.testing.assert_allclose(e.probability, np.maximum(p, 1 - p), rtol=1e-6)
        found = loaded.predict(X)
        assert found.labels == e.labels
        np.testing.assert_allclose([row.probability for row in found], e.probability, rtol=1e-6)
        np.testing.assert_allclose([row.score for row in found], np.abs(e.score), rtol=1e-6)
    asked = ox.explain(ox.load(model, labels=["cat"]), X, "gradient", target="cat")
    assert asked.labels == ("cat",) * 5
    np.testing.assert_allclose(asked.probability, p, rtol=1e-6)


def test_rows_on_another_axis_come_first():
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [7, "batch", 4])]
    nodes = [node("MatMul", "x w", "s"), node("ReduceMean", "s axes", "m", keepdims=1), node("Softmax", "m", "y")]
    model = network(nodes, None, {"w": W, "axes": np.array([0], np.int64)}, inputs=inputs)
    x = np.random.default_rng(2).normal(size=(7, 5, 4)).astype("f")
    due = run(model, x)[0][0]
    e = ox.explain(ox.load(model), x, "gradient", target=2)
    np.testing.assert_allclose(e.probability, due[:, 2], rtol=1e-5)
    np.testing.assert_allclose(ox.load(model).predict(x).probabilities, due, rtol=1e-5)


@pytest.mark.parametrize("rows", [1, 2])
def test_a_batch_of_fixed_length_is_filled_up(rows):
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 4])]
    nodes = [node("MatMul", "x w", "s"), node("Softmax", "s", "y")]
    model = network(nodes, None, {"w": W}, inputs=inputs)
    due = run(HEADS["softmax"][0])[0]
    found = ox.load(model).predict(X)
    assert len(found) == 5
    np.testing.assert_allclose(found.probabilities, due, rtol=1e-6)
    np.testing.assert_allclose(ox.explain(ox.load(model), X, "gradient").probability, due.max(1), rtol=1e-5)


def test_the_names_of_a_map_are_taken_in_the_order_of_the_scores():
    zipped = helper.make_node("ZipMap", ["p"], ["y"], "y", domain="ai.onnx.ml", classlabels_strings=["c", "a", "b"])
    model = classifier(node("Softmax", "s", "p"), zipped)
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    del model.graph.output[:]
    kind = helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    )
    model.graph.output.append(helper.make_value_info("y", kind))
    due = np.array([[row["c"], row["a"], row["b"]] for row in run(model)[0]], "f")
    np.testing.assert_allclose(ox.load(model).predict(X).probabilities, due, rtol=1e-6)
    np.testing.assert_allclose(ox.explain(ox.load(model), X, "gradient", target=0).probability, due[:, 0], rtol=1e-5)


def test_a_forest_gives_probabilities_without_an_activation():
    e = ox.explain(ox.load(BUNDLED / "digits_forest_sklearn.onnx"), BUNDLED / "digits_samples.npy", "occlusion")
    np.testing.assert_array_equal(e.probability, e.prediction.max(1))


def test_a_value_within_the_network_has_no_probability():
    e = ox.explain(ox.load(HEADS["softmax"][0]), X, "gradient", ox.Neuron("s", 1))
    assert e.probability is None and e.labels == (str(ox.Neuron("s", 1)),) * 5


@needs_shared
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("exported/tflite-v3-small_224_1.0_uint8-qdq.onnx", lambda y: y * np.float32(1 / 256)),
        ("real/mnist_tribuo_pytorch_cnn.onnx", np.exp),
        ("real/squeezenet_fp16-winml.onnx", lambda y: y),
    ],
)
def test_real_files(name, read):
    model = onnx.load(SHARED / name)
    x = {key: value[:1] for key, value in random_inputs(model).items()}
    ((key, value),) = x.items()
    session = onnxruntime.InferenceSession(SHARED / name, providers=["CPUExecutionProvider"])
    due = read(session.run(None, {key: value})[0].reshape(1, -1).astype("f"))
    loaded = ox.load(SHARED / name)
    e = ox.explain(loaded, value.astype("f") if value.dtype == np.float16 else value, "gradient")
    np.testing.assert_allclose(e.probability, due.max(1), rtol=1e-2, atol=1 / 256)
    np.testing.assert_allclose(loaded.predict(value).probabilities, due, rtol=1e-5, atol=1e-6)


def test_two_labels_of_another_single_score_are_refused():
    with pytest.raises(ox.errors.UsageError, match="2 names for 1 classes"):
        ox.load(classifier(w=W[:, :1]), labels=["dog", "cat"])
    assert digits().absent is None
