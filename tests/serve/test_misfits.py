"""What is said of requests whose form or query does not fit: the field by its name, and what helps."""

from __future__ import annotations

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra serve")

from serve.services import MODELS
from starlette.testclient import TestClient

from onnxplain.serve import app

WINE = MODELS / "wine_mlp_torch.onnx"


@pytest.fixture(scope="module")
def client():
    with TestClient(app({"wine": WINE, "other": WINE})) as made:
        yield made


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"data": {"steps": 5}}, "unknown field 'steps'; what a method takes stands in the field parameters"),
        ({"files": {"fil": b"x"}}, "did you mean 'file'?"),
        ({"data": {"file": "cat.png"}}, "curl sends it by -F file=@PATH"),
        (
            {"files": {"file": b"x"}, "params": {"row": "x"}},
            "row: expected the number of a row of the file, from 0, or all",
        ),
        ({"files": {"file": b"x", "model": b"wine"}}, "model: expected text, and not a file"),
        ({"files": {"file": b"x"}, "data": {"attribution": "x"}}, "attribution: "),
        ({"json": {"file": "x", "model": "wine"}}, "model: give one of wine, other, as a field of the form"),
        ({"data": {"model": "wine"}}, "expected one of file, sample, text, columns, as fields of a form; given: none"),
    ],
)
def test_what_does_not_fit_is_named(client, asked, said):
    answer = client.post("/explain", **asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_request")
    assert said in answer.json()["error"]


def test_who_forgets_the_body_learns_that_there_has_to_be_one(client):
    assert "rows are sent by POST" in client.get("/v1/models/wine:explain").json()["error"]
