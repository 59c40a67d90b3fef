"""onnxplain serve with the model of another server: KServe's words, and what says how it is asked."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("uvicorn", reason="the extra 'serve' is not installed")
pytest.importorskip("httpx", reason="the client of the tests needs httpx")
pytest.importorskip("urllib3", reason="another server is asked by urllib3, of the extra serve")
from fastapi.testclient import TestClient
from nets import BUNDLED
from serve.predicting import ROWS, Answer, predicting, scores, v1

from onnxplain.cli import main
from onnxplain.cli import serve as command
from onnxplain.serve import launch


@pytest.fixture
def began(monkeypatch, tmp_path):
    """Run the command up to the point where it would listen; return how it ended and the application that it made."""
    made = []

    def run(app, listener, ready):
        made.append(app)
        ready()
        listener.close()

    def began(*arguments):
        made.clear()
        done = CliRunner().invoke(main, ["serve", "--port", "0", *map(str, arguments)])
        assert "Traceback" not in done.output
        return done, made[0] if made else None

    monkeypatch.setattr(launch, "run", run)
    (tmp_path / "empty").mkdir()  # as an image has it where nothing is mounted
    monkeypatch.setattr(command, "MOUNTED", str(tmp_path / "empty"))
    return began


def test_without_a_file_it_explains_through_the_predictor(began):
    with predicting(v1) as server:
        done, app = began("--model_name", "lin", "--predictor_host", server.address)
        assert done.exit_code == 0 and "serving lin at" in done.stderr
        with TestClient(app) as client:
            offered = client.get("/page/models/lin").json()
            found = client.post("/v1/models/lin:explain", json={"instances": ROWS.tolist()}).json()
            again = client.get("/page/models/lin").json()
    assert np.array_equal(found["predictions"], scores(ROWS))
    assert [each["name"] for each in offered["methods"]] == [each["name"] for each in again["methods"]]
    assert {each["name"] for each in again["methods"]} >= {"occlusion", "kernel_shap"} and offered["sha256"] is None
    assert "gradient" in {each["name"] for each in again["unfit"]}


def test_a_file_is_explained_by_itself_wherever_its_predictor_is(began, monkeypatch, tmp_path):
    given = "--model_name", "m", "--predictor_host", "localhost:1"
    assert began(BUNDLED / "wine_mlp_torch.onnx", *given)[1].state.service.models["m"].model.path
    (tmp_path / "model.onnx").symlink_to(BUNDLED / "wine_mlp_torch.onnx")
    monkeypatch.setattr(command, "MOUNTED", str(tmp_path))
    assert began(*given)[1].state.service.models["m"].model.path


def test_what_is_known_of_the_predictor_can_be_said(began, tmp_path):
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    shape = "--predictor-shape", "-1, 5", "--predictor-dtype", "float32", "--predictor-answers", "probabilities"
    asked = "--predictor-seconds", "7", "--predictor-retries", "0", "--labels", tmp_path / "labels.txt"
    done, app = began("--predictor-host", "localhost:1", *shape, *asked)
    assert done.exit_code == 0, done.output
    model = app.state.service.models["model"].model
    assert model.input_shape == ("N", 5) and model.precision == "float32" and model.labels == ("a", "b", "c")
    assert model.answers.meaning == "probabilities"
    connection = model.answers.function._connection
    assert (connection.seconds, connection.retries, connection.address) == (7.0, 0, "http://localhost:1")
    done, app = began("--predictor_host", "localhost:1", "--predictor_use_ssl", "true")
    assert app.state.service.models["model"].model.answers.function._connection.address == "https://localhost:1"


def test_the_token_of_the_predictor_is_sent(began, tmp_path):
    (tmp_path / "token").write_text("secret\n")
    with predicting(v1) as server:
        given = "--model_name", "lin", "--predictor-host", server.address
        _, app = began(*given, "--predictor-token-file", tmp_path / "token")
        with TestClient(app) as client:
            answer = client.post("/v1/models/lin:explain", json={"instances": ROWS.tolist()})
        assert answer.status_code == 200 and "secret" not in answer.text
        assert {headers["Authorization"] for _, headers in server.asked} == {"Bearer secret"}
    (tmp_path / "token").write_text("two\nlines\n")
    done, app = began(*given, "--predictor-token-file", tmp_path / "token")
    assert done.exit_code == 2 and "expected one token" in done.stderr and "lines\n" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--predictor-shape", "-1,x"), "--predictor-shape -1,x: expected lengths"),
        (("--predictor-shape", "5"), "expected the rows and the axes of a row"),
        (("--predictor-protocol", "grpc-v2"), "gRPC is not spoken"),
        (("--predictor-protocol", "v3"), "protocol 'v3'"),
        (("--predictor-dtype", "object"), "dtype='object'"),
        (("--engine", "numpy"), "--engine says how a file is run"),
        (("--provider", "CPUExecutionProvider"), "--provider says how a file is run"),
        (("--predictor-host", "u:p@host"), "HOST:PORT"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_serves(began, arguments, said):
    done, app = began("--predictor-host", "localhost:1", *arguments)
    assert done.exit_code == 2 and app is None
    assert said in " ".join(done.stderr.split()) and "u:p" not in done.stderr


def test_a_predictor_that_has_no_such_model_ends_it(began):
    with predicting(lambda *_: Answer({"error": "who?"}, 404)) as server:
        done, app = began("--predictor_host", server.address, "--predictor_protocol", "v2")
    assert done.exit_code == 3 and app is None and "is not known to its server (404): who?" in done.stderr
