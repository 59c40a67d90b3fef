"""onnxplain serve: which models it loads and how, who may ask, and what ends it before it begins."""

from __future__ import annotations

import re
import shutil
import socket

import pytest
from click.testing import CliRunner
from nets import BUNDLED, relu_cnn

pytest.importorskip("uvicorn", reason="the extra 'serve' is not installed")
import onnx

from onnxplain.cli import main
from onnxplain.cli import serve as command
from onnxplain.serve import launch

CNN, WINE = BUNDLED / "digits_cnn_torch.onnx", BUNDLED / "wine_mlp_torch.onnx"


@pytest.fixture
def began(monkeypatch):
    """Run the command up to the point where it would listen; return how it ended and the service that it made."""
    made = []

    def run(app, listener, ready):
        made.append(app)
        ready()
        listener.close()

    monkeypatch.setattr(launch, "run", run)

    def began(*arguments):
        made.clear()
        done = CliRunner().invoke(main, ["serve", "--port", "0", *map(str, arguments)])
        assert "Traceback" not in done.output
        return done, made[0].state.service if made else None

    return began


def test_it_says_at_which_address_it_serves_what(began):
    done, service = began(CNN, f"wine={WINE}")
    assert done.exit_code == 0 and done.stdout == ""
    assert done.stderr.startswith("onnxplain: serving digits_cnn_torch, wine at http://127.0.0.1:")
    assert done.stderr.count("\n") == 1
    assert list(service.models) == ["digits_cnn_torch", "wine"]
    assert began(CNN, "-q")[0].stderr == ""


@pytest.mark.parametrize(("more", "threads"), [((), 4), (("--at-once", 1), 8), (("--threads", 3), 3)])
def test_what_is_computed_at_once_shares_the_cores(began, monkeypatch, more, threads):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    _, service = began(CNN, *more)
    assert service.models["digits_cnn_torch"].model.settings.threads == threads


def test_several_models_have_options_of_their_own(began):
    labels = BUNDLED / "digits.labels.txt", BUNDLED / "wine.labels.txt"
    own = ("--labels", f"d={labels[0]}", "--labels", f"w={labels[1]}", "--features", f"w={BUNDLED}/wine.features.txt")
    _, service = began(f"d={CNN}", f"w={WINE}", *own, "--precision", "float64", "--engine", "numpy")
    digits, wine = (each.model for each in service.models.values())
    assert [digits.labels, wine.labels] == [tuple(path.read_text().split()) for path in labels]
    assert wine.features and not digits.features
    assert digits.precision == wine.precision == "float64"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("d=CNN", "w=WINE", "--labels", "l.txt"), "--labels l.txt: of which model.*d=l.txt"),
        (("d=CNN", "w=WINE", "--labels", "e=l.txt"), "of which model"),
        (("CNN", "--labels", "a", "--labels", "b"), "--labels: given twice for 'digits_cnn_torch'"),
        (("d=CNN", "w=WINE", "--output", "y"), "--output: there are several models"),
        (("d=CNN", "d=WINE"), "two models have one name"),
        (("d=CNN", "w=WINE", "--model_name", "x"), "--model_name x: there are 2 models"),
        (("a b=CNN",), "model name 'a b'"),
        (("CNN", "--method", "no_such"), "no method is called 'no_such'"),
        (("CNN", "--rows", "0"), "limit rows=0"),
        (("CNN", "--host", "0.0.0.0"), "--host: everyone who reaches 0.0.0.0 could ask.*--no-token"),  # noqa: S104
        (("CNN", "--host", "nowhere.invalid"), "host 'nowhere.invalid'"),
        (("CNN", "--token-file", "nowhere.txt"), "token file nowhere.txt"),
        (("CNN", "--samples", "nowhere"), "samples: 'nowhere' is no folder"),
        (("CNN", "--port", "70000"), "70000 is not in the range"),
        (("CNN", "--workers", "0"), "0 is not in the range"),
    ],
)
def test_what_does_not_fit_is_a_usage_error(began, arguments, said):
    files = {"CNN": str(CNN), "WINE": str(WINE)}
    for word, path in files.items():
        arguments = [each.replace(word, path) for each in arguments]
    done, service = began(*arguments)
    assert done.exit_code == 2 and service is None
    assert re.search(said, done.stderr), done.stderr


def test_a_port_that_is_taken_is_one_error(began):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done, service = began(CNN, "--port", port)
        assert done.exit_code == 2 and service is None
        assert f"port {port} of '127.0.0.1': another process listens there" in done.stderr


