"""onnxplain doctor: what is installed, and how everything is called."""

from __future__ import annotations

import json
import sys

import onnx
import onnxruntime
from click.testing import CliRunner

import onnxplain as ox
from onnxplain.cli import main
from onnxplain.graph.runtime import LOWEST
from onnxplain.method.registry import METHODS


def doctor(*arguments):
    return CliRunner().invoke(main, ["doctor", *arguments])


def test_it_reports_the_environment():
    report = json.loads(doctor("--json").stdout)
    assert report["packages"]["onnx"] == onnx.__version__
    assert "CPUExecutionProvider" in report["providers"]
    assert set(report["methods"]) == set(METHODS) and set(report["measures"]) == set(ox.measures())


def test_an_engine_runs_here_or_says_why_not(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    report = json.loads(doctor("--json").stdout)
    assert report["engines"]["onnxruntime"] == report["engines"]["numpy"] == "ok"
    assert "`pip install onnxplain[gpu]`" in report["engines"]["cupy"]
    assert "`pip install onnxplain[gpu,cudnn]`" in report["engines"]["cudnn"]
    assert report["gpu"] is None
    assert "  cupy         the engine" in doctor().stdout


def test_without_onnxruntime_nothing_runs(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    done = doctor()
    assert done.exit_code == 1 and "no onnxruntime" in done.stderr
    assert "numpy        onnxruntime is not installed" in done.stdout


def test_an_onnxruntime_that_is_too_old_fails_and_says_what_to_run(monkeypatch):
    monkeypatch.setattr(onnxruntime, "__version__", "1.23.2")
    done = doctor()
    said = f"onnxruntime 1.23.2 is installed, and onnxplain needs {LOWEST} or newer: run `pip install --upgrade"
    assert done.exit_code == 1 and said in done.stderr
    assert f"runtime                {said}" in done.stdout
    assert "  onnxruntime  onnxruntime 1.23.2 is installed" in done.stdout
    failed = doctor("--json")
    assert failed.exit_code == 1 and said in json.loads(failed.stdout)["runtime"]


def test_an_onnxruntime_that_is_new_enough_is_ok(monkeypatch):
    monkeypatch.setattr(onnxruntime, "__version__", LOWEST)
    done = doctor()
    assert done.exit_code == 0 and "runtime                ok" in done.stdout


def test_parameters_are_shown_as_they_are_given(monkeypatch):
    """Names and defaults are those of the call; one without a default stands alone."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = [line.strip() for line in doctor().stdout.splitlines()]
    assert "lrp.gamma (gamma=0.25, eps=1e-06)" in lines
    assert "lrp.epsilon_gamma_box (low, high, gamma=0.25, eps=1e-06)" in lines
    assert "gradient" in lines
    assert "sensitivity (samples=10, radius=0.02)" in lines
    report = json.loads(doctor("--json").stdout)
    assert report["methods"]["lrp.epsilon_gamma_box"]["needs"] == ["low", "high"]
    assert report["methods"]["occlusion"]["parameters"]["window"] is None
    assert report["measures"]["pixel_flipping"]["parameters"]["steps"] == 100


def test_lines_fit_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    named = doctor().stdout.partition("engines, ")[2]
    assert max(map(len, named.splitlines())) <= 80


def test_a_method_is_described_alone(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    done = doctor("lime")
    assert done.exit_code == 0 and done.stdout.startswith("lime, compares with a baseline\n")
    assert "width = 0.25\n" in done.stdout and "numbers, 1e-06 or more" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    found = json.loads(doctor("lime", "--json").stdout)
    assert found["parameters"]["samples"] == {
        "meaning": "samples, each of which shows every feature with probability 1/2",
        "unit": "none",
        "range": "whole numbers, 1 or more",
        "default": 1000,
        "required": False,
    }
    assert "parameters" in json.loads(doctor("lrp.epsilon_gamma_box", "--json").stdout)
    wrong = doctor("limee")
    assert wrong.exit_code == 2 and "did you mean 'lime'" in wrong.stderr
