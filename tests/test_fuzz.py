"""tools/fuzz: it is reproducible, and finds each class of faults where one is planted."""

import contextlib
import importlib
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from nets import ROOT, network, node
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument, InvalidGraph, NotImplemented  # noqa: A004

import onnxplain as ox

TOOL = ROOT / "tools" / "fuzz"
X = np.random.default_rng(0).normal(size=(3, 4)).astype("f")


@pytest.fixture
def fuzz(monkeypatch):
    """The modules of the tool, by attribute."""
    monkeypatch.syspath_prepend(TOOL)
    monkeypatch.syspath_prepend(ROOT / "tools" / "common")
    names = (
        "child",
        "compared",
        "corpus",
        "grow",
        "judge",
        "lower",
        "mutant",
        "portions",
        "slopes",
        "summary",
        "truth",
    )
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    for name in [*names, "children", *(each for each in sys.modules if each.partition(".")[0] == "changes")]:
        sys.modules.pop(name, None)


@pytest.fixture
def corpus(fuzz):
    return fuzz.corpus.Corpus.collect(cases=False)


def gated(threshold=0.0):
    """A small network with a kink, whose scores are [N, 3]."""
    rng = np.random.default_rng(1)
    weights = {"w": rng.normal(size=(4, 5)).astype("f"), "v": rng.normal(size=(5, 3)).astype("f")}
    weights["t"] = np.array(threshold, "f")
    nodes = [node("MatMul", "x w", "a"), node("Max", "a t", "b"), node("MatMul", "b v", "y")]
    return network(nodes, X.shape, weights)


def judged(fuzz, model, folder, index=0):
    """The verdict on a model."""
    data = model if isinstance(model, bytes) else model.SerializeToString()
    made = fuzz.mutant.Mutant(0, index, "made here", ("made here",), data)
    return fuzz.judge.judge(made, folder, lambda _: None)


def test_a_mutant_depends_on_seed_and_index_alone(fuzz, corpus):
    some = [fuzz.mutant.mutant(corpus, 3, index) for index in range(40)]
    again = [fuzz.mutant.mutant(corpus, 3, index) for index in reversed(range(40))][::-1]
    assert some == again
    assert len({each.data for each in some}) == 40
    assert fuzz.mutant.mutant(corpus, 4, 0) != some[0]


def test_most_networks_that_are_grown_run(fuzz, corpus):
    ran = 0
    for index in range(30):
        model = fuzz.grow.grown(np.random.default_rng([0, index]))
        given = fuzz.truth.feeds(model, np.random.default_rng(0))
        with contextlib.suppress(InvalidArgument, InvalidGraph, NotImplemented):
            ran += fuzz.truth.File(model.SerializeToString(), "").outputs(given) != {}
    assert ran > 25


def test_old_forms_are_written_as_attributes(fuzz):
    weights = {"axes": np.array([1]), "low": np.array(0.5, "f")}
    model = network([node("ReduceMean", "x axes", "a"), node("Clip", "a low", "y")], X.shape, weights)
    fuzz.lower.lowered(model, 9)
    mean, clip = ({each.name: onnx.helper.get_attribute_value(each) for each in n.attribute} for n in model.graph.node)
    assert mean == {"axes": [1]} and clip == {"min": 0.5} and not model.graph.initializer
    (y,) = fuzz.truth.File(model.SerializeToString(), "").run({"x": X}, ["y"])
    np.testing.assert_allclose(y, np.maximum(X.mean(1, keepdims=True), 0.5), rtol=1e-6)


@pytest.mark.parametrize("index", [0, 1])
def test_a_sound_network_is_right_by_both_engines(fuzz, tmp_path, index):
    verdict = judged(fuzz, gated(), tmp_path, index)
    assert (verdict.kind, verdict.says, verdict.unchecked, verdict.runs) == ("right", "", [], True)
    assert len(verdict.explained) == 4


def test_what_no_error_of_ours_names_is_a_leak(fuzz, tmp_path, monkeypatch):
    assert judged(fuzz, b"no model", tmp_path).kind == "refused"
    monkeypatch.setattr("onnxplain.api.load", lambda *_, **__: {}["planted"])
    verdict = judged(fuzz, gated(), tmp_path)
    assert (verdict.kind, verdict.where, verdict.runs) == ("leak", "KeyError outside", True)


def planted(monkeypatch, method, change):
    """Let explanations by a method be changed."""
    real = ox.explain
    monkeypatch.setattr(ox, "explain", lambda *a, **k: change(real(*a, **k)) if a[2] == method else real(*a, **k))


