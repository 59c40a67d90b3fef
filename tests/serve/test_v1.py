"""KServe's V1 protocol: every kind of instance, with the numbers of `explain` and of the file itself."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from joint import picture_and_table
from nets import BUNDLED
from PIL import Image
from serve.wire import PNG, X, b64, client, models, refused, reviews

import onnxplain as ox
from onnxplain.serve.outputs import outputs_of
from onnxplain.tables import feeds_of

WINE = np.load(BUNDLED / "wine_sample.npy")
WAV = BUNDLED / "sounds" / "chirp.wav"
ROWS = [{"age": 3, "height": 1.5, "town": "oslo"}, {"age": 1, "height": 0.25, "town": "rome"}]


def asked(wire, model, instances, verb="explain", **parameters):
    body = {"instances": instances, **({"parameters": parameters} if parameters else {})}
    answer = wire.post(f"/v1/models/{model}:{verb}", json=body)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.content, parse_constant=pytest.fail)


def content(array):
    file = io.BytesIO()
    np.save(file, array)
    return b64(file.getvalue())


def files(path):
    return b64(path.read_bytes())


CASES = {
    "arrays": lambda: ("digits", X[:2].tolist(), X[:2]),
    "one array": lambda: ("digits", X[:1].tolist(), X[:1]),
    "a picture": lambda: ("digits", [files(PNG)], PNG),
    "pictures": lambda: ("digits", [files(PNG), files(PNG)], [PNG, PNG]),
    "an npy": lambda: ("digits", [content(X[0]), content(X[1:2])], X[:2]),
    "rows of a forest": lambda: (
        "forest", np.load(BUNDLED / "digits_samples.npy")[:2].tolist(), np.load(BUNDLED / "digits_samples.npy")[:2]
    ),
    "rows": lambda: ("wine", WINE.tolist(), WINE),
    "columns by name": lambda: (
        "wine", [dict(reversed(list(zip(models()["wine"].features, WINE[0].tolist(), strict=True))))], WINE
    ),
    "an input by name": lambda: ("wine", [{"measurements": WINE[0].tolist()}], WINE),
    "a sound": lambda: ("sounds", [files(WAV)], WAV),
    "words and numbers by name": lambda: ("table", ROWS, ROWS),
    "words and numbers in order": lambda: ("table", [list(row.values()) for row in ROWS], ROWS),
    "several inputs": lambda: ("joint", _by_name(picture_and_table()[1]), picture_and_table()[1]),
    "one beside others": lambda: ("beside", _by_name(picture_and_table()[1]), picture_and_table()[1]),
}  # fmt: skip


def _by_name(x):
    return [{name: value[i].tolist() for name, value in x.items()} for i in range(3)]


@pytest.mark.parametrize("case", CASES)
def test_instances_are_explained_as_they_are_in_python(wire, case):
    model, instances, x = CASES[case]()
    method = {"forest": "tree_shap", "table": "tree_shap"}.get(model, "gradient")
    e = ox.explain(models()[model], x, method)
    found = asked(wire, model, instances, method=method)
    batch = feeds_of(models()[model], None).read(x)
    expected = outputs_of(models()[model], batch, {}).by_row()
    for i, (one, row) in enumerate(zip(found["explanations"], e, strict=True)):
        sent = one["attribution"] if model == "joint" else {next(iter(row.parts)): one["attribution"]}
        for name, attribution in row.attributions.items():
            assert np.array(sent[name], "f").tobytes() == attribution[0].tobytes()
        assert one["target"] == e.target[i] and one["label"] == e.labels[i] and np.float32(one["score"]) == e.score[i]
        assert one["record"]["input"]["sha256"] == row.record["input"]["sha256"]
        assert one["record"]["method"] == method and len(one["record"]["labels"]) == 1
        assert _floats(found["predictions"][i]) == pytest.approx(_floats(expected[i]), abs=0)
    assert found["predictions"] == asked(wire, model, instances, "predict")["predictions"]


def _floats(value):
    """All numbers of a prediction, as float32."""
    if isinstance(value, dict):
        return [each for part in value.values() for each in _floats(part)]
    return np.asarray(value, "f").ravel().tolist()


def test_predictions_are_the_files_own_outputs(wire):
    import onnxruntime

    session = onnxruntime.InferenceSession(BUNDLED / "digits_cnn_torch.onnx", providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"image": X[:2]})
    found = asked(wire, "digits", X[:2].tolist(), "predict")["predictions"]
    assert np.array(found, "f").tobytes() == expected.tobytes()
    x = np.load(BUNDLED / "digits_samples.npy")[:1]
    (row,) = asked(wire, "forest", x.tolist(), "predict")["predictions"]
    assert set(row) == {"output_label", "output_probability"} and set(row["output_probability"]) == set("0123456789")
    p = ox.load(BUNDLED / "digits_forest_sklearn.onnx").predict(x)
    assert row["output_label"] == p[0].outputs["output_label"]
    assert [row["output_probability"][str(i)] for i in range(10)] == list(p[0].outputs["output_probability"].values())


def test_inputs_beside_the_scores_are_among_the_instances(wire):
    instances = [{"x": [1, 2, 3], "count": 5}, {"x": [0, 1, -1], "count": -7}]
    found = asked(wire, "kinds", instances, "predict")["predictions"]
    assert [each["twice"] for each in found] == [10, -14] and [each["half"] for each in found] == [5, -7]
    assert asked(wire, "kinds", instances, method="gradient", target=0)["explanations"][0]["attribution"] == [1, 2, 0]
    refused(wire.post("/v1/models/kinds:predict", json={"instances": [{"x": [1, 2, 3]}]}), 422, "'count'")


def test_an_input_may_be_one_for_all_rows_or_one_for_each(wire):
    instances = [{"x": [1, 2, 3], "all": 0.5, "each": [2]}, {"x": [0, 1, -1], "all": 0.5, "each": [4]}]
    found = asked(wire, "scaled", instances, method="gradient", target=0)
    assert found["predictions"] == [[5, -4], [4, 2]]
    assert [each["attribution"] for each in found["explanations"]] == [[1, 2, 0], [2, 4, 0]]
    instances[1]["all"] = 0.25
    refused(wire.post("/v1/models/scaled:explain", json={"instances": instances}), 422, "'all'", "one for all rows")


def test_texts_are_explained_whatever_they_look_like(wire):
    pytest.importorskip("tokenizers", reason="the extra text")
    found = asked(wire, "reviews", ["a good film"], method="gradient")
    e = ox.explain(reviews(), ["a good film"], "gradient")
    (one,) = found["explanations"]
    assert np.array(one["attribution"], "f").tobytes() == e.attribution[0].tobytes()
    assert one["record"]["input"]["files"] == e.record["input"]["files"]
    assert one["record"]["tokens"] == list(e.tokens())
    ids = {"input_ids": e.inputs[0].tolist(), "attention_mask": [1] * e.inputs.shape[1]}
    again = asked(wire, "reviews", [ids], method="gradient")
    assert (
        again["explanations"][0]["attribution"] == one["attribution"] and again["predictions"] == found["predictions"]
    )


def test_a_neuron_and_a_target_for_each_row(wire):
    name = models()["digits"].canonical.graph.nodes[2].outputs[0].name
    target = {"tensor": name, "channel": 1, "position": None}
    (one,) = asked(wire, "digits", X[:1].tolist(), method="gradient", target=target)["explanations"]
    assert one["target"] == target
    e = ox.explain(models()["digits"], X[:1], "gradient", target=ox.Neuron(name, 1))
    assert np.array(one["attribution"], "f").tobytes() == e.attribution.tobytes()
    found = asked(wire, "digits", X[:2].tolist(), method="gradient", target=["4", 2])["explanations"]
    assert [each["target"] for each in found] == [4, 2]


@pytest.mark.parametrize("name", ["baseline", "target", "conditions", "steps"])
def test_parameters_that_are_nested_without_end_are_refused(wire, name):
    deep = "[" * 1000 + "1" + "]" * 1000
    body = f'{{"instances": [{json.dumps(X[0].tolist())}], "parameters": {{"method": "deeplift", "{name}": {deep}}}}}'
    refused(wire.post("/v1/models/digits:explain", content=body), 422)


def test_models_and_whether_they_are_ready(wire):
    assert set(wire.get("/v1/models").json()["models"]) >= set(models())
    assert wire.get("/v1/models/digits").json() == {"name": "digits", "ready": True}
    refused(wire.get("/v1/models/nothing"), 404, "'nothing'")
    refused(wire.post("/v1/models/nothing:predict", json={"instances": [1]}), 404, "'nothing'")
    wire.app.state.service.ready = False
    try:
        refused(wire.get("/v1/models/digits"), 503)
    finally:
        wire.app.state.service.ready = True


def frames():
    """The bytes of an .npy with two rows."""
    return content(X[:2])


@pytest.mark.parametrize(
    ("model", "instances", "status", "words"),
    [
        ("digits", [X[0].tolist(), "text"], 422, ("instance 1 is text", "instance 0 is a list")),
        ("digits", ["/etc/passwd"], 422, ("takes none",)),
        ("digits", [["x.npz", "y.npz"]], 422, ("takes none",)),
        ("digits", [[[["x.npz"]]]], 422, ("str", "FP32")),
        ("digits", [None], 422, ("a row of shape []",)),
        ("digits", [{"image": "../models/a.onnx"}], 422, ("'image'",)),
        ("digits", [X[0, 0].tolist()], 422, ("[16, 16]", "[1, 16, 16]")),
        ("digits", [X[0].tolist(), X[1, :, :8].tolist()], 422, ("'image'", "axis 2")),
        ("digits", [{"b64": "!!"}], 422, ("instance 0", "base64")),
        ("digits", [{"b64": ""}], 422, ("instance 0", "empty")),
        ("digits", [{"b64": 3}], 422, ("instance 0", "no text")),
        ("digits", [b64(b"no picture")], 422, ("input 0", "not a picture")),
        ("digits", [b64(b"\x89PNG\r\n")], 422, ("input 0",)),
        ("digits", [b64(b"PK\x03\x04")], 422, ("input 0",)),
        ("digits", [frames()], 422, ("1 instances hold 2 rows",)),
        ("digits", [{"picture": [1]}], 422, ("instance 0", "'picture'")),
        ("wine", [WINE[0, :5].tolist()], 422, ("[1, 5]",)),
        ("wine", WINE[0].tolist(), 422, ("a row of shape []", "[13]")),
        ("wine", [{"alcohol": 1.0}], 422, ("instance 0", "'malic_acid'")),
        ("wine", [dict.fromkeys(models()["wine"].features, 1.0) | {"salt": 1}], 422, ("instance 0", "'salt'")),
        ("table", [{**ROWS[0], "town": 3}], 422, ("instance 0", "'town' holds words")),
        ("table", [ROWS[0], {**ROWS[0], "age": "3"}], 422, ("instance 1", "'age' holds int64")),
        ("table", [{**ROWS[0], "age": 1.5}], 422, ("'age'",)),
        ("table", [{**ROWS[0], "age": True}], 422, ("'age'",)),
        ("table", [{**ROWS[0], "age": None}], 422, ("'age'", "null")),
        ("table", [{"age": 1, "height": 2}], 422, ("instance 0", "'town'")),
        ("table", [[1, 2]], 422, ("2 values", "3 columns")),
        ("table", ["rows.csv"], 422, ("1 values",)),
        ("joint", [[1, 2]], 422, ("'image', 'table'",)),
        ("joint", [{"image": X[0, :, :6, :6].tolist()}], 422, ("'table'",)),
        ("sounds", [X[0, 0, 0].tolist()], 422, ("[1, 16]", "4000")),
        ("digits", [], 400, ("instances",)),
        ("digits", "abc", 400, ("instances",)),
        ("digits", [0] * 257, 413, ("257 instances", "256")),
    ],
)  # fmt: skip
def test_instances_that_do_not_fit_are_refused(wire, model, instances, status, words):
    for verb in ("predict", "explain"):
        refused(wire.post(f"/v1/models/{model}:{verb}", json={"instances": instances}), status, *words)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, ("JSON",)),
        (b"[]", 400, ("list", "object")),
        (b'{"instances": [NaN]}', 400, ("JSON",)),
        (b'{"instances": [1], "parameters": 3}', 400, ("parameters",)),
        (b'{"instances": [1], "paramters": {}}', 400, ("'paramters'", "'parameters'")),
        (b'{"inputs": [1]}', 400, ("'inputs'", "instances")),
        (b'{"instances": [1], "parameters": {"method": "\\ud800"}}', 400, ("surrogate",)),
    ],
)
def test_bodies_that_are_no_requests_are_refused(wire, body, status, words):
    refused(wire.post("/v1/models/digits:explain", content=body), status, *words)


def test_a_picture_of_too_many_pixels_is_refused():
    with client(pixels=100) as small:
        file = io.BytesIO()
        Image.new("L", (30, 20)).save(file, "png")
        answer = small.post("/v1/models/digits:predict", json={"instances": [b64(file.getvalue())]})
        refused(answer, 422, "600", "pixels")
