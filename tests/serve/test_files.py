"""Files that are sent as forms are explained as the library explains them; what cannot be is refused by its status."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from nets import BUNDLED
from PIL import Image
from serve.pages import CHIRP, TEXT, WINE, XRAY, client, model

import onnxplain as ox

PNG, JSON, NPZ = "image/png", "application/json", "application/x-npz"
ID = "of-a-test"
OPACITY = XRAY / "opacity.png"


@pytest.fixture(scope="module")
def asked():
    with client("xray", "wine", "sounds", samples=XRAY) as made:
        yield made


def post(asked, path="/explain", accept=PNG, file=None, **fields):
    files = None if file is None else {"file": (file[0], file[1])}
    return asked.post(path, files=files, data=fields, headers={"Accept": accept, "X-Request-Id": ID})


def sent(path):
    return path.name, path.read_bytes()


def opened(path):
    file = io.BytesIO(path.read_bytes())
    file.name = path.name
    return file


def as_sent(e):
    """The explanation with the record that a client gets: no path of the server, and the id of the request."""
    name = e.record["model"]["path"].rpartition("/")[2]
    return replace(e, record={**e.record, "model": {**e.record["model"], "path": name}, "request_id": ID})


@pytest.mark.parametrize(
    "style", [{}, {"sign": "positive", "alpha": "0.3", "vmax": "95%", "contours": "false", "boxes": "[[9, 9, 30, 40]]"}]
)
def test_the_picture_is_that_of_save(asked, style):
    answer = post(asked, file=sent(OPACITY), model="xray", method="grad_cam", target="opacity", **style)
    assert answer.status_code == 200 and answer.headers["content-type"] == PNG
    e, file = ox.explain(model("xray"), opened(OPACITY), "grad_cam", "opacity"), io.BytesIO()
    read = {"alpha": float, "contours": json.loads, "boxes": json.loads}
    as_sent(e).save(file, format="png", **{name: read.get(name, str)(value) for name, value in style.items()})
    assert answer.content == file.getvalue()
    record = json.loads(Image.open(io.BytesIO(answer.content)).text["onnxplain"])
    assert record["input"]["names"] == ["opacity.png"] and "/" not in record["model"]["path"]


def test_numbers_are_those_of_the_library(asked):
    fields = {"model": "xray", "method": "lrp.epsilon", "parameters": '{"eps": 0.01, "target": 0}'}
    e = ox.explain(model("xray"), opened(OPACITY), "lrp.epsilon", 0, eps=0.01)
    answer = post(asked, accept=NPZ, file=sent(OPACITY), **fields)
    assert answer.headers["content-type"] == NPZ
    stored, file = np.load(io.BytesIO(answer.content)), io.BytesIO()
    as_sent(e).save(file, format="npz")
    wanted = np.load(io.BytesIO(file.getvalue()))
    assert set(stored) == set(wanted) and all(np.array_equal(stored[name], wanted[name]) for name in wanted)
    found = post(asked, accept=JSON, file=sent(OPACITY), attribution="true", **fields).json()
    np.testing.assert_array_equal(np.float32(found["attribution"]["radiograph"]), e.attribution)
    np.testing.assert_array_equal(np.float32(found["scores"]), e.prediction)
    assert found["record"] == as_sent(e).to_dict() and found["labels"] == ["no finding"]
    assert "attribution" not in post(asked, accept=JSON, file=sent(OPACITY), **fields).json()


def test_rows_of_a_table_are_explained_together_or_one_of_them(asked, tmp_path):
    rows = np.load(WINE) * np.linspace(0.8, 1.2, 5, dtype=np.float32)[:, None]
    names = (BUNDLED / "wine.features.txt").read_text().split()
    lines = [",".join(reversed(names)), *(",".join(str(each) for each in reversed(row)) for row in rows.tolist())]
    csv, npy = tmp_path / "wines.csv", tmp_path / "wines.npy"
    csv.write_text("\n".join(lines))
    np.save(npy, rows)
    e = ox.explain(model("wine"), rows, "deeplift")
    for path in (csv, npy):
        found = post(asked, accept=JSON, file=sent(path), model="wine", method="deeplift", attribution="true").json()
        np.testing.assert_allclose(found["attribution"]["measurements"], e.attribution, rtol=1e-6, atol=1e-6)
        one = post(
            asked, "/explain?row=3", JSON, sent(path), model="wine", method="deeplift", attribution="true"
        ).json()
        np.testing.assert_allclose(one["attribution"]["measurements"], e.attribution[3:4], rtol=1e-4, atol=1e-5)
        assert one["record"]["input"]["names"] == [f"{path.name}[3]"]
        assert len(post(asked, "/predict", JSON, sent(path), model="wine").json()["rows"]) == 5
    for address in ("/explain?row=all", "/explain?row=4"):
        assert Image.open(io.BytesIO(post(asked, address, PNG, sent(csv), model="wine").content)).width > 500
    assert post(asked, "/explain?row=5", JSON, sent(csv), model="wine").status_code == 422


def test_columns_are_a_row_by_name_or_in_order(asked):
    names, values = (BUNDLED / "wine.features.txt").read_text().split(), np.load(WINE)[0].tolist()
    score = ox.explain(model("wine"), np.load(WINE), "gradient").score
    row = json.dumps(dict(zip(reversed(names), reversed(values), strict=True)))
    for columns in (row, json.dumps(values)):
        found = post(asked, accept=JSON, model="wine", method="gradient", columns=columns).json()
        np.testing.assert_allclose(found["score"], score, rtol=1e-6)
    for columns in (row.replace("92.0", '"strong"'), row.replace("ash", "ashes"), json.dumps(values[1:]), "7", "{"):
        assert post(asked, accept=JSON, model="wine", columns=columns).status_code == 422


def test_sounds_samples_and_dicom_files_are_read(asked):
    e = ox.explain(model("sounds"), opened(CHIRP), "gradient")
    found = post(asked, accept=JSON, file=sent(CHIRP), model="sounds", method="gradient").json()
    assert found["score"] == e.score.tolist() and found["labels"] == ["chirp"]
    pytest.importorskip("pydicom", reason="pydicom, which reads DICOM files, is not installed")
    scan = XRAY / "opacity_marked.dcm"
    e = ox.explain(model("xray"), opened(scan), "gradient")
    for source in ({"file": sent(scan)}, {"sample": scan.name}):
        found = post(asked, accept=JSON, model="xray", method="gradient", **source).json()
        assert found["score"] == e.score.tolist() and found["record"]["input"]["names"] == [scan.name]


def test_texts_are_for_models_that_take_them(asked):
    refused = post(asked, model="xray", text="models/images/xray/opacity.png")
    assert refused.status_code == 422 and "takes no text" in refused.json()["error"]
    with client("reviews") as reviews:
        e = ox.explain(model("reviews"), TEXT, "gradient")
        for source in ({"text": TEXT}, {"file": ("review.txt", TEXT.encode())}):
            assert post(reviews, accept=JSON, method="gradient", **source).json()["score"] == e.score.tolist()


def test_a_prediction_is_what_the_file_says(asked):
    (row,) = post(asked, "/predict", JSON, sent(OPACITY), model="xray").json()["rows"]
    assert row == json.loads(json.dumps(model("xray").predict(opened(OPACITY), 10)[0].to_dict()))


def test_a_name_is_shown_and_leads_nowhere(asked):
    for name, shown in (("../../etc/passwd", "passwd"), ("C:\\scans\\a.png", "a.png"), ("..", "file")):
        files = {"file": (name, OPACITY.read_bytes())}
        found = asked.post("/explain", files=files, data={"model": "xray"}, headers={"Accept": JSON})
        assert found.json()["record"]["input"]["names"] == [shown]


WIDE = io.BytesIO()
Image.new("1", (9000, 9000)).save(WIDE, "PNG")
REFUSED = {
    "a kind that is not known": (415, {"file": ("a.pdf", b"%PDF-1.7")}),
    "a picture that is cut short": (422, {"file": ("a.png", OPACITY.read_bytes()[:900])}),
    "an empty file": (422, {"file": ("a.png", b"")}),
    "a pickle": (
        422,
        {"file": ("a.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,)}")},
    ),
    "an answer that there is none of": (406, {"file": sent(OPACITY), "accept": "text/html"}),
    "a picture of too many pixels": (413, {"file": ("a.png", WIDE.getvalue())}),
    "no input": (422, {}),
    "two inputs": (422, {"file": sent(OPACITY), "sample": "opacity.png"}),
    "a sample that there is not": (404, {"sample": "../xray/opacity.png"}),
    "a model that there is not": (404, {"file": sent(OPACITY), "model": "yray"}),
    "a method that there is not": (422, {"file": sent(OPACITY), "method": "gradiant"}),
    "a method that does not fit": (422, {"file": sent(OPACITY), "method": "tree_shap"}),
    "parameters that are no JSON": (422, {"file": sent(OPACITY), "parameters": "{eps}"}),
    "a method given twice": (422, {"file": sent(OPACITY), "method": "rise", "parameters": '{"method": "rise"}'}),
    "a field that is not known": (422, {"file": sent(OPACITY), "font": "/etc/passwd"}),
    "a mask, which would be a path": (422, {"file": sent(OPACITY), "masks": '["a.png"]'}),
    "a style that is none": (422, {"file": sent(OPACITY), "sign": "both"}),
    "a style of what is no picture": (422, {"file": sent(OPACITY), "sign": "all", "accept": NPZ}),
    "a picture that would be too large": (422, {"file": sent(OPACITY), "size": "16384"}),
    "a choice that takes too long to tell": (422, {"file": sent(OPACITY), "boxes": f"{[[0, 0, 1, 1]] * 1000}"}),
    "a field that is too long": (400, {"model": "wine", "columns": f"{[1] * 600_000}"}),
    "a row that there is not": (422, {"file": sent(OPACITY), "path": "/explain?row=1"}),
    "a row that is none": (422, {"file": sent(OPACITY), "path": "/explain?row=-1"}),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_answered_is_refused_by_its_status(asked, why):
    status, given = REFUSED[why]
    answer = post(asked, **{"model": "xray", **given})
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "code", "request_id"} and str(BUNDLED) not in answer.text
    assert answer.json()["code"] != "no_such_address" and len(answer.text) < 1000


def test_too_many_rows_are_refused_before_they_are_explained():
    with client("wine", rows=4) as few:
        file = io.BytesIO()
        np.save(file, np.repeat(np.load(WINE), 5, 0))
        answer = post(few, accept=JSON, file=("rows.npy", file.getvalue()))
        assert answer.status_code == 413 and answer.json()["code"] == "too_many_rows"
