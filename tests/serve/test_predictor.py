"""Predictors: models of other servers, by both protocols, with the numbers of a function."""

from __future__ import annotations

import json
import pickle
import sys
import time

import numpy as np
import pytest

pytest.importorskip("urllib3", reason="another server is asked by urllib3, of the extra serve")
pytest.importorskip("fastapi", reason="the service needs the extra serve")
pytest.importorskip("httpx", reason="the client of the tests needs httpx")
from fastapi.testclient import TestClient
from nets import BUNDLED
from serve.predicting import ROWS, Answer, predicting, scores, v1

import onnxplain as ox
from onnxplain.errors import BadInputError, MissingExtraError, PredictorError, UnsupportedModelError, UsageError
from onnxplain.serve.application import application
from onnxplain.serve.remote import remote
from onnxplain.serve.tensors import HEADER

LOCAL = ox.black_box(scores, (None, 5), "float64", meaning="scores")
QUICK = {"kernel_shap": {}, "occlusion": {}, "rise": {"samples": 20}, "lime": {"samples": 20}, "shapley_sampling": {}}
TENSOR = {"name": "x", "datatype": "FP64", "shape": [-1, 5]}
STATED = {"name": "lin", "inputs": [TENSOR], "outputs": [{"name": "y", "datatype": "FP64", "shape": [-1, 3]}]}


def v2(stated=STATED, extensions=(), output=None, change=lambda answer: answer):
    """The model `lin` by the Open Inference Protocol. output: its name. change: what becomes of an answer."""

    def answer(path, body):
        if path == "/v2":
            return Answer({"name": "test", "extensions": list(extensions)})
        if body is None:
            return Answer(stated) if path == "/v2/models/lin" else Answer({"error": "who?"}, 404)
        given = json.loads(body)
        (tensor,), wanted = given["inputs"], given.get("outputs", [{"name": output or "y"}])
        found = scores(np.reshape(tensor["data"], tensor["shape"]))
        sent = {
            "name": wanted[0]["name"],
            "datatype": "FP64",
            "shape": list(found.shape),
            "data": found.ravel().tolist(),
        }
        return Answer(change({"model_name": "lin", "outputs": [sent]}))

    return answer


def to(server, *protocol, **options):
    return remote(server.address, "lin", *protocol, **{"seconds": 20, "retries": 1} | options)


@pytest.mark.parametrize("method", QUICK)
@pytest.mark.parametrize(("protocol", "answer"), [("v1", v1), ("v2", v2())])
def test_the_bits_are_those_of_the_same_function_here(protocol, answer, method):
    with predicting(answer) as server:
        found = ox.Explainer(to(server, protocol), method, **QUICK[method])(ROWS)
        assert len(server.doors) == 1
    want = ox.Explainer(LOCAL, method, **QUICK[method])(ROWS)
    assert np.array_equal(found.attribution, want.attribution) and np.array_equal(found.prediction, want.prediction)


@pytest.mark.parametrize(("protocol", "answer", "path"), [("v1", v1, ":predict"), ("v2", v2(), "/infer")])
def test_the_record_says_who_was_asked_and_no_credentials(protocol, answer, path):
    with predicting(answer) as server:
        e = ox.explain(to(server, protocol, headers={"Authorization": "Bearer secret"}), ROWS, "occlusion")
        url = f"http://{server.address}/{protocol}/models/lin{path}"
        assert server.asked[-1][1]["Authorization"] == "Bearer secret"
    known = e.record["model"]["predictor"]
    assert (known["name"], known["protocol"], known["url"], known["meaning"]) == ("lin", protocol, url, "scores")
    assert "secret" not in json.dumps(e.to_dict())


def test_v2_states_shape_type_and_classes():
    with predicting(v2()) as server:
        model = to(server, "v2", meaning="scores")
        assert model.settled and model.input_shape == ("N", 5) and model.classes == 3 and model.precision == "float64"
        with pytest.raises(BadInputError, match=r"the model takes \[N, 5\]"):
            ox.explain(model, ROWS[:, :4], "occlusion")


def test_v2_without_metadata_and_v1_learn_from_the_first_rows():
    with predicting(v2({"name": "lin", "inputs": [], "outputs": []}, output="any")) as server:
        model = to(server, "v2")
        assert not model.settled
        found = ox.explain(model, ROWS, "occlusion")
        np.testing.assert_allclose(found.attribution, ox.explain(LOCAL, ROWS, "occlusion").attribution, atol=1e-6)
        asked = ox.explain(to(server, "v2", dtype="float64"), ROWS, "occlusion")
        assert np.array_equal(asked.attribution, ox.explain(LOCAL, ROWS, "occlusion").attribution)


def test_a_predictor_that_is_not_there_yet_is_asked_later(caplog):
    there = []
    with predicting(lambda *given: v2()(*given) if there else Answer(b"", 503, Retry_After="60")) as server:
        model = to(server, "v2", dtype="float64")
        assert "what it takes is learnt from the first rows" in caplog.text and not model.settled
        with pytest.raises(PredictorError, match="'lin' answers 503"):
            ox.explain(model, ROWS, "occlusion")
        there.append(True)
        want = ox.explain(LOCAL, ROWS, "occlusion").attribution
        assert np.array_equal(ox.explain(model, ROWS, "occlusion").attribution, want)


