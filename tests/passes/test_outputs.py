"""Which of several outputs is explained, and that every result says so."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from passes.same import RNG, mentioned, model

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.passes import canonicalise

CONSTANTS = {
    "w": RNG(0).standard_normal((4, 3)).astype("f"),
    "v": RNG(1).standard_normal((4, 4)).astype("f"),
    "labels": np.array([7, 5, 3]),
}
DENSE = "s = MatMul(x, w)"
# outputs and text, the one that is explained, its scores, and those that are left
FILES = {
    "a head behind features": ("float[N,4] f, float[N,3] p", f"f = Tanh(x) {DENSE} p = Softmax(s)", "p", "s", ["f"]),
    "boxes and scores": ("float[N,4] b, float[N,3] p", f"b = MatMul(x, v) {DENSE} p = Sigmoid(s)", "p", "s", ["b"]),
    "attention is no head": (
        "float[N,4] a, float[N,3] y", "a = Softmax(x) m = Mul(a, x) y = MatMul(m, w)", "y", "y", ["a"],
    ),
    "what is read on": (
        "float[N,4] h, float[N,3] y", "h = Tanh(x) y = MatMul(h, w)", "y", "y", ["h"],
    ),
    "a label is decided": (
        "float[N,4] f, float[N,3] y, int64[N] c",
        "f = Tanh(x) y = MatMul(x, w) a = ArgMax<axis=1, keepdims=0>(y) c = Gather(labels, a)", "y", "y", ["f"],
    ),
    "logits and their softmax": ("float[N,3] s, float[N,3] p", f"{DENSE} p = Softmax(s)", "p", "s", []),
    "two logits": ("float[N,3] y, float[N,4] z", "y = MatMul(x, w) z = MatMul(x, v)", "y", "y", ["z"]),
    "one output": ("float[N,3] y", "y = MatMul(x, w)", "y", "y", []),
}  # fmt: skip


def case(name):
    outputs, text, *_ = FILES[name]
    return model(f"(float[N,4] x) => ({outputs}) {{ {text} }}", **mentioned(text, CONSTANTS))


@pytest.mark.parametrize("name", FILES)
def test_the_output_with_a_classifiers_head_is_explained(name):
    *_, output, scores, left = FILES[name]
    canonical = canonicalise(case(name))
    assert (canonical.output, canonical.scores, list(canonical.others)) == (output, scores, left)


@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_every_result_says_which_output_is_explained(method):
    x = np.ones((1, 4), "f")
    e = ox.explain(ox.load(case("a head behind features")), x, method)
    assert e.output == "p"
    assert "output='p'" in repr(e)
    assert e.record["model"]["output"] == "p"
    assert e.record["model"]["other_outputs"] == ["f"]
    assert "'p' is explained, and not 'f'" in " ".join(e.record["input"]["notes"])
    other = ox.explain(ox.load(case("a head behind features"), output="f"), x, method)
    assert (other.output, other.record["model"]["other_outputs"]) == ("f", ["p"])
    alone = ox.explain(ox.load(case("one output")), x, method)
    assert alone.output == "y"
    assert not any("explained" in note for note in alone.record["input"]["notes"])


def test_the_command_line_says_it(tmp_path):
    from click.testing import CliRunner

    from onnxplain.cli import main

    onnx.save(case("a head behind features"), tmp_path / "two.onnx")
    np.save(tmp_path / "x.npy", np.ones((1, 4), "f"))
    run = CliRunner().invoke(
        main, ["explain", str(tmp_path / "two.onnx"), str(tmp_path / "x.npy"), "-m", "gradient", "-o", str(tmp_path)]
    )
    assert run.exit_code == 0, run.output
    assert "'p' is explained, and not 'f'" in run.stderr
    run = CliRunner().invoke(main, ["inspect", str(tmp_path / "two.onnx"), "--json"])
    found = json.loads(run.stdout)
    assert (found["output"], found["other outputs"]) == ("p", ["f"])


def test_an_unknown_output_is_named_with_those_that_there_are():
    with pytest.raises(UsageError, match="no output 'q'; its outputs are 'f', 'p'"):
        ox.load(case("a head behind features"), output="q")
