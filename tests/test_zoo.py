"""tools/zoo: what it makes is kept, what is right is exact, and what is not is found out."""

import importlib
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from nets import ROOT, network, node

TOOL = ROOT / "tools" / "zoo"
RIGHT = {
    "refused": {},
    "ill": 0.0,
    "parity": 0.0,
    "gradient": 1e-7,
    "gradient64": 1e-12,
    "deeplift": 1e-7,
    "book": 1e-8,
}
W = np.random.default_rng(0).normal(size=(4, 3)).astype("f")
X = np.random.default_rng(1).normal(size=(2, 4)).astype("f")


@pytest.fixture
def zoo(monkeypatch):
    """The modules of the tool that need no framework, by attribute."""
    monkeypatch.syspath_prepend(TOOL)
    monkeypatch.syspath_prepend(ROOT / "tools" / "common")
    known = set(sys.modules)
    names = (
        "checks",
        "child",
        "family",
        "kept",
        "near",
        "report",
        "results",
        "table",
        "table_truth",
        "verdict",
        "workers",
    )
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    for name in set(sys.modules) - known:
        if str(TOOL.parent) in str(getattr(sys.modules[name], "__file__", "")):
            sys.modules.pop(name)


def kept(zoo, folder, gradient, name="small/mine.ts"):
    """Keep a linear network whose gradient is said to be this."""
    made = zoo.kept.Made(name, explained="x")
    scores = np.tanh(X.astype("d") @ W)
    truth = zoo.kept.Truth({"x": X}, scores.argmax(1), scores, gradient)
    made.write(folder, truth)
    onnx.save(network([node("MatMul", "x w", "a"), node("Tanh", "a", "y")], X.shape, {"w": W}), made.path(folder))
    return made


def gradient():
    scores = np.tanh(X.astype("d") @ W)
    at = scores.argmax(1)
    return W.T[at] * (1 - scores[range(2), at][:, None] ** 2)


def test_every_family_has_files_of_its_own(zoo):
    known = zoo.family.families()
    names = [name for family in known.values() for name in family.names]
    assert len(names) == len(set(names)) > 400
    assert {family.kind for family in known.values()} <= set(zoo.family.KINDS)


def test_what_a_file_is_made_of_is_a_file_of_the_zoo(zoo):
    names = {name for family in zoo.family.families().values() for name in family.names}
    half, optimised, quantised = (
        importlib.import_module(f"families.{each}") for each in ("half", "optimised", "quantised")
    )
    of = [*half.BASES.values(), *quantised.BASES.values(), *optimised.PLAIN.values()]
    assert set(of) | {each for each, *_ in optimised.FUSED.values()} <= names


def test_what_is_kept_is_read_again(zoo, tmp_path):
    made = kept(zoo, tmp_path, gradient())
    again = zoo.kept.Made.read(tmp_path, made.name)
    assert again == made and zoo.kept.Made.read(tmp_path, "small/other") is None
    np.testing.assert_array_equal(again.truth(tmp_path).feeds["x"], X)


@pytest.mark.parametrize(("factor", "word"), [(1.0, "exact"), (1.001, "inexact"), (1.1, "wrong")])
def test_a_child_judges_a_file_by_its_truth(zoo, tmp_path, factor, word):
    kept(zoo, tmp_path, factor * gradient())
    task = zoo.workers.Task("check", tmp_path, sys.executable, zoo.workers.Limits(clock=60))
    (found,) = [each for each in task.done(["small/mine.ts"]) if "kind" in each]
    assert found["kind"] == word, found