def test_the_output_with_the_scores_is_named_where_there_are_several():
    other = {"name": "z", "datatype": "FP32", "shape": [-1, 2]}
    stated = STATED | {"outputs": [*STATED["outputs"], other, {"name": "label", "datatype": "INT64", "shape": [-1]}]}
    with predicting(v2(stated)) as server:
        with pytest.raises(UsageError, match="the outputs 'y', 'z', 'label'; say which of them has the scores"):
            to(server, "v2")
        assert to(server, "v2", output="y").predict(ROWS).scores.shape == (2, 3)
    with predicting(lambda *given: Answer({"predictions": [{"p": s, "q": 1} for s in _predictions(*given)]})) as server:
        with pytest.raises(PredictorError, match="the outputs 'p', 'q'; say which"):
            to(server).predict(ROWS)
        assert np.array_equal(to(server, output="p").predict(ROWS).scores, scores(ROWS))


def _predictions(path, body):
    return json.loads(v1(path, body).body)["predictions"]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([TENSOR, TENSOR | {"name": "z"}], "has the inputs 'x', 'z'; one with a single input is explained"),
        ([TENSOR | {"datatype": "BYTES"}], "takes BYTES for 'x'; numbers are explained"),
    ],
)
def test_a_model_that_cannot_be_asked_by_rows_is_refused(inputs, said):
    with predicting(v2(STATED | {"inputs": inputs})) as server, pytest.raises(UnsupportedModelError, match=said):
        to(server, "v2")


def test_whole_numbers_take_no_others():
    stated = STATED | {"inputs": [TENSOR | {"datatype": "INT64"}]}
    with predicting(v2(stated)) as server:
        whole = ox.explain(to(server, "v2"), np.arange(5)[None], "occlusion")
        assert whole.record["input"]["dtype"] == "int64"
        with pytest.raises(BadInputError, match="takes int64, and the rows have other numbers"):
            ox.explain(to(server, "v2", shape=(None, 5), dtype="float32"), ROWS, "occlusion")


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (Answer({"error": "no such column"}, 400), BadInputError, r"refuses the rows \(400\): no such column"),
        (Answer({"error": "broken"}, 500), PredictorError, "answers 500: broken"),
        (Answer({"error": "who?"}, 404), PredictorError, r"is not known to its server \(404\): who\?"),
        (Answer(b"", 401), PredictorError, "answers 401: nothing more"),
        (Answer(b"<html>"), PredictorError, "not of the protocol v1"),
        (Answer({"predictons": []}), PredictorError, "not of the protocol v1 .no 'predictions'."),
        (Answer({"predictions": "x"}), PredictorError, "not of the protocol v1 .predictions is no list"),
        (Answer([1]), PredictorError, "not of the protocol v1"),
        (Answer({"predictions": [["a"]]}), PredictorError, r"answers <U1 \[1, 1\] for 1 rows"),
        (Answer({"predictions": [2]}), PredictorError, r"answers int64 \[1\] for 1 rows: .*no labels"),
        (Answer({"predictions": [[1.0, None]]}), PredictorError, r"answers object \[1, 2\]"),
        (Answer(b'{"predictions": [[NaN, 1.0]]}'), PredictorError, "answers NaN or Inf"),
        (Answer({"predictions": [[1.0], [2.0]]}), PredictorError, r"answers float64 \[2, 1\] for 1 rows"),
    ],
)
def test_a_wrong_answer_of_v1_is_refused(answer, error, said):
    with predicting(lambda *_: answer) as server, pytest.raises(error, match=f"predictor 'lin'.*{said}"):
        ox.explain(to(server), ROWS, "occlusion")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": [1, 2]}, "3 elements, and the shape"),
        ({"datatype": "FP8"}, "the output 'y': 'FP8'"),
        ({"data": None}, "data is NoneType"),
        ({"name": "z"}, "gives the outputs 'z'"),
        ({"parameters": {"binary_data_size": 24}}, "0 bytes, and FP64"),
        ({"datatype": "INT64", "data": [1, 2, 3], "shape": [3]}, r"answers int64 \[3\] for 1 rows"),
    ],
)
def test_a_wrong_answer_of_v2_is_refused(change, said):
    changed = v2(change=lambda answer: answer | {"outputs": [answer["outputs"][0] | change]})
    with predicting(changed) as server, pytest.raises(PredictorError, match=f"predictor 'lin'.*{said}"):
        ox.explain(to(server, "v2"), ROWS[:1], "occlusion")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"protocol": "v3"}, "protocol 'v3': expected one of v1, v2"),
        ({"name": "a/b"}, "model name 'a/b'"),
        ({"binary": True}, "v1 is JSON alone"),
        ({"host": "u:p@host"}, "HOST:PORT"),
    ],
)
def test_what_cannot_be_asked_is_refused(options, said):
    with pytest.raises(UsageError, match=said):
        remote(**{"host": "localhost:1", "name": "lin"} | options)


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "onnxplain.serve.connection")
    monkeypatch.setitem(sys.modules, "urllib3", None)
    with pytest.raises(MissingExtraError, match=r"onnxplain\[serve\]"):
        remote("localhost:1", "lin")


