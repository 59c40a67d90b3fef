"""-v and -q: what a command says on stderr, and that stdout and the logger of the package stay as they are."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from click.testing import CliRunner
from nets import BUNDLED, DIGITS

from onnxplain.cli import COMMANDS, main

CNN = BUNDLED / "digits_cnn_torch.onnx"
WITH = ("--preprocess", BUNDLED / "digits_cnn_torch.preprocess.json")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def chatty(monkeypatch):
    """`onnxplain doctor`, whose work logs one message of each level from a module of the package."""

    def diagnose():
        for level in LEVELS:
            logging.getLogger("onnxplain.engines").log(getattr(logging, level), "%s is said", level.lower())
        return {"runtime": "ok"}

    monkeypatch.setattr("onnxplain.cli.doctor.diagnose", diagnose)
    return lambda *options: run("doctor", "--json", *options)


@pytest.mark.parametrize(
    ("options", "first"),
    [((), "WARNING"), (("-v",), "INFO"), (("--verbose",), "INFO"), (("-vv",), "DEBUG"), (("-v", "-v", "-v"), "DEBUG"),
     (("-q",), "ERROR"), (("--quiet",), "ERROR")],
)  # fmt: skip
def test_messages_of_a_level_and_above_are_shown(chatty, options, first):
    done = chatty(*options)
    shown = LEVELS[LEVELS.index(first) :]
    assert done.stderr.splitlines() == [f"{level} onnxplain.engines: {level.lower()} is said" for level in shown]
    assert done.stdout == '{\n "runtime": "ok"\n}\n'


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_them_but_not_both(command):
    help_text = run(command, "--help").stdout
    assert "-v, --verbose" in help_text and "-q, --quiet" in help_text
    needed = {
        "doctor": (),
        **dict.fromkeys(("inspect", "verify", "clusters", "report", "serve"), ("a",)),
        "visualise": ("a.onnx", "-t", "b"),
        "run": ("a.onnx", "b", "-o", "c"),
        "audit": ("a.toml", "-o", "b"),
    }.get(command, ("a.onnx", "b"))
    both = run(command, *needed, "-v", "-q")
    assert (
        both.exit_code == 2 and "-v and -q exclude each other" in both.stderr and f"{command} [OPTIONS]" in both.stderr
    )


def test_the_logger_is_left_as_it_was(chatty):
    logger = logging.getLogger("onnxplain")
    before = logger.level, list(logger.handlers)
    assert chatty("-vv").exit_code == 0
    assert (logger.level, logger.handlers) == before


def test_without_a_command_the_package_logs_nowhere():
    code = "import logging, onnxplain; logging.getLogger('onnxplain.engines').warning('said')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""


def test_loading_a_model_is_logged():
    done = run("inspect", CNN, "-v")
    assert f"INFO onnxplain.cli.options: loaded {CNN} in " in done.stderr
    assert done.stdout == run("inspect", CNN).stdout


def test_quiet_leaves_out_remarks_but_not_results(tmp_path):
    told = ("explain", CNN, DIGITS[0], *WITH, "-m", "deeplift", "-o", tmp_path)
    loud, quiet = run(*told), run(*told, "-q")
    assert "preprocessing: " in loud.stderr and "of the difference from the baseline arrived" in loud.stderr
    assert quiet.exit_code == 0 and quiet.stderr == "" and quiet.stdout == loud.stdout


def test_quiet_judges_without_remarks(tmp_path):
    told = ("evaluate", CNN, DIGITS[0], *WITH, "-m", "gradient", "--measure", "completeness", "-o", tmp_path / "out")
    loud, quiet = run(*told), run(*told, "-q")
    assert "preprocessing: " in loud.stderr and "written to" in loud.stderr
    assert quiet.exit_code == 0 and quiet.stderr == "" and quiet.stdout == loud.stdout


def test_quiet_leaves_out_that_a_baseline_is_not_read(tmp_path):
    told = ("export", CNN, tmp_path / "e.onnx", "-m", "gradient", "--baseline", "3")
    assert "reads no baseline" in run(*told).stderr
    assert run(*told, "-q").stderr == ""


def test_errors_and_failed_gates_are_said_however_quiet():
    missing = run("explain", "nowhere.onnx", DIGITS[0], "-q")
    assert missing.exit_code == 4 and "'nowhere.onnx' does not exist" in missing.stderr
    gate = ("--measure", "completeness", "--at-least", "random:gap=1e9")
    failed = run("evaluate", CNN, DIGITS[0], *WITH, "-m", "gradient", *gate, "-q")
    assert failed.exit_code == 1 and "gate failed" in failed.stderr
