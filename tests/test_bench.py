"""tools/bench: two checkouts compared, with packages made up for it; ratios and their bounds; the options."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
from nets import ROOT

TOOL = ROOT / "tools" / "bench"
PACKAGE = """
class Explainer:
    def __init__(self, model, method):
        self.method = method

    def __call__(self, x, target):
        if self.method == "refused":
            raise ValueError("no such method")
        self.attribution = x * (FACTOR if self.method == "changed" else 1)
        return self

def load(path, engine):
    return path
"""
MODEL = str(ROOT / "models" / "digits_cnn_torch.onnx")


@pytest.fixture
def tool(monkeypatch):
    """A module of the tool by its name; its names are short, and so they are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(TOOL))
    monkeypatch.setenv("BENCH_SECONDS", "0")
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(TOOL) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def tree(folder, factor):
    (folder / "onnxplain").mkdir(parents=True)
    (folder / "onnxplain" / "__init__.py").write_text(PACKAGE.replace("FACTOR", factor))
    return folder


def test_two_checkouts_are_run_in_turn_and_their_results_compared(tool, tmp_path, capsys):
    """Each runs its own package: one method gives another result, and one fails."""
    checkouts, case = tool("checkouts"), tool("alternating").Case
    cases = [case(f"ours:numpy:{method}", MODEL) for method in ("same", "changed", "refused")]
    new, old = tree(tmp_path / "new", "1.001"), tree(tmp_path / "old", "1")
    found = checkouts.compare(cases, 1, old, str(tmp_path), new=new)
    assert found.results[cases[0]] == 0.0
    assert found.results[cases[1]] == pytest.approx(0.001, rel=1e-3)
    assert found.failed == [cases[2]] and not found.passed
    assert {each.figure for each in found.changes} >= {"seconds"}
    assert "no such method" in capsys.readouterr().err
    said = checkouts.text(found)
    assert f"another result: {cases[1]}, by 0.001" in said and f"failed: {cases[2]}" in said


