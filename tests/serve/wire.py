"""Models of every kind under short names, an application that serves them, and tensors as they are sent."""

from __future__ import annotations

import base64
import json
from functools import cache
from importlib.util import find_spec

import numpy as np
from joint import picture_and_table
from nets import BUNDLED, network, node
from onnx import TensorProto, helper
from test_table_inputs import file

import onnxplain as ox

X = np.random.default_rng(0).normal(size=(3, 1, 16, 16)).astype(np.float32)
"""Rows for the model `digits`."""
PNG = next(BUNDLED.glob("images/digit_3_*.png"))
PIXELS = np.random.default_rng(1).integers(0, 256, (2, 20, 18, 1), np.uint8)
"""Two pictures of another size than the input of `digits`."""


@cache
def models():
    """The bundled kinds of models, and made ones of several inputs and outputs."""
    load = lambda name, **options: ox.load(BUNDLED / f"{name}.onnx", **options)  # noqa: E731
    digits = {"preprocess": BUNDLED / "digits_cnn_torch.preprocess.json", "labels": BUNDLED / "digits.labels.txt"}
    proto, _ = picture_and_table()
    return {
        "digits": load("digits_cnn_torch", **digits),
        "forest": load("digits_forest_sklearn"),
        "wine": load("wine_mlp_torch", features=BUNDLED / "wine.features.txt", labels=BUNDLED / "wine.labels.txt"),
        "sounds": load("sounds_cnn_torch", rate=8000, labels=BUNDLED / "sounds.labels.txt"),
        "table": ox.load(file(trees=True)),
        "joint": ox.load(proto, input="all"),
        "beside": ox.load(proto, input="image"),
        "kinds": ox.load(kinds()),
        "scaled": ox.load(scaled(), input="x"),
    }


@cache
def reviews():
    """A model that takes texts, for which the library tokenizers is needed."""
    vocabulary, labels = BUNDLED / "reviews.tokenizer.json", BUNDLED / "reviews.labels.txt"
    return ox.load(BUNDLED / "reviews_transformer_torch.onnx", vocabulary=vocabulary, labels=labels)


def client(**limits):
    """A client of an application that serves all these models, in this process."""
    from fastapi.testclient import TestClient

    return TestClient(application_of_all(**limits), raise_server_exceptions=False)


def application_of_all(**limits):
    """An application that serves all these models."""
    from onnxplain.serve.application import application
    from onnxplain.serve.limits import Limits

    texts = {} if find_spec("tokenizers") is None else {"reviews": reviews()}
    return application(models() | texts, Limits(**limits))


def kinds():
    """x float [N, 3] gives scores; two more outputs, of other datatypes, depend on a second input alone."""
    weights = {"w": np.array([[1, -1], [2, 0], [0, -1]], "f"), "two": np.array(2, np.int64)}
    nodes = [
        node("MatMul", "x w", "y"),
        node("Mul", "count two", "twice"),
        node("Cast", "count", "half", to=TensorProto.FLOAT16),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3]),
        helper.make_tensor_value_info("count", TensorProto.INT64, ["N"]),
    ]
    proto = network(nodes, None, weights, inputs=inputs)
    for name, kind in (("twice", TensorProto.INT64), ("half", TensorProto.FLOAT16)):
        proto.graph.output.append(helper.make_tensor_value_info(name, kind, ["N"]))
    return proto


def scaled():
    """x float [N, 3] gives scores, multiplied by a number that is one for all rows, and by one for each."""
    nodes = [node("MatMul", "x w", "a"), node("Mul", "a all", "b"), node("Mul", "b each", "y")]
    stated = {"x": ["N", 3], "all": [], "each": ["N", 1]}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in stated.items()]
    return network(nodes, None, {"w": np.array([[1, -1], [2, 0], [0, -1]], "f")}, inputs=inputs)


def b64(content):
    """The content of a file as an instance."""
    return {"b64": base64.b64encode(content).decode()}


def tensor(name, array, datatype="FP32", **others):
    """An input in JSON."""
    return {"name": name, "shape": list(array.shape), "datatype": datatype, "data": array.tolist(), **others}


def posted(client, model, inputs, **others):
    """The answer of a model of V2 in JSON, which has to be a result."""
    answer = client.post(f"/v2/models/{model}/infer", json={"inputs": inputs, **others})
    assert answer.status_code == 200, answer.text
    return {each["name"]: each for each in answer.json()["outputs"]}


def refused(answer, status, *words):
    """Check that an answer is a refusal of this status, whose sentence has these words, and no path."""
    assert answer.status_code == status, answer.text
    found = json.loads(answer.content)
    assert set(found) == {"error", "code", "request_id"}
    for word in words:
        assert word in found["error"], found["error"]
    assert str(BUNDLED) not in answer.text and "Traceback" not in answer.text