@pytest.mark.parametrize(
    ("method", "name", "change", "where"),
    [
        ("gradient", "attribution", lambda a: a * 1.03, "gradient: no derivative"),
        ("gradient", "attribution", lambda a: a * np.array([1, 1, 1, 0]), "gradient: no derivative"),
        ("gradient", "attribution", lambda a: a[:, :2], "gradient: the attribution has another shape"),
        ("gradient", "prediction", lambda a: a + 0.01, "gradient: the scores are not the file's"),
        ("gradient", "prediction", lambda a: a[:1], "gradient: rows are not rows"),
        ("deeplift", "attribution", lambda a: a + 0.01, "deeplift: does not add up"),
        ("occlusion", "attribution", lambda a: a * 1.05, "occlusion: does not add up"),
        ("lrp.epsilon", "attribution", lambda a: a * np.inf, "lrp.epsilon: attribution is not finite"),
    ],
)
def test_what_is_explained_wrongly_is_found(fuzz, tmp_path, monkeypatch, method, name, change, where):
    def changed(e):
        object.__setattr__(e, name, change(getattr(e, name)))
        return e

    planted(monkeypatch, method, changed)
    verdict = judged(fuzz, gated(), tmp_path)
    assert (verdict.kind, verdict.where) == ("wrong", where) and verdict.says


def test_a_kink_is_no_fault(fuzz):
    """At 0 the slope of |x| is none, and any number between -1 and 1 is a gradient; 2 is not."""
    f, x = lambda point: np.abs(point.astype(np.float64)).sum(1), np.zeros((2, 3), "f")
    compare = fuzz.slopes.compare
    assert compare(f, x, np.full((2, 3), 0.5), np.random.default_rng(0)).kind == "kink"
    assert compare(f, x, np.full((2, 3), 2.0), np.random.default_rng(0)).kind == "wrong"


def test_rounding_is_no_fault(fuzz):
    """A small slope beside large numbers is lost in float32, and no difference can tell it."""
    f = lambda point: (point.sum(1) + np.float32(1e6)).astype(np.float64)  # noqa: E731
    assert fuzz.slopes.compare(f, X, np.ones_like(X), np.random.default_rng(0)).kind == "unsure"
    f = lambda point: (point.sum(1) + np.float32(10)).astype(np.float64)  # noqa: E731
    assert fuzz.slopes.compare(f, X, np.ones_like(X), np.random.default_rng(0)).kind == "right"
    assert fuzz.slopes.compare(f, X, np.ones_like(X) * 1.02, np.random.default_rng(0)).kind == "wrong"


PLANTS = {
    "crash": "import ctypes; load = lambda *_, **__: ctypes.string_at(0)",
    "hang": "load = lambda *_, **__: [None for _ in iter(int, 1)]",
    "memory": "load = lambda *_, **__: bytearray(1 << 40)",
    "leak": "load = lambda *_, **__: 1 // 0",
}


PLANTED = """
import itertools
import onnxplain.api as api
calls, real = itertools.count(), api.load
{code}
api.load = lambda *a, **k: (real if {at} not in (None, next(calls)) else load)(*a, **k)
"""


def plant(tmp_path, kind, at=None):
    """A file that plants a fault in what loads a model; `at`: in this load of a process, counted from 0, alone."""
    path = tmp_path / f"{kind}.py"
    path.write_text(PLANTED.format(code=PLANTS[kind], at=at))
    return str(path)


@pytest.mark.slow
def test_a_child_that_dies_is_replaced(fuzz, corpus, tmp_path):
    """The second mutant that a child loads kills it: the one that did is known, and all others are judged."""
    corpus.save(tmp_path / "corpus")
    run = fuzz.portions.Run(tmp_path / "corpus", 0, fuzz.portions.Limits(), plant(tmp_path, "crash", at=1))
    verdicts = list(run.judged(range(3)))
    assert [each["index"] for each in verdicts] == [0, 1, 2]
    assert [each["kind"] == "crash" for each in verdicts] == [False, True, False]
    assert "SIGSEGV in load" in verdicts[1]["where"] and verdicts[1]["kinds"]


def tool(*given):
    command = [sys.executable, TOOL, "--without-cases", *map(str, given)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hang", "memory", "leak"])
def test_each_class_is_found_and_is_a_failure(tmp_path, kind):
    code, said = tool("--mutants", 1, "--first", 5, "--cpu", 1, "--plant", plant(tmp_path, kind))
    assert code == 1
    assert said.startswith(f"{kind}: ") and "--only 5" in said, said


@pytest.mark.slow
def test_a_run_goes_on_where_it_was_interrupted(tmp_path):
    results = tmp_path / "results.jsonl"
    first = tool("--mutants", 4, "--results", results)
    lines = results.read_text().splitlines()
    results.write_text("\n".join(lines[:3]) + "\n" + lines[3][:20])
    assert tool("--mutants", 4, "--results", results) == first
    kept = [json.loads(line) for line in results.read_text().splitlines() if line.endswith("}")]
    assert sorted(each["index"] for each in kept) == [0, 1, 2, 3]


@pytest.mark.slow
def test_one_mutant_is_shown_and_written(fuzz, corpus, tmp_path):
    code, said = tool("--only", 7, "--seed", 2, "--write", tmp_path / "m.onnx")
    assert code in (0, 1) and "mutant 7 of seed 2" in said and "kind: " in said
    assert (tmp_path / "m.onnx").read_bytes() == fuzz.mutant.mutant(corpus, 2, 7).data
