"""tools/tables.py: what it does where a method has no measured facts yet, and where a page is stale."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from nets import ROOT


@pytest.fixture
def copy(tmp_path):
    """The tool beside pages and facts of its own."""
    (tmp_path / "tools" / "bench").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "docs/methods.md", "tools/tables.py", "tools/facts.json", "tools/bench/cpu.json"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def tables(folder, *arguments):
    command = [sys.executable, folder / "tools" / "tables.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def row(folder, method):
    lines = (folder / "docs" / "methods.md").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith(f"| `{method}` |"))


@pytest.mark.parametrize("fact", [None, {"problem": "it needs more classes"}])
def test_a_method_without_facts_has_empty_cells_and_the_command_that_measures_them(copy, fact):
    before, facts = row(copy, "gradient"), json.loads((copy / "tools" / "facts.json").read_text())
    del facts["deeplift"], facts["lime"]
    facts |= {"lime": fact} if fact else {}
    (copy / "tools" / "facts.json").write_text(json.dumps(facts))
    stale = tables(copy, "--check")
    assert stale.returncode == 1 and "its tables are stale" in stale.stderr
    written = tables(copy)
    assert written.returncode == 0, written.stderr
    assert "python tools/facts.py deeplift lime" in written.stderr
    for method in ("deeplift", "lime"):
        assert row(copy, method).endswith("| yes |  |  |")
    assert row(copy, "gradient") == before
    fresh = tables(copy, "--check")
    assert fresh.returncode == 0 and "python tools/facts.py deeplift lime" in fresh.stderr


def test_a_stale_table_fails_the_check_and_is_written_anew(copy):
    page = copy / "docs" / "methods.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("| 1 W | 0.08 |", "| 1 W | 0.80 |"), encoding="utf-8")
    assert tables(copy, "--check").returncode == 1
    assert tables(copy).stderr == ""
    assert page.read_text(encoding="utf-8") == text
    assert tables(copy, "--check").returncode == 0