def test_a_model_that_cannot_be_served_ends_it_with_its_exit_code(began, tmp_path):
    assert began(tmp_path / "nowhere.onnx")[0].exit_code == 4
    assert began(BUNDLED / "README.md")[0].exit_code == 4
    model, _ = relu_cnn()
    model.graph.node[0].op_type = "NoSuchOperator"
    model.graph.node[0].domain = "nowhere"
    onnx.save(model, tmp_path / "custom.onnx")
    done, service = began(tmp_path / "custom.onnx")
    assert done.exit_code == 3 and service is None and "NoSuchOperator" in done.stderr


def test_what_lies_beside_a_model_in_a_folder_is_used_and_said(began, tmp_path):
    shutil.copy(CNN, tmp_path / "model.onnx")
    shutil.copy(WINE, tmp_path / "other.onnx")
    shutil.copy(BUNDLED / "digits_cnn_torch.preprocess.json", tmp_path / "preprocess.json")
    shutil.copy(BUNDLED / "digits.labels.txt", tmp_path / "labels.txt")
    done, service = began(f"digits={tmp_path}")
    model = service.models["digits"].model
    assert "digits: labels from labels.txt, preprocess from preprocess.json" in done.stderr
    assert model.labels == tuple("0123456789") and model.preprocess is not None
    done, service = began(tmp_path, "--preprocess", "raw")
    assert list(service.models) == [tmp_path.name] and "preprocess from" not in done.stderr
    assert service.models[tmp_path.name].model.preprocess != model.preprocess


def test_a_folder_without_one_model_is_named(began, tmp_path):
    assert "there are: none" in began(tmp_path)[0].stderr
    done, _ = began(BUNDLED)
    assert done.exit_code == 4 and "expected model.onnx" in done.stderr and "wine_mlp_torch.onnx" in done.stderr


def test_it_takes_the_words_of_kserve(began, monkeypatch, tmp_path):
    monkeypatch.setattr(command, "MOUNTED", str(tmp_path))
    shutil.copy(CNN, tmp_path / "net.onnx")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done, service = began("--model_name", "digits", "--http_port", port, "--workers", "1")
    assert list(service.models) == ["digits"] and f"at http://127.0.0.1:{port}\n" in done.stderr
    assert list(began()[1].models) == ["model"]
    monkeypatch.setattr(command, "MOUNTED", str(tmp_path / "nowhere"))
    done, service = began()
    assert done.exit_code == 2 and "name a model to serve" in done.stderr


def test_limits_are_those_of_the_flags(began):
    _, service = began(CNN, "--rows", 3, "--seconds", 1.5, "--method", "gradient", "--method", "deeplift")
    assert (service.limits.rows, service.limits.seconds) == (3, 1.5)
    assert service.limits.methods == ("gradient", "deeplift")


def test_every_limit_has_a_flag():
    flags = {option for each in command.serve.params for option in each.opts}
    assert {f"--{name.replace('_', '-')}" for name in vars(launch.Limits()) if name != "methods"} <= flags


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o644, True)])
def test_a_token_file_lets_other_machines_ask(began, tmp_path, mode, warned):
    file = tmp_path / "tokens.txt"
    file.write_text("a-secret-that-is-long\n")
    file.chmod(mode)
    done, service = began(CNN, "--host", "0.0.0.0", "--token-file", file)  # noqa: S104
    assert service is not None and (f"can read {file}" in done.stderr) is warned
    assert "a-secret" not in done.output
    file.write_text("# nothing\n")
    assert began(CNN, "--token-file", file)[0].exit_code == 2


def test_everybody_may_ask_where_that_is_said(began):
    assert began(CNN, "--host", "0.0.0.0", "--no-token")[1] is not None  # noqa: S104


@pytest.mark.parametrize(
    ("arguments", "hosts"),
    [
        ((), None),
        (("--host", "0.0.0.0", "--no-token"), ("*",)),  # noqa: S104
        (("--allow-host", "a.example", "--allow-host", "b"), ("a.example", "b")),
        (("--host", "0.0.0.0", "--no-token", "--allow-host", "a.example"), ("a.example",)),  # noqa: S104
    ],
)
def test_names_matter_where_only_this_machine_can_ask(began, monkeypatch, arguments, hosts):
    given, application = [], launch.application
    monkeypatch.setattr(launch, "application", lambda *of, **more: given.append(more) or application(*of, **more))
    began(CNN, *arguments)
    assert given[0]["hosts"] == hosts


def test_a_signal_that_was_lost_while_models_were_loaded_ends_the_service(began, monkeypatch):
    monkeypatch.setattr(command, "was_asked", lambda: True)
    assert began(CNN)[0].exit_code == 143
