"""What is asked on the command line is what is computed, on a model whose answers are known: y = x."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from nets import network, node

from onnxplain.cli import main
from onnxplain.cli.evaluate import _Gate


@pytest.fixture
def files(tmp_path):
    """The model and two rows, (3, 2) and (1, 5)."""
    onnx.save(network([node("Gemm", "x w", "y")], ("N", 2), {"w": np.eye(2, dtype="f")}), tmp_path / "same.onnx")
    np.save(tmp_path / "rows.npy", np.array([[3, 2], [1, 5]], "f"))
    np.save(tmp_path / "row.npy", np.array([[3, 2]], "f"))
    return tmp_path


def run(*words):
    return CliRunner().invoke(main, list(map(str, words)))


def test_each_row_is_reported_with_its_own_class_and_score(files):
    done = run("explain", files / "same.onnx", files / "rows.npy", "-m", "gradient", "-o", files)
    assert "rows.row0: 0, score 3 ->" in done.stdout and "rows.row1: 1, score 5 ->" in done.stdout


def test_a_comparison_is_for_the_target(files):
    words = ("-m", "gradient", "-t", "1", "-o", files / "grid.png", "--json")
    done = run("compare", files / "same.onnx", files / "row.npy", *words)
    want = {"label": "1", "score": 2.0, "delta": None, "arrived": None}
    assert json.loads(done.stdout)["rows"][0]["methods"]["gradient"] == want


@pytest.mark.parametrize(("target", "score"), [(0, 3), (1, 2)])
def test_a_book_is_for_the_target(target, score, files):
    done = run("inspect", files / "same.onnx", files / "row.npy", "--book", "-m", "lrp.epsilon", "-t", target)
    book = done.stdout.rpartition("\nlrp.epsilon\n")[2].splitlines()
    assert float(book[1].split()[book[0].split().index("arriving")]) == score


def test_memory_is_told_in_its_unit(tmp_path):
    weights = np.ones((1024, 512), "f")
    onnx.save(network([node("Gemm", "x w", "y")], ("N", 1024), {"w": weights}), tmp_path / "wide.onnx")
    report = json.loads(run("inspect", tmp_path / "wide.onnx", "--json").stdout)
    assert report["memory"] == "weights 2.0 MiB, values at most 2.0 KiB a row"


def test_a_baseline_goes_into_the_file(files):
    assert run("export", files / "same.onnx", files / "e.onnx", "-m", "deeplift", "--baseline", 3).exit_code == 0
    said = {each.key: each.value for each in onnx.load(files / "e.onnx").metadata_props}
    assert json.loads(said["onnxplain.baseline"]) == 3


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--at-least", "gap=2", "--at-most", "gap=2"], 0),
        (["--at-least", "gap=2.01"], 1),
        (["--at-most", "gap=1.99"], 1),
        (["--at-most", "gap=1.99", "-t", "1"], 0),
        (["--at-most", "gap=1", "--at-least", "gap=1", "--baseline", "1"], 0),
        (["-m", "input_x_gradient", "--at-most", "gap=1"], 1),
        (["-m", "input_x_gradient", "--at-most", "input_x_gradient:gap=0"], 0),
    ],
)
def test_a_gate_holds_up_to_its_bound_and_for_every_method(words, code, files):
    """The gradient is (1, 0) and its sum 1, and 3 is due, or 2 of the other class, or 3 - 1 above a baseline of 1."""
    done = run(
        "evaluate", files / "same.onnx", files / "row.npy", "--measure", "completeness", *words, "-m", "gradient"
    )
    assert done.exit_code == code, done.output
    assert ("gate failed: gradient: gap is 2" in done.stderr) == bool(code)


@pytest.mark.parametrize("holds", ["at_least", "at_most"])
def test_no_gate_holds_for_what_is_no_number(holds):
    class Found:
        def of(self, _quantity):
            return {"gradient": np.array([1.0, np.nan])}

    assert _Gate("gap", 0.5, ("gradient",), holds).failures(Found())
