"""The Open Inference Protocol: numbers are those of onnxruntime and of `explain`, and what does not fit is refused."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest
from joint import picture_and_table
from nets import BUNDLED
from serve.wire import PIXELS, PNG, X, kinds, models, posted, refused, reviews, tensor
from test_table_inputs import file

import onnxplain as ox
from onnxplain.errors import UsageError

pytest.importorskip("fastapi", reason="the service needs the extra serve")
from fastapi.testclient import TestClient

from onnxplain.serve.application import application
from onnxplain.serve.json_text import dumps
from onnxplain.serve.tensors import HEADER
from onnxplain.serve.v2 import check_names


def plain(source, feeds):
    """What plain onnxruntime gives, by name."""
    source = source if isinstance(source, str) else source.SerializeToString()
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    return dict(zip([each.name for each in session.get_outputs()], session.run(None, feeds), strict=True))


def array(output, dtype="f"):
    return np.array(output["data"], dtype).reshape(output["shape"])


def same(found, expected):
    assert found.shape == expected.shape and found.dtype == expected.dtype and found.tobytes() == expected.tobytes()


def binary(client, model, arrays, wanted=(), **parameters):
    """The outputs of a request that sends all as binary data: (datatype, shape, bytes) by name."""
    stated, parts = [], []
    for name, (datatype, value) in arrays.items():
        parts.append(value.tobytes())
        about = {"binary_data_size": len(parts[-1])}
        stated.append({"name": name, "shape": list(value.shape), "datatype": datatype, "parameters": about})
    asked = {"inputs": stated, "parameters": {"binary_data_output": True, **parameters}}
    head = json.dumps(asked | ({"outputs": [{"name": name} for name in wanted]} if wanted else {})).encode()
    address = f"/v2/models/{model}/infer"
    answer = client.post(address, content=b"".join([head, *parts]), headers={HEADER: str(len(head))})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/octet-stream"
    size = int(answer.headers[HEADER])
    found, rest = {}, answer.content[size:]
    for each in json.loads(answer.content[:size])["outputs"]:
        length = each["parameters"]["binary_data_size"]
        found[each["name"]], rest = (each["datatype"], tuple(each["shape"]), rest[:length]), rest[length:]
    assert rest == b""
    return found


def test_a_file_gives_what_plain_onnxruntime_gives(wire):
    expected = plain(str(BUNDLED / "digits_cnn_torch.onnx"), {"image": X})
    found = posted(wire, "digits", [tensor("image", X)])
    same(array(found["logits"]), expected["logits"])
    sent = binary(wire, "digits", {"image": ("FP32", X)})["logits"]
    assert sent == ("FP32", (3, 10), expected["logits"].tobytes())
    same(wire_flat(wire), expected["logits"])


def wire_flat(client):
    flat = {"name": "image", "shape": [3, 1, 16, 16], "datatype": "FP32", "data": X.ravel().tolist()}
    return array(posted(client, "digits", [flat])["logits"])


def test_more_rows_than_run_at_once_come_back_in_their_order(wire):
    many = np.random.default_rng(2).normal(size=(37, 1, 16, 16)).astype("f")
    found = array(posted(wire, "digits", [tensor("image", many)])["logits"])
    parts = [plain(str(BUNDLED / "digits_cnn_torch.onnx"), {"image": many[i : i + 16]})["logits"] for i in (0, 16, 32)]
    same(found, np.concatenate(parts))


def test_maps_of_probabilities_are_one_tensor(wire):
    x = np.load(BUNDLED / "digits_samples.npy")[:3]
    expected = plain(str(BUNDLED / "digits_forest_sklearn.onnx"), {"pixels": x})
    found = posted(wire, "forest", [tensor("pixels", x)])
    assert found["output_label"]["data"] == expected["output_label"].tolist()
    assert found["output_label"]["datatype"] == "INT64"
    maps = np.array([list(each.values()) for each in expected["output_probability"]], "f")
    same(array(found["output_probability"]), maps)
    assert json.loads(found["output_probability"]["parameters"]["keys"]) == list(range(10))


def test_inputs_that_the_scores_do_not_depend_on_reach_the_other_outputs(wire):
    x, count = np.array([[1, 2, 3], [0, 1, -1]], "f"), np.array([5, -7])
    expected = plain(kinds(), {"x": x, "count": count})
    found = binary(wire, "kinds", {"x": ("FP32", x), "count": ("INT64", count)})
    assert {name: each[0] for name, each in found.items()} == {"y": "FP32", "twice": "INT64", "half": "FP16"}
    for name, (_, shape, data) in found.items():
        assert shape == expected[name].shape and data == expected[name].tobytes()
    refused(wire.post("/v2/models/kinds/infer", json={"inputs": [tensor("x", x)]}), 422, "'count' is missing")
    explained = posted(wire, "kinds-explain", [tensor("x", x)], parameters={"method": "gradient", "target": 1})
    same(array(explained["attribution"]), ox.explain(models()["kinds"], x, "gradient", target=1).attribution)


def test_pictures_of_uint8_go_through_the_preprocessing(wire):
    e = ox.explain(models()["digits"], PIXELS, "gradient")
    found = posted(wire, "digits-explain", [tensor("image", PIXELS, "UINT8")], parameters={"method": "gradient"})
    same(array(found["attribution"]), e.attribution)
    assert json.loads(found["record"]["data"][0])["input"]["preprocess"] == e.record["input"]["preprocess"]
    expected = plain(str(BUNDLED / "digits_cnn_torch.onnx"), {"image": e.inputs})
    same(array(posted(wire, "digits", [tensor("image", PIXELS, "UINT8")])["logits"]), expected["logits"])


@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon_plus_flat", "grad_cam", "deeplift", "occlusion"])
def test_an_explainer_gives_the_bits_of_explain(wire, method):
    e = ox.explain(models()["digits"], X[:1], method, target=3)
    found = binary(wire, "digits-explain", {"image": ("FP32", X[:1])}, method=method, target="3")
    assert found["attribution"] == ("FP32", (1, 1, 16, 16), e.attribution.tobytes())
    assert found["scores"] == ("FP32", (1, 10), e.prediction.tobytes())
    assert found["target"] == ("INT64", (1,), np.array([3]).tobytes())
    record = json.loads(found["record"][2][4:])
    assert record["attribution"] == e.record["attribution"] and record["method"] == e.method
    assert record["model"]["path"] == "digits_cnn_torch.onnx"


def test_only_the_outputs_that_are_asked_for_come_in_their_order(wire):
    asked = {"outputs": [{"name": "target", "parameters": {"binary_data": False}}, {"name": "scores"}]}
    found = posted(wire, "digits-explain", [tensor("image", X)], **asked, parameters={"method": "saliency"})
    assert list(found) == ["target", "scores"]
    mixed = {"outputs": [{"name": "attribution", "parameters": {"binary_data": True}}, {"name": "target"}], "id": "7"}
    body = {"inputs": [tensor("image", X)], **mixed, "parameters": {"method": "saliency", "target": "[1, 2, 3]"}}
    answer = wire.post("/v2/models/digits-explain/infer", json=body)
    size = int(answer.headers[HEADER])
    head = json.loads(answer.content[:size])
    assert head["id"] == "7" and head["model_name"] == "digits-explain"
    assert head["outputs"][1] == {"name": "target", "shape": [3], "datatype": "INT64", "data": [1, 2, 3]}
    e = ox.explain(models()["digits"], X, "saliency", target=[1, 2, 3])
    assert answer.content[size:] == e.attribution.tobytes()


def test_nested_parameters_are_text_of_json(wire):
    neuron = {"tensor": "r", "channel": 1}
    name = ox.load(BUNDLED / "digits_cnn_torch.onnx").canonical.graph.nodes[2].outputs[0].name
    parameters = {"method": "gradient", "target": json.dumps({**neuron, "tensor": name})}
    found = posted(wire, "digits-explain", [tensor("image", X[:1])], parameters=parameters)
    e = ox.explain(models()["digits"], X[:1], "gradient", target=ox.Neuron(name, channel=1))
    same(array(found["attribution"]), e.attribution)
    assert found["target"]["data"] == [-1]
    baseline = {"method": "deeplift", "target": 1, "baseline": json.dumps(X[1].tolist())}
    found = posted(wire, "digits-explain", [tensor("image", X[:1])], parameters=baseline)
    e = ox.explain(models()["digits"], X[:1], "deeplift", target=1, baseline=X[1])
    same(array(found["attribution"]), e.attribution)


def test_columns_of_a_table_are_inputs_of_their_own(wire):
    columns = {"age": np.array([[3], [1]]), "height": np.array([[1.5], [0.25]], "f")}
    town = np.array([["oslo"], ["rome"]], object)
    given = [tensor("age", columns["age"], "INT64"), tensor("height", columns["height"]), tensor("town", town, "BYTES")]
    same(array(posted(wire, "table", given)["y"]), plain(file(trees=True), {**columns, "town": town})["y"])
    rows = [{"age": 3, "height": 1.5, "town": "oslo"}, {"age": 1, "height": 0.25, "town": "rome"}]
    background = json.dumps([{"age": 0, "height": 2.0, "town": "lima"}])
    parameters = {"method": "tree_shap", "target": 0, "baseline": background}
    found = posted(wire, "table-explain", given, parameters=parameters)
    e = ox.explain(models()["table"], rows, "tree_shap", target=0, baseline=json.loads(background))
    same(array(found["attribution"]), e.attribution)
    short = [given[0], given[1], tensor("town", town[:1], "BYTES")]
    refused(wire.post("/v2/models/table/infer", json={"inputs": short}), 422, "'town'", "1 rows")


def test_several_inputs_are_explained_together_or_one_beside_others(wire):
    proto, x = picture_and_table()
    given = [tensor(name, value) for name, value in x.items()]
    same(array(posted(wire, "joint", given)["y"]), plain(proto, x)["y"])
    e = ox.explain(models()["joint"], x, "gradient", target=2)
    found = posted(wire, "joint-explain", given, parameters={"method": "gradient", "target": 2})
    assert list(found) == ["attribution.image", "attribution.table", "scores", "target", "record"]
    for name, attribution in e.attributions.items():
        same(array(found[f"attribution.{name}"]), attribution)
    one = posted(wire, "beside-explain", given, parameters={"method": "gradient", "target": 2})
    same(array(one["attribution"]), ox.explain(models()["beside"], x, "gradient", target=2).attribution)


def test_texts_come_in_the_place_of_token_ids(wire):
    pytest.importorskip("tokenizers", reason="the extra text")
    texts = np.array(["a good film", "notes.txt"], object)
    given = [tensor("input_ids", texts, "BYTES")]
    ids = ox.explain(reviews(), ["a good film"], "gradient").inputs
    expected = plain(reviews().path, {"input_ids": ids, "attention_mask": np.ones_like(ids)})["logits"]
    one = [tensor("input_ids", texts[:1], "BYTES")]
    same(array(posted(wire, "reviews", one)["logits"]), expected)
    found = posted(wire, "reviews-explain", given, parameters={"method": "gradient"})
    e = ox.explain(reviews(), ["a good film", "notes txt"], "gradient")
    assert found["attribution"]["shape"][0] == 2 and array(found["target"], int)[0] == e.target[0]
    both = [*given, tensor("attention_mask", np.ones((2, 3), int), "INT64")]
    refused(wire.post("/v2/models/reviews/infer", json={"inputs": both}), 422, "'input_ids' holds texts")


def test_numbers_that_are_not_finite_are_sent_as_binary_data_alone(wire):
    x, count = np.array([[1, 2, 3]], "f"), np.array([70000])  # beyond the range of float16
    given = [tensor("x", x), tensor("count", count, "INT64")]
    refused(wire.post("/v2/models/kinds/infer", json={"inputs": given}), 422, "'half'", "binary")
    assert binary(wire, "kinds", {"x": ("FP32", x), "count": ("INT64", count)})["half"][2] == b"\x00\x7c"


def test_metadata(wire):
    about = wire.get("/v2/models/digits").json()
    assert about["name"] == "digits" and about["versions"] == ["1"] and about["platform"] == "onnx_onnxv1"
    also = {"parameters": {"also": "UINT8"}}
    assert about["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 1, 16, 16], **also}]
    (logits,) = about["outputs"]
    assert (logits["name"], logits["datatype"], logits["shape"]) == ("logits", "FP32", [-1, 10])
    assert json.loads(logits["parameters"]["labels"]) == list("0123456789")
    assert wire.get("/v2/models/digits/versions/1").json() == about
    explainer = wire.get("/v2/models/kinds-explain").json()
    assert [each["name"] for each in explainer["inputs"]] == ["x"]
    assert [each["name"] for each in wire.get("/v2/models/kinds").json()["inputs"]] == ["x", "count"]
    shapes = {each["name"]: (each["datatype"], each["shape"]) for each in explainer["outputs"]}
    expected = {"attribution": ("FP32", [-1, 3]), "scores": ("FP32", [-1, 2])}
    assert shapes == expected | {"target": ("INT64", [-1]), "record": ("BYTES", [1])}
    table = wire.get("/v2/models/table-explain").json()["outputs"][0]
    assert table["shape"] == [-1, 3] and json.loads(table["parameters"]["columns"]) == ["age", "height", "town"]


def test_health_and_names(wire):
    assert wire.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert wire.get("/v2/health/live").json() == {"live": True}
    assert wire.get("/v2/health/ready").json() == {"ready": True}
    assert wire.get("/v2/models/digits-explain/ready").json() == {"name": "digits-explain", "ready": True}
    refused(wire.get("/v2/models/nothing"), 404, "'nothing'", "'digits-explain'")
    refused(wire.get("/v2/models/digits-explain-explain"), 404)
    refused(wire.get("/v2/models/digits/versions/2"), 404, "'2'")
    wire.app.state.service.ready = False
    try:
        refused(wire.get("/v2/health/ready"), 503)
        refused(wire.get("/v2/models/digits/ready"), 503)
        assert wire.get("/v2/health/live").status_code == 200
    finally:
        wire.app.state.service.ready = True


def test_a_model_may_not_have_the_name_of_another_ones_explainer():
    with pytest.raises(UsageError, match="'a-explain' is the name of a model"):
        check_names(["a", "a-explain"])
    check_names(["a-explain", "b"])
    with pytest.raises(UsageError, match="'a-explain' is the name of a model"):
        application({"a-explain": models()["kinds"], "a": models()["digits"]})
    with TestClient(application({"a-explain": models()["kinds"]})) as own:
        assert [each["name"] for each in own.get("/v2/models/a-explain").json()["outputs"]] == ["y", "twice", "half"]
        assert own.get("/v2/models/a-explain-explain").json()["outputs"][0]["name"] == "attribution"


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ([tensor("image", X, "FP64")], 422, ("'image'", "FP64", "FP32 or UINT8")),
        ([tensor("image", X[:, :, :8])], 422, ("'image'", "[3, 1, 8, 16]", "[-1, 1, 16, 16]")),
        ([tensor("image", X[0])], 422, ("'image'", "[1, 16, 16]")),
        ([tensor("picture", X)], 422, ("'picture'", "known: image")),
        ([tensor("image", X), tensor("image", X)], 400, ("'image' is there twice",)),
        ([tensor("image", X[:0])], 422, ("'image'", "no elements")),
        ([{**tensor("image", X), "shape": [300, 1, 16, 16]}], 413, ("'image'", "300 rows", "256")),
        ([{**tensor("image", X), "shape": [10**12, 1, 16, 16]}], 413, ("1000000000000 rows",)),
        ([{**tensor("image", X), "shape": [-1, 1, 16, 16]}], 400, ("'image'", "0 or more")),
        ([{**tensor("image", X), "shape": [2**63, 1, 16, 16]}], 400, ("'image'",)),
        ([{**tensor("image", X), "shape": [True]}], 400, ("'image'",)),
        ([{**tensor("image", X), "shape": [1] * 33}], 400, ("33 axes",)),
        ([{**tensor("image", X), "shape": [2, 1, 16, 16]}], 422, ("'image'", "length 3 on axis 0")),
        ([{**tensor("image", X), "datatype": "FLOAT"}], 400, ("'image'", "'FLOAT'", "FP32")),
        ([{**tensor("image", X), "parameters": {"shared_memory_region": "a"}}], 400, ("shared_memory_region",)),
        ([{**tensor("image", X), "parameters": {"binary_data_size": 4}}], 400, ("'image'", "either data, or")),
        ([{**tensor("image", X), "data": None, "parameters": {"binary_data_size": 4}}], 400, ("0 bytes are there",)),
        ([{"name": "image", "shape": [1], "datatype": "FP32"}], 400, ("'image'", "data")),
        ([tensor("image", np.array(["a"], object), "BYTES")], 422, ("'image'", "BYTES")),
        ([tensor("image", np.zeros((9000, 9000), "u1")[:1], "UINT8") | {"shape": [9000, 9000]}], 413, ("pixels",)),
        ([7], 400, ("inputs[0]",)),
        ([], 400, ("inputs",)),
        (None, 400, ("inputs",)),
        ({}, 400, ("inputs",)),
    ],
)
def test_inputs_that_do_not_fit_are_refused_by_name(wire, given, status, words):
    for model in ("digits", "digits-explain"):
        refused(wire.post(f"/v2/models/{model}/infer", json={"inputs": given}), status, *words)


def test_a_tensor_with_nan_is_refused(wire):
    bad = X.copy()
    bad[1, 0, 2, 3] = np.nan
    about = {"name": "image", "shape": [3, 1, 16, 16], "datatype": "FP32"}
    head = json.dumps({"inputs": [{**about, "parameters": {"binary_data_size": bad.nbytes}}]}).encode()
    answer = wire.post("/v2/models/digits/infer", content=head + bad.tobytes(), headers={HEADER: str(len(head))})
    refused(answer, 422, "NaN", "(1, 0, 2, 3)")
    text = json.dumps({"inputs": [tensor("image", bad)]})
    refused(wire.post("/v2/models/digits/infer", content=text), 400, "no JSON")


@pytest.mark.parametrize(
    ("others", "status", "words"),
    [
        ({"parameters": {"method": "nothing"}}, 422, ("'nothing'",)),
        ({"parameters": {"colour": 1}}, 422, ("colour",)),
        ({"parameters": {"target": "eleven"}}, 422, ("'eleven'",)),
        ({"parameters": {"target": {"tensor": "x"}}}, 400, ("target", "text of JSON")),
        ({"parameters": {"binary_data_output": 1}}, 400, ("binary_data_output",)),
        ({"parameters": []}, 400, ("parameters",)),
        ({"outputs": [{"name": "logits"}]}, 422, ("'logits'", "attribution")),
        ({"outputs": [{"name": "scores"}, {"name": "scores"}]}, 400, ("'scores'", "twice")),
        ({"outputs": [{"name": "scores", "parameters": {"classification": 3}}]}, 400, ("classification",)),
        ({"outputs": [{}]}, 400, ("name",)),
        ({"id": 5}, 400, ("id",)),
    ],
)
def test_questions_that_are_none_are_refused(wire, others, status, words):
    given = {"inputs": [tensor("image", X)], **others}
    refused(wire.post("/v2/models/digits-explain/infer", json=given), status, *words)


def test_a_model_takes_no_parameters_of_its_explainer(wire):
    given = {"inputs": [tensor("image", X)], "parameters": {"method": "gradient"}}
    refused(wire.post("/v2/models/digits/infer", json=given), 400, "'method'", "digits-explain")


@pytest.mark.parametrize("length", ["", "-1", "0", "99999", "1e2", "9" * 30, "9" * 5000, "x"])
def test_a_length_of_the_json_that_is_none_is_refused(wire, length):
    body = dumps({"inputs": [tensor("image", X[:1])]})
    refused(wire.post("/v2/models/digits/infer", content=body[:500], headers={HEADER: length}), 400)


def test_bodies_that_are_no_requests_are_refused(wire):
    post = lambda content, **headers: wire.post("/v2/models/digits/infer", content=content, headers=headers)  # noqa: E731
    refused(post(b""), 400, "no JSON")
    refused(post(b"[" * 10**6), 400, "depth")
    refused(post(b"[]"), 400, "list")
    refused(post(PNG.read_bytes()), 400, "UTF-8")
    refused(post(b"{}", **{"content-encoding": "br"}), 415, "gzip or deflate")
    body = dumps({"inputs": [tensor("image", X[:1])]})
    refused(post(body + b"abcd", **{HEADER: str(len(body))}), 400, "4 bytes are left over")
