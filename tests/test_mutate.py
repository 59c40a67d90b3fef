"""tools/mutate: on a package made up for it, and the lists of faults in this one."""

import subprocess
import sys
from collections import Counter

import pytest
from nets import ROOT

TOOL = ROOT / "tools" / "mutate"
TINY = """
def larger(a, b):
    return a if a > b else b


def smaller(a, b):
    return a if a < b else b
"""
TESTS = """
from tiny import larger, smaller


def test_larger():
    assert larger(1, 2) == 2


def test_smaller():
    assert smaller(1, 1) == 1
"""
FOUND = """
[the-smaller-one]
file = "tiny.py"
text = "a if a > b else b"
instead = "a if a < b else b"
wrong = "Larger gives the smaller one."
"""
SURVIVING = """
[never-the-first]
file = "tiny.py"
text = "a if a < b else b"
instead = "b"
wrong = "Smaller gives the second one."
tests = ["tests/tiny/test_tiny.py::test_smaller"]
"""
ENDLESS = """
[endless]
file = "tiny.py"
text = "return a if a > b else b"
instead = "while True: pass"
wrong = "It never answers."
"""


@pytest.fixture
def mutate(tmp_path):
    """A call of the tool on the tiny package with these lists of faults; its exit code and what it prints."""
    tree, faults = tmp_path / "tree", tmp_path / "faults"
    (tree / "tests" / "tiny").mkdir(parents=True)
    faults.mkdir()
    (tree / "tiny.py").write_text(TINY)
    (tree / "tests" / "tiny" / "test_tiny.py").write_text(TESTS)

    def call(*given, **lists):
        for name, text in lists.items():
            (faults / f"{name}.toml").write_text(text)
        command = [sys.executable, TOOL, "--tree", tree, "--faults", faults, *given]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (tree / "tiny.py").read_text() == TINY, "the tree itself is never touched"
        return done.returncode, done.stdout + done.stderr

    return call


def test_a_found_fault_is_told_from_one_that_survives(mutate):
    code, said = mutate(tiny=FOUND + SURVIVING)
    assert code == 1
    lines = [line.split() for line in said.splitlines() if line]
    assert sorted((line[0], line[-1]) for line in lines if line[2:3] == ["s"]) == [
        ("SURVIVED", "never-the-first"),
        ("found", "the-smaller-one"),
    ]
    assert ["tiny", "2", "1", "50.0%"] in [line[:4] for line in lines]
    assert "Smaller gives the second one." in said and "- a if a < b else b\n  + b\n" in said


def test_faults_are_chosen_by_room_and_by_name(mutate):
    assert mutate("tiny", tiny=FOUND, other=SURVIVING)[0] == 0
    assert mutate("--only", "the-smaller-one")[0] == 0
    code, said = mutate("nowhere")
    assert code == 1 and "no faults for nowhere; known: other, tiny" in said


def test_tests_that_do_not_end_have_found_the_fault(mutate):
    code, said = mutate("--seconds", "10", tiny=ENDLESS)
    assert code == 0 and "1        1   100.0%" in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("a > b else b", "a >= b else b"), "its text stands 0 times in tiny.py, not once:\na if a >= b else b"),
        (('text = "a if a > b else b"', 'text = "a if a"'), "its text stands 2 times in tiny.py"),
        (("a < b", "a > b"), "it changes nothing"),
        (("tiny.py", "gone.py"), "there is no file gone.py"),
        (("a < b else b", "a <"), "what it leaves is no Python"),
        (("instead", 'tests = ["tests/gone"]\ninstead'), "there are no tests tests/gone"),
        (("instead", 'tests = ["tiny.py"]\ninstead'), "there are no tests tiny.py"),
        (("instead", 'tests = ["tests/tiny/test_tiny.py::test_equal"]\ninstead'), "there are no tests"),
    ],
)
def test_a_fault_that_does_not_fit_the_tree_is_named(mutate, change, says):
    code, said = mutate(tiny=FOUND.replace(*change))
    assert code == 1 and f"tiny: the-smaller-one: {says}" in said


def test_tests_that_fail_without_a_fault_are_said(mutate, tmp_path):
    (tmp_path / "tree" / "tests" / "tiny" / "test_more.py").write_text("def test_more():\n    assert not 'planted'\n")
    code, said = mutate(tiny=FOUND)
    assert code == 1 and "the tests fail though nothing is planted" in said and "assert not 'planted'" in said


def test_the_faults_of_this_package_fit_it(monkeypatch):
    monkeypatch.syspath_prepend(TOOL)
    from fault import read, rooms, stale

    faults = [fault for room in rooms(TOOL / "faults") for fault in read(TOOL / "faults", room)]
    assert stale(faults, ROOT) == []
    assert max(Counter((fault.file, fault.text, fault.instead) for fault in faults).values()) == 1