def test_a_child_that_takes_too_long_is_ended(zoo, tmp_path):
    kept(zoo, tmp_path, gradient())
    task = zoo.workers.Task("check", tmp_path, sys.executable, zoo.workers.Limits(clock=-1.0))
    with pytest.raises(SystemExit, match="did not start"):
        list(task.done(["small/mine.ts"]))


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({}, "exact"),
        ({"gradient64": 1e-5}, "inexact"),
        ({"gradient64": 0.5}, "wrong"),
        ({"gradient": 1e-3}, "inexact"),
        ({"gradient": 1e-3, "ill": 1e-3}, "exact"),
        ({"gradient": 0.02}, "wrong"),
        ({"gradient": 0.02, "moves64": 0.015}, "exact"),
        ({"gradient": 0.02, "moves64": 1e-3}, "wrong"),
        ({"gradient": 0.02, "moves64": 0.015, "gradient64": 1e-5}, "wrong"),
        ({"alone": 0.5, "moves64": 0.5}, "exact"),
        ({"gradient64": 1e-5, "scores64": 1e-8, "slope64": 1e-9}, "exact"),
        ({"gradient64": 1e-5, "scores64": 1e-8, "slope64": 1e-5}, "inexact"),
        ({"gradient": 1e-3, "ill": 1e-3, "gradient64": 1e-5}, "inexact"),
        ({"deeplift": 1e-2, "deeplift_gap": 1e-4}, "inexact"),
        ({"deeplift": 1e-2, "deeplift_gap": 1e-7}, "exact"),
        ({"book": 1e-2}, "inexact"),
        ({"alone": 0.5}, "wrong"),
        ({"parity": None}, "inexact"),
        ({"shape": "(1,) instead of (2,)"}, "wrong"),
        ({"refused": {"deeplift": "UnsupportedModelError: no"}}, "refused"),
        ({"correlation": 0.5}, "inexact"),
        ({"shapley": 0.5}, "wrong"),
    ],
)
def test_verdicts(zoo, changed, word):
    assert zoo.verdict.verdict("float", RIGHT | changed)[0] == word


def beside_a_kink(distance):
    """What max(0, x0 - 1) + x1 and its exact gradient are, for rows that lie this far beyond the kink."""

    def explained(x):
        x = x.astype("d")
        gradient = np.stack([(x[:, 0] > 1).astype("d"), np.ones(len(x))], 1)
        return SimpleNamespace(prediction=np.maximum(x[:, :1] - 1, 0) + x[:, 1:], attribution=gradient)

    x = np.array([[1 + distance, 2.0]], "f")
    return explained, explained(x), x


@pytest.mark.parametrize(("distance", "moves"), [(1e-6, 1.0), (1e-3, 0.0)])
def test_a_gradient_moves_where_a_kink_is_within_the_rounding(zoo, distance, moves):
    assert zoo.near.moves(*beside_a_kink(distance), off=1e-5) == moves


def test_inputs_that_float32_can_tell_apart_are_not_tried(zoo):
    """The scores move by a thousand times the disturbance: the input may move by a thousandth of what they are off."""
    sizes = []

    def explained(x):
        sizes.append(float(np.abs(x / X - 1).max()))
        return SimpleNamespace(prediction=1 + 1e3 * (x.astype("d") / X - 1), attribution=np.ones_like(x))

    assert zoo.near.moves(explained, explained(X), X, off=1e-2) == 0.0
    assert max(sizes[2:]) < 1e-4


def off_in_single(monkeypatch, zoo, factor):
    """Let the gradient be off by a factor, in float32 alone."""
    right = zoo.checks.ox.explain

    def explain(model, x, method, target, **options):
        e = right(model, x, method, target, **options)
        return replace(e, attribution=factor * e.attribution) if model.precision == "float32" else e

    monkeypatch.setattr(zoo.checks.ox, "explain", explain)


def test_what_is_off_without_a_kink_stays_wrong(zoo, tmp_path, monkeypatch):
    made = kept(zoo, tmp_path, gradient())
    off_in_single(monkeypatch, zoo, 1.1)
    found = zoo.checks.Checks(made, tmp_path, lambda _: None).run("float")
    assert found["gradient64"] < 1e-12 and 0 < found["moves64"] < 1e-5
    assert zoo.verdict.verdict("float", found) == ("wrong", "gradient 1.0e-01 off in float32")