def test_it_is_pickled():
    with predicting(v2()) as server:
        model = to(server, "v2")
        again = pickle.loads(pickle.dumps(model))  # noqa: S301
        assert np.array_equal(again.predict(ROWS).scores, model.predict(ROWS).scores)


# --- a service as the predictor, and a service before a predictor -------------------------------------------------


def through(client, asked):
    """An answer for `predicting` that passes each question on to a client of an application. asked: of the server."""
    names = ("Content-Type", HEADER)

    def answer(path, body):
        if body is None:
            found = client.get(path)
        else:
            given = asked()[-1][1]
            found = client.post(path, content=body, headers={name: given[name] for name in names if name in given})
        kept = {name.replace("-", "_"): found.headers[name] for name in names if name in found.headers}
        return Answer(found.content, found.status_code, **kept)

    return answer


@pytest.mark.parametrize(("protocol", "binary"), [("v1", None), ("v2", False), ("v2", True), ("v2", None)])
def test_our_own_service_is_a_predictor(protocol, binary):
    file = ox.load(BUNDLED / "digits_cnn_torch.onnx")
    x = np.random.default_rng(0).random((1, 1, 16, 16), np.float32)
    want = ox.Explainer(file, "rise", samples=20)(x)
    with (
        TestClient(application({"lin": file})) as client,
        predicting(through(client, lambda: server.asked)) as server,
    ):
        model = to(server, protocol, binary=binary, **({"dtype": "float32"} if protocol == "v1" else {}))
        found = ox.Explainer(model, "rise", samples=20)(x)
        binaries = {HEADER in headers for path, headers in server.asked if path.endswith("infer")}
    assert binaries == (set() if protocol == "v1" else {binary is not False})
    assert np.abs(found.attribution - want.attribution).max() < 1e-6 * np.abs(want.prediction).max()
    assert model.input_shape[1:] == ((None, None, None) if protocol == "v1" else (1, 16, 16))


@pytest.mark.parametrize(("protocol", "answer"), [("v1", v1), ("v2", v2())])
def test_a_service_explains_through_a_predictor(protocol, answer):
    want = ox.explain(LOCAL, ROWS, "kernel_shap")
    with predicting(answer) as server, TestClient(application({"m": to(server, protocol)})) as client:
        found = client.post("/v1/models/m:explain", json={"instances": ROWS.tolist()}).json()
        tensor = {"name": "input", "datatype": "FP64", "shape": [2, 5], "data": ROWS.ravel().tolist()}
        body = {"inputs": [tensor], "parameters": {"method": "kernel_shap"}}
        inferred = client.post("/v2/models/m-explain/infer", json=body).json()
        stated = client.get("/v2/models/m-explain").json()
    assert np.array_equal([each["attribution"] for each in found["explanations"]], want.attribution)
    assert np.array_equal(found["predictions"], scores(ROWS))
    outputs = {each["name"]: each for each in inferred["outputs"]}
    assert np.array_equal(outputs["attribution"]["data"], want.attribution.ravel())
    assert {each["name"]: each["datatype"] for each in stated["outputs"]}["attribution"] == "FP64"
    assert outputs["attribution"]["datatype"] == "FP64"


def test_the_first_request_may_be_one_that_the_predictor_refuses():
    with predicting(v1) as server, TestClient(application({"m": to(server)}), raise_server_exceptions=False) as client:

        def ask(rows, **parameters):
            return client.post("/v1/models/m:explain", json={"instances": rows, "parameters": parameters})

        assert ask([[1.0, 2.0]]).status_code == 502
        assert ask([1.0, 2.0]).status_code == 422
        assert ask(ROWS.tolist()).status_code == 200
        refused = ask(ROWS.tolist(), method="gradient")
        assert refused.status_code == 422 and "needs the file of a model" in refused.json()["error"]


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (Answer({"error": "broken"}, 500), 502, "predictor"),
        (Answer({"error": "bad row"}, 400), 422, "bad_input"),
        (None, 502, "predictor"),
    ],
)
def test_what_goes_wrong_behind_is_one_clear_refusal(answer, status, code):
    with (
        predicting(lambda *_: answer) as server,
        TestClient(application({"m": to(server)}), raise_server_exceptions=False) as client,
    ):
        found = client.post("/v1/models/m:explain", json={"instances": ROWS.tolist()})
    assert found.status_code == status and found.json()["code"] == code and "predictor 'lin'" in found.json()["error"]


def test_a_predictor_that_is_late_is_a_gateway_s_timeout():
    def slow(*_):
        time.sleep(0.5)
        return Answer({})

    with predicting(slow) as server, TestClient(application({"m": to(server, seconds=0.1)})) as client:
        found = client.post("/v1/models/m:explain", json={"instances": ROWS.tolist()})
    assert found.status_code == 504 and found.json()["code"] == "predictor_late"
