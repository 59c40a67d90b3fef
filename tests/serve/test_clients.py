"""Clients that others wrote, against a server: Triton's and KServe's, as they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from nets import BUNDLED
from serve.wire import X, models, reviews

import onnxplain as ox

KSERVE = "KSERVE_PYTHON"
"""The variable that names a Python with KServe's SDK, whose pins are seldom those of the tests."""


@pytest.fixture
def triton(address):
    http = pytest.importorskip("tritonclient.http", reason="Triton's client is not installed")
    client = http.InferenceServerClient(address)
    yield http, client
    client.close()


def given(http, name, array, datatype, *, binary):
    found = http.InferInput(name, list(array.shape), datatype)
    return found.set_data_from_numpy(array, binary_data=binary)


def test_tritons_client_knows_the_models(triton):
    _, client = triton
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("digits") and client.is_model_ready("digits-explain", "1")
    assert not client.is_model_ready("nothing")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    about = client.get_model_metadata("digits-explain")
    assert [each["name"] for each in about["outputs"]] == ["attribution", "scores", "target", "record"]


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("back", [True, False, None])
def test_tritons_client_infers_and_explains(triton, sent, back):
    http, client = triton
    inputs = [given(http, "image", X[:1], "FP32", binary=sent)]
    wanted = lambda *names: None if back is None else [http.InferRequestedOutput(n, binary_data=back) for n in names]  # noqa: E731
    found = client.infer("digits", inputs, outputs=wanted("logits"), request_id="a1")
    expected = ox.load(BUNDLED / "digits_cnn_torch.onnx").predict(X[:1])[0].outputs["logits"]
    assert found.as_numpy("logits").tobytes() == expected.tobytes() and found.get_response()["id"] == "a1"
    asked = {"method": "input_x_gradient", "target": 4}
    outputs = wanted("attribution", "target", "record")
    found = client.infer("digits-explain", inputs, outputs=outputs, parameters=asked)
    e = ox.explain(models()["digits"], X[:1], **asked)
    assert found.as_numpy("attribution").tobytes() == e.attribution.tobytes()
    assert found.as_numpy("target").tolist() == [4]
    record = json.loads(found.as_numpy("record")[0])
    assert record["attribution"]["sha256"] == e.record["attribution"]["sha256"]


@pytest.mark.parametrize("binary", [True, False])
def test_tritons_client_sends_words_and_other_datatypes(triton, binary):
    http, client = triton
    inputs = [
        given(http, "age", np.array([[3]]), "INT64", binary=binary),
        given(http, "height", np.array([[1.5]], "f"), "FP32", binary=binary),
        given(http, "town", np.array([["oslo"]], object), "BYTES", binary=binary),
    ]
    row = {"age": 3, "height": 1.5, "town": "oslo"}
    expected = models()["table"].predict([row])[0].outputs["y"]
    assert client.infer("table", inputs).as_numpy("y")[0].tobytes() == expected.tobytes()
    given_twice = [
        given(http, "x", np.array([[1, 2, 3]], "f"), "FP32", binary=binary),
        given(http, "count", np.array([5]), "INT64", binary=binary),
    ]
    half = client.infer("kinds", given_twice).as_numpy("half")
    assert half.dtype == np.float16 and half.tolist() == [5]


def test_tritons_client_sends_texts(triton):
    pytest.importorskip("tokenizers", reason="the extra text")
    http, client = triton
    texts = [given(http, "input_ids", np.array(["a good film"], object), "BYTES", binary=True)]
    found = client.infer("reviews-explain", texts, parameters={"method": "gradient"}).as_numpy("attribution")
    assert found.tobytes() == ox.explain(reviews(), ["a good film"], "gradient").attribution.tobytes()


def test_tritons_client_shows_what_is_refused(triton):
    http, client = triton
    from tritonclient.utils import InferenceServerException

    with pytest.raises(InferenceServerException, match="shape \\[1, 1, 16, 8\\], and the model takes") as problem:
        client.infer("digits", [given(http, "image", X[:1, :, :, :8].copy(), "FP32", binary=True)])
    assert problem.value.status() == "422"


@pytest.mark.parametrize("packing", ["gzip", "deflate"])
def test_tritons_client_packs_its_requests(triton, packing):
    http, client = triton
    inputs = [given(http, "image", X[:1], "FP32", binary=True)]
    found = client.infer("digits", inputs, request_compression_algorithm=packing).as_numpy("logits")
    assert found.tobytes() == client.infer("digits", inputs).as_numpy("logits").tobytes()


SCRIPT = """
import asyncio, json, sys
import numpy as np
from kserve import InferInput, InferRequest, InferenceRESTClient
from kserve.protocol.infer_type import RequestedOutput
from kserve.inference_client import RESTConfig

base, values = sys.argv[1], np.array(json.loads(sys.stdin.read()), np.float32)

async def ask():
    one, two = (InferenceRESTClient(RESTConfig(protocol=each, retries=1)) for each in ("v1", "v2"))
    body = {"instances": values.tolist(), "parameters": {"method": "input_x_gradient", "target": 4}}
    found = {"v1 ready": [await one.is_model_ready(base, "digits"), await one.is_server_live(base)]}
    found["predictions"] = (await one.infer(base, body, model_name="digits"))["predictions"]
    found["explained"] = await one.explain(base, "digits", body)
    found["v2"] = [await two.is_server_live(base), await two.is_server_ready(base)]
    found["v2"] += [await two.is_model_ready(base, "digits")]
    for binary in (True, False):
        image = InferInput("image", list(values.shape), "FP32")
        image.set_data_from_numpy(values, binary_data=binary)
        wanted = [RequestedOutput("attribution", {"binary_data": binary}), RequestedOutput("target")]
        about = {"method": "input_x_gradient", "target": 4}
        request = InferRequest("digits-explain", [image], parameters=about, request_outputs=wanted, request_id="b2")
        answer = await two.infer(base, request, model_name="digits-explain")
        found[str(binary)] = [answer.id, answer.outputs[0].as_numpy().tolist(), answer.outputs[1].as_numpy().tolist()]
    return found

print(json.dumps(asyncio.run(ask())))
"""


def kserve():
    """A Python with KServe's SDK; None where there is none."""
    return os.environ.get(KSERVE) or (sys.executable if find_spec("kserve") is not None else None)


@pytest.mark.skipif(kserve() is None, reason=f"KServe's SDK is not installed, and {KSERVE} names no Python with it")
def test_kserves_client_predicts_and_explains(address):
    command = [kserve(), "-c", SCRIPT, f"http://{address}"]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, input=json.dumps(X[:1].tolist()), capture_output=True, text=True, check=False, env=clean
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    e = ox.explain(models()["digits"], X[:1], "input_x_gradient", target=4)
    logits = models()["digits"].predict(X[:1])[0].outputs["logits"]
    assert found["v1 ready"] == [True, True] and found["v2"] == [True, True, True]
    assert np.array(found["predictions"], "f").tobytes() == logits.tobytes()
    (one,) = found["explained"]["explanations"]
    assert found["explained"]["predictions"] == found["predictions"] and one["target"] == 4
    for attribution in (one["attribution"], found["True"][1], found["False"][1]):
        assert np.array(attribution, "f").tobytes() == e.attribution.tobytes()
    assert found["True"][0] == found["False"][0] == "b2" and found["True"][2] == [4]
