"""Many inputs on the command line: one that is bad stops no other, and the exit code says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from nets import BUNDLED, DIGITS

from onnxplain.cli import main

CNN = str(BUNDLED / "digits_cnn_torch.onnx")
WITH = ["--preprocess", str(BUNDLED / "digits_cnn_torch.preprocess.json")]


def run(command, tmp_path, *inputs, options=()):
    out = ["-o", str(tmp_path / "out"), "-m", "gradient"] if command == "explain" else []
    return CliRunner().invoke(main, [command, CNN, *map(str, inputs), *WITH, *out, *options])


@pytest.fixture
def bad(tmp_path):
    (tmp_path / "bad.png").write_text("no picture")
    return tmp_path / "bad.png"


@pytest.mark.parametrize("command", ["explain", "predict"])
def test_the_others_are_done(command, bad, tmp_path):
    done = run(command, tmp_path, DIGITS[0], bad, DIGITS[1])
    assert done.exit_code == 5, done.output
    assert str(bad) in done.stderr and "1 of 3 inputs failed, and the others are done" in done.stderr
    assert done.stdout.count("digit_") >= 2
    if command == "explain":
        assert len(list((tmp_path / "out").glob("*.png"))) == 2
    quiet = run(command, tmp_path, DIGITS[0], bad, options=["-q"])
    assert quiet.exit_code == 5 and str(bad) in quiet.stderr
    said = json.loads(run(command, tmp_path, DIGITS[0], bad, options=["--json"]).stdout)
    assert len(said) == 2 and said[1]["input"] == str(bad) and "picture" in said[1]["problem"]


@pytest.mark.parametrize("command", ["explain", "predict"])
def test_a_single_input_ends_with_the_code_of_its_error(command, bad, tmp_path):
    assert run(command, tmp_path, bad).exit_code == 4
    assert run(command, tmp_path, DIGITS[0]).exit_code == 0


def test_batches_write_what_single_inputs_do(bad, tmp_path):
    done = run("explain", tmp_path, *DIGITS[:3], bad, DIGITS[3], options=["--batch-size", "3", "--json"])
    alone = run("explain", tmp_path, *DIGITS[:3], DIGITS[3], options=["--json"])
    *found, failed = json.loads(done.stdout)
    assert failed["input"] == str(bad)
    assert [each["input"] for each in found] == [each["input"] for each in json.loads(alone.stdout)]
    assert [each["files"] for each in found] == [each["files"] for each in json.loads(alone.stdout)]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_stop_it_and_leave_whole_files(number, code, tmp_path):
    # a job in the background is started with SIGINT ignored, and so are its children
    script = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import onnxplain.cli as c; c.main()"
    )
    given = [sys.executable, "-c", script, "explain", CNN, *map(str, DIGITS), *WITH, "-o", str(tmp_path)]
    slow = ["-m", "meaningful_perturbation", "--set", "steps=300"]
    with subprocess.Popen([*given, *slow], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 60
        while not any(tmp_path.glob("*.json")) and time.monotonic() < end and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code and "stopped" in err and "Traceback" not in err
    kinds = {each.suffix for each in tmp_path.iterdir()}
    assert kinds == {".png", ".npz", ".json"} and not list(tmp_path.glob(".*"))
    for each in tmp_path.glob("*.json"):
        json.loads(each.read_text())