def test_a_package_of_another_checkout_is_not_measured_for_it(tmp_path):
    there, asked = tree(tmp_path / "there", "1"), tree(tmp_path / "asked", "1")
    command = [sys.executable, TOOL / "contenders.py", "ours:numpy:same", MODEL, tmp_path, "1"]
    settings = os.environ | {"PYTHONPATH": str(there), "BENCH_TREE": str(asked)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    assert done.returncode == 1
    assert f"expected onnxplain of {asked}" in done.stderr


@pytest.mark.parametrize(
    ("new", "old", "said"),
    [
        ((1.3, 1.31, 1.32), (1.0, 1.01, 1.02), "more"),
        ((1.0, 1.01, 1.02), (1.3, 1.31, 1.32), "less"),
        ((1.1, 1.2, 1.6), (1.0, 1.01, 1.02), ""),  # the spread of the new rounds is larger than the difference
        ((1.1, 1.11, 1.12), (0.8, 1.01, 1.5), ""),
        ((1.01, 1.01, 1.01), (1.0, 1.0, 1.0), ""),  # no spread, and next to no difference
    ],
)
def test_a_difference_counts_where_it_exceeds_the_spread_of_the_rounds(tool, monkeypatch, tmp_path, new, old, said):
    checkouts, case = tool("checkouts"), tool("alternating").Case("ours:numpy:same", MODEL)
    rounds = {ROOT: iter(new), tmp_path: iter(old)}
    monkeypatch.setattr(checkouts, "took", lambda *_, tree, **__: {"seconds": next(rounds[tree])})
    found = checkouts.compare([case], 3, tmp_path, str(tmp_path))
    (change,) = found.changes
    assert change.ratio == pytest.approx(new[1] / old[1])
    assert checkouts.text(found).splitlines()[2].endswith(f"| {said} |")
    assert found.passed == (said != "more")


@pytest.mark.parametrize(
    ("new", "old", "apart"),
    [
        ([1.0, -4.0], [1.0, -4.0], 0.0),
        ([1.0, -4.2], [1.0, -4.0], 0.05),
        ([0.0], [0.0], 0.0),
        ([0.1], [0.0], np.inf),
        ([np.nan, 1.0], [np.nan, 1.0], 0.0),
        ([np.nan], [1.0], np.inf),
        ([1.0, 2.0], [1.0], np.inf),
    ],
)
def test_results_lie_apart_by_their_largest_difference_over_their_largest_value(tool, new, old, apart):
    assert tool("checkouts").apart_by(np.array(new), np.array(old)) == pytest.approx(apart)


def test_a_folder_is_compared_as_it_is_and_a_revision_in_a_worktree_that_goes(tool, tmp_path):
    checkouts = tool("checkouts")
    with checkouts.checkout(str(tree(tmp_path, "1"))) as found:
        assert found == tmp_path
    if checkouts._git("rev-parse", "HEAD").returncode:
        pytest.skip("this checkout has no history")
    with checkouts.checkout("HEAD") as found:
        assert (found / "onnxplain" / "api.py").is_file() and found != ROOT
    assert not found.exists()
    assert str(found) not in checkouts._git("worktree", "list").stdout


@pytest.mark.parametrize("base", ["no-such-revision", "--help", "tests"])
def test_what_is_no_checkout_is_refused(tool, base, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit, match=base), tool("checkouts").checkout(base):
        pass


def test_a_ratio_above_its_bound_is_said_and_what_was_not_measured_is_left_out(tool):
    parts, case = tool("parts"), tool("alternating").Case
    fast, slow, plain = (case(name, "resnet18") for name in ("ours:onnxruntime:fast", "ours:onnxruntime:slow", "plain"))
    lines = [
        parts.Line(fast, plain, "seconds", 4.0),
        parts.Line(slow, plain, "seconds", 4.0),
        parts.Line(slow, None, "seconds", 0.1),
        parts.Line(slow, plain, "seconds", None),
        parts.Line(slow, case("captum:occlusion", "resnet18"), "seconds", 0.5),
        parts.Line(fast, plain, "seconds", 4.0, 3.5),
    ]
    found = parts.values(lines, {fast: {"seconds": 0.3}, slow: {"seconds": 0.5}, plain: {"seconds": 0.1}})
    assert [line for line, _ in found] == [*lines[:4], lines[5]]
    assert [value for _, value in found] == pytest.approx([3.0, 5.0, 0.5, 5.0, 3.0])
    assert parts.late(found) == [
        "resnet18, batch 1: ours:onnxruntime:slow, seconds over plain: 5, bound 4.0",
        "resnet18, batch 1: ours:onnxruntime:slow, seconds: 0.5, bound 0.1",
        "resnet18, batch 1: ours:onnxruntime:fast, seconds over plain: 3, bounds 3.5 to 4.0",
    ]
    assert "| plain | seconds | 5 | 4.0 |" in parts.text(found)


def test_the_contenders_of_a_missing_library_are_left_out_and_it_is_named(tool, monkeypatch):
    parts = tool("parts")
    monkeypatch.setattr(parts, "find_spec", lambda name: None if name == "lime" else name)
    cases, missing = parts.cases_of([line for lines in parts.PARTS.values() for line in lines])
    assert missing == ["lime"]
    assert len(set(cases)) == len(cases)
    names = {case.contender for case in cases}
    assert "lime" not in names and {"shap", "plain", "load", "captum:lime", "pytorch-grad-cam"} <= names


def test_each_line_and_bound_is_of_a_network_and_a_method_that_are_there(tool):
    from onnxplain.method.registry import METHODS

    parts, bounds, zoo = tool("parts"), tool("bounds"), tool("zoo")
    for line in (line for lines in parts.PARTS.values() for line in lines):
        for case in filter(None, (line.own, line.other)):
            assert case.network in (*zoo.NETWORKS, parts.DIGITS) or case.network.startswith(zoo.CHAIN)
            kind, _, what = case.contender.partition(":")
            assert kind not in ("ours", "command") or what.split(":")[-1] in METHODS
    for network, method in (*bounds.OVER_FORWARD, *bounds.OVER_PEER, *bounds.PEAK):
        assert network in zoo.NETWORKS and method in bounds.methods_of(network)


def test_a_chain_has_as_many_nodes_as_its_name_says(tool, tmp_path):
    import onnxplain as ox

    tool("zoo").export("chain-30", str(tmp_path))
    model = ox.load(tmp_path / "chain-30.onnx")
    assert len(model.proto.graph.node) == 30
    assert np.isfinite(ox.explain(model, np.ones((1, 4), "f"), "gradient").attribution).all()


@pytest.fixture
def bench(tool, monkeypatch):
    """The tool's own module, which is called __main__ when it runs."""
    spec = importlib.util.spec_from_file_location("bench_main", TOOL / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    tool("alternating")
    spec.loader.exec_module(module)
    return module


def test_what_is_measured_is_what_the_options_ask_for(bench, tmp_path):
    every = bench.options(["--out", str(tmp_path)])
    assert every.rounds == 3 and every.batches == [1, 8] and set(every.only) == {"methods", *bench.PARTS}
    compared = bench.options(["--compare", "main", "--networks", MODEL])
    assert compared.rounds == 5 and compared.only == ["methods"] and compared.networks == [MODEL]
    some = bench.options(["--only", "repeated", "overhead", "--networks", "resnet18", "--out", str(tmp_path)])
    assert {line.own.network for line in bench.lines_of(some)} == {"resnet18", bench.parts.DIGITS}
    with pytest.raises(SystemExit):
        bench.options(["--networks", "no_such_network"])
