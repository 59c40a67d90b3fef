"""tools/bench: two checkouts compared, with packages made up for it, and the options."""

import importlib
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
