"""The description of the service is true: whatever is sent of the kinds that it allows, or not, is answered as it says.

schemathesis makes the requests of the description, and others that it forbids, and compares each answer with it.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from nets import BUNDLED
from serve.wire import X, tensor

schemathesis = pytest.importorskip("schemathesis", reason="it makes requests of the description")

POSTS = ["/v1/models/{model}:predict", "/v1/models/{model}:explain", "/v2/models/{model}/infer"]
GETS = ["/v1/models", "/v1/models/{model}", "/v2", "/v2/health/live", "/v2/health/ready"]
GETS += ["/v2/models/{model}", "/v2/models/{model}/ready"]
NAMES = ["digits", "wine", "table", "digits-explain"]


@pytest.fixture(scope="module")
def described(address):
    """The description of the service at its address."""
    return schemathesis.openapi.from_url(f"http://{address}/openapi.json")


def check(described, path, method, mode, examples):
    """Send requests of the description, or such as it forbids, and compare their answers with it."""
    operation = described[path][method]
    random = schemathesis.checks.positive_data_acceptance  # what fits the description seldom fits a model
    known, seen = iter(range(10**9)), set()

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case):
        if "{model}" in path and (place := next(known)) % 5:  # and a name that no model has
            case.path_parameters = {"model": NAMES[place % len(NAMES)]}
        answer = case.call()
        seen.add(answer.status_code)
        case.validate_response(answer, excluded_checks=[random])

    run()
    return seen


@pytest.mark.parametrize("path", GETS)
def test_what_is_read_is_what_the_description_says(described, path):
    assert 200 in check(described, path, "GET", schemathesis.GenerationMode.POSITIVE, 10)


@pytest.mark.parametrize("examples", [15, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_no_request_finds_an_answer_that_is_not_described(described, path, mode, examples):
    try:
        seen = check(described, path, "POST", schemathesis.GenerationMode(mode), examples)
    except Unsatisfiable:
        pytest.skip("there is nothing that the description forbids")
    assert seen <= {200, 400, 404, 413, 422}


def test_answers_with_results_are_as_described(described):
    rows = [[0.0] * 13]
    bodies = {
        POSTS[0]: ("wine", {"instances": rows}),
        POSTS[1]: ("wine", {"instances": rows, "parameters": {"method": "gradient"}}),
        POSTS[2]: ("digits-explain", {"inputs": [tensor("image", X)], "parameters": {"method": "gradient"}}),
    }
    for path, (model, body) in bodies.items():
        case = described[path]["POST"].Case(path_parameters={"model": model}, body=body, media_type="application/json")
        answer = case.call()
        assert answer.status_code == 200
        case.validate_response(answer)


def test_every_request_has_its_body_and_its_refusals_described(wire):
    found = wire.get("/openapi.json").json()
    for path in POSTS:
        about = found["paths"][path]["post"]
        assert about["requestBody"]["required"] and "application/json" in about["requestBody"]["content"]
        for status in ("400", "401", "404", "408", "413", "422", "429", "502", "503", "504"):
            ref = about["responses"][status]["content"]["application/json"]["schema"]["$ref"]
            assert ref == "#/components/schemas/Error"
    assert "application/octet-stream" in found["paths"][POSTS[2]]["post"]["requestBody"]["content"]
    assert not [path for path in found["paths"] if "{version}" in path]
    assert str(BUNDLED) not in str(found)
