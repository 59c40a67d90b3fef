"""onnxplain diff: tables and JSON on stdout, talk on stderr, gates and missing rows as exit codes."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner
from nets import BUNDLED, DIGITS

from onnxplain.cli import main

TORCH, KERAS = BUNDLED / "digits_cnn_torch.onnx", BUNDLED / "digits_cnn_keras.onnx"
WITH = ("--preprocess", BUNDLED / "digits_cnn_torch.preprocess.json", "--labels", BUNDLED / "digits.labels.txt")


def run(*arguments):
    return CliRunner().invoke(main, ["diff", *map(str, arguments)])


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with the runs of both models."""
    folder = tmp_path_factory.mktemp("kept")
    done = run(TORCH, KERAS, *DIGITS[:3], *WITH, "-m", "gradient", "-o", folder)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("digits_cnn_keras.onnx against digits_cnn_torch.onnx: 3 rows, each explained for")
    return folder


@pytest.mark.parametrize(
    ("gates", "code", "said"),
    [
        (["--at-least", "spearman=0.9", "--at-most", "changed=0.01"], 0, ""),
        (["--at-least", "min:overlap=0.9", "--at-most", "p99:relative_l2=0.01"], 0, ""),
        (["--at-least", "max:sign_flips=0.5"], 1, "max of sign_flips is 0, expected at least 0.5; digit_0"),
        (["--at-most", "cosine=0.5", "--at-least", "spearman=1.5"], 1, "mean of cosine is"),
        (["--at-least", "spearmann=0.9"], 2, "did you mean 'spearman'?"),
        (["--at-least", "most:spearman=0.9"], 2, "no statistic 'most'"),
        (["--at-least", "spearman"], 2, "expected [STATISTIC:]QUANTITY=VALUE"),
    ],
)
def test_gates(kept, gates, code, said):
    done = run(kept / "a", kept / "b", *gates)
    assert (done.exit_code, said in done.stderr) == (code, True), done.output


def test_json_and_files(kept, tmp_path):
    done = run(kept / "a", kept / "b", "--json", "-o", tmp_path / "rows.csv", "-o", tmp_path / "worst.png", "-q")
    assert done.exit_code == 0 and done.stderr == ""
    found = json.loads(done.stdout)
    assert found["rows"] == 3 and found["quantities"]["changed"]["mean"] == 0
    assert {each.name for each in tmp_path.iterdir()} == {"rows.csv", "worst.png"}


def test_a_run_and_a_model(kept):
    done = run(kept / "a", TORCH, *DIGITS[:3], "--at-least", "min:cosine=1", "--at-most", "max:relative_l2=0")
    assert done.exit_code == 0, done.output


def test_rows_that_are_not_compared_are_an_exit_code(tmp_path):
    shutil.copy(DIGITS[0], tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    done = run(TORCH, TORCH, tmp_path, *WITH, "-m", "gradient")
    assert done.exit_code == 5 and "1 rows were not compared; 1 were" in done.stderr
    assert "b.png: A could not explain it" in done.stdout


def test_a_choice_of_a_drawing_without_a_picture_is_refused(kept):
    done = run(kept / "a", kept / "b", "--alpha", "0.3", "-o", "rows.csv")
    assert done.exit_code == 2 and "--alpha: no picture is drawn" in done.stderr


@pytest.mark.parametrize("out", ["x.txt", "a.npz"])
def test_an_output_of_another_kind_is_refused(tmp_path, out):
    done = run(TORCH, KERAS, DIGITS[0], *WITH, "-o", tmp_path / out)
    assert done.exit_code == 2 and "expected a file" in done.stderr
