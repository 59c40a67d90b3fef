"""The guards around the whole application, whose answers are those of the protocols."""

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra serve")
pytest.importorskip("httpx", reason="the client of the tests needs httpx")
import gzip
import json
import logging

from fastapi.testclient import TestClient
from serve.wire import X, models

from onnxplain.serve.application import application
from onnxplain.serve.limits import Limits
from onnxplain.serve.tokens import Tokens

HEADERS = {"Authorization": "Bearer the-token", "X-Request-Id": "mine"}


@pytest.fixture(scope="module")
def client():
    digits = {"digits": models()["digits"]}
    limits = Limits(request_bytes=50_000, methods=("gradient",))
    with TestClient(application(digits, limits, tokens=Tokens(["the-token"]), hosts=["mine.example"])) as found:
        found.base_url = "http://mine.example"
        yield found


def ask(client, headers=HEADERS, **more):
    return client.post("/v1/models/digits:explain", headers=headers, **more)


def test_a_request_passes_all_guards_and_is_logged_and_counted(client, caplog):
    caplog.set_level(logging.INFO, "onnxplain.serve.log")
    body = gzip.compress(json.dumps({"instances": X[:2].tolist()}).encode())
    sent = ask(client, {**HEADERS, "Content-Encoding": "gzip"}, content=body)
    assert sent.status_code == 200, sent.text
    (record,) = caplog.records
    assert record.fields.pop("seconds") > 0
    assert record.fields == {
        "id": "mine",
        "method": "POST",
        "path": "/v1/models/{model}:explain",
        "status": 200,
        "model": "digits",
        "explained_by": "gradient",
        "rows": 2,
    }
    assert sent.headers["x-request-id"] == "mine"
    assert sent.json()["explanations"][0]["record"]["request_id"] == "mine"
    text = client.get("/metrics", headers=HEADERS).text
    assert 'onnxplain_rows_total{method="gradient",model="digits"} 2.0' in text
    assert 'onnxplain_requests_total{method="POST",path="/v1/models/{model}:explain",status="200"} 1.0' in text


def test_what_machines_ask_every_few_seconds_is_logged_only_in_detail(client, caplog):
    caplog.set_level(logging.DEBUG, "onnxplain.serve.log")
    for address in ("/v2/health/live", "/v2/health/ready", "/metrics", "/v1/models"):
        assert client.get(address, headers=HEADERS).status_code == 200
    levels = [logging.getLevelName(each.levelno) for each in caplog.records]
    assert levels == ["DEBUG", "DEBUG", "DEBUG", "INFO"]


@pytest.mark.parametrize("address", ["/v1/models/digits:explain", "/v2/models/digits-explain/infer"])
def test_the_log_has_the_model_of_a_request_that_is_refused(client, address, caplog):
    caplog.set_level(logging.INFO, "onnxplain.serve.log")
    assert client.post(address, headers=HEADERS, json={"instances": [1]}).status_code in (400, 422)
    assert caplog.records[0].fields["model"] == "digits"


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"headers": {}, "content": b"{}"}, 401, "token"),
        ({"content": b"x" * 50_001}, 413, "too_large"),
        ({"content": b"{}", "headers": {**HEADERS, "Content-Encoding": "br"}}, 415, "bad_packing"),
        ({"content": b"{}", "headers": {**HEADERS, "Host": "evil.example"}}, 403, "unknown_host"),
        ({"content": b"{}", "headers": {**HEADERS, "Origin": "https://evil.example"}}, 403, "cross_origin"),
        ({"json": {"instances": X[:1].tolist(), "parameters": {"method": "lime"}}}, 403, "not_allowed"),
    ],
)
def test_refusals_are_counted_by_their_codes(client, request_, status, code):
    sent = ask(client, **request_)
    assert (sent.status_code, sent.json()["code"]) == (status, code)
    line = f'onnxplain_rejected_total{{code="{code}"}} 1.0'
    assert line in client.get("/metrics", headers=HEADERS).text


def test_health_needs_nothing(client):
    for path in ("/v2/health/live", "/v2/health/ready"):
        assert client.get(path, headers={"Host": "10.0.0.7"}).status_code == 200
        assert client.head(path).content == b""


def test_what_no_address_knows_is_refused_where_it_is(client):
    for path in ("/v1/models/", "/v2/", "/nowhere"):
        sent = client.get(path, headers=HEADERS, follow_redirects=False)
        assert (sent.status_code, sent.json()["code"]) == (404, "no_such_address")


def test_the_description_says_what_needs_a_token(client):
    found = client.get("/openapi.json", headers=HEADERS).json()
    assert found["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}
    assert found["security"] == [{"token": []}]
    operations = {path: operation for path, each in found["paths"].items() for operation in each.values()}
    free = {path for path, operation in operations.items() if operation.get("security") == []}
    assert free == {"/v2/health/live", "/v2/health/ready"}
    for path in free:
        assert client.get(path).status_code == 200