def test_a_gradient_that_is_the_slope_of_the_file_is_known_from_one_that_is_not(zoo, tmp_path):
    made = kept(zoo, tmp_path, gradient())
    model = zoo.checks.ox.load(made.path(tmp_path), precision="float64")
    target = np.tanh(X.astype("d") @ W).argmax(1)
    e = zoo.checks.ox.explain(model, X, "gradient", target.tolist())
    assert zoo.near.slope(model, e, "x", X, target) < 1e-7
    assert zoo.near.slope(model, replace(e, attribution=1.01 * e.attribution), "x", X, target) > 1e-3


def test_shapley_values_of_a_product_are_known(zoo):
    """f = x0 x1: against one row of zeros each of the two gets half."""
    found = zoo.table_truth.shapley(lambda x: x[:, :1] * x[:, 1:2], np.array([[2.0, 3.0, 7.0]]), np.zeros((1, 3)))
    np.testing.assert_allclose(found, [[[3.0, 3.0, 0.0]]])


def test_slopes_are_those_of_the_function(zoo):
    found = zoo.table_truth.slopes(np.sin, np.array([[0.3, 0.5]]))
    np.testing.assert_allclose(found[0], np.diag(np.cos([0.3, 0.5])), atol=1e-10)


def test_results_stay_and_are_counted_by_family(zoo, tmp_path):
    results = zoo.results.Results(tmp_path / "results.jsonl", "now")
    results.add({"name": "small/a", "kind": "exact", "reason": "", "state": "now"})
    results.add({"name": "small/b", "kind": "refused", "reason": "a | b", "state": "before"})
    again = zoo.results.Results(tmp_path / "results.jsonl", "now")
    assert again.known("small/a") and not again.known("small/b") and not again.known("small/c")
    table = zoo.table.table(zoo.family.families(), list(again.found.values()))
    assert "| small | float | 2 | 1 | 1 |" in table and "50.0 %" in table
    assert "| refused | small/b | a \\| b |" in zoo.table.reasons(list(again.found.values()))


def test_a_line_that_was_not_finished_spoils_none_but_itself(zoo, tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('\n{"name": "small/a", "kind": "exact"}\n{"name": "small/b", "ki')
    results = zoo.results.Results(path, "now")
    results.add({"name": "small/c", "kind": "exact"})
    assert set(results.found) == set(zoo.results.Results(path, "now").found) == {"small/a", "small/c"}


def test_a_report_keeps_what_was_not_measured_again(zoo, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo.report, "HERE", tmp_path)
    results = zoo.results.Results(tmp_path / "results.jsonl", "now")
    results.add({"name": "small/cnn.dynamo", "kind": "exact", "reason": "", "measured": {"gradient": 1.234e-7}})
    results.add({"name": "small/mlp.ts", "kind": "refused", "reason": "x" * 500})
    families = zoo.family.families()
    zoo.report.write(families, list(results.found.values()), tmp_path)
    first = (tmp_path / zoo.report.STORED).read_bytes()
    zoo.report.write(families, [], tmp_path)
    assert (tmp_path / zoo.report.STORED).read_bytes() == first
    lost = {"name": "small/mlp.ts", "kind": "not installed", "reason": "without torch", "day": "2000-01-01"}
    zoo.report.write(families, [lost, lost | {"name": "small/cnn.dynamo", "kind": "wrong"}], tmp_path)
    files = zoo.report.read(tmp_path)["files"]
    assert {name: each["kind"] for name, each in files.items()} == {
        "small/mlp.ts": "refused",
        "small/cnn.dynamo": "wrong",
    }
    assert "1 on 2000-01-01" in (tmp_path / "results.md").read_text()


def test_the_committed_results_are_of_known_files(zoo):
    found = zoo.report.read(TOOL)["files"]
    known = {name for family in zoo.family.families().values() for name in family.names}
    assert set(found) <= known and {each["kind"] for each in found.values()} <= set(zoo.verdict.VERDICTS)


def test_the_command_lists_its_files():
    done = subprocess.run(
        [sys.executable, TOOL, "--list", "--family", "small"], capture_output=True, text=True, check=True
    )
    assert "small/cnn.dynamo" in done.stdout.split()
    done = subprocess.run([sys.executable, TOOL, "--family", "none"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "no family none" in done.stderr
