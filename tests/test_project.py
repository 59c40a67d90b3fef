"""What pyproject.toml, the changelog and the lowest versions say of one another, and how large a clone is."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
import zlib

import pytest
from nets import ROOT

import onnxplain
from onnxplain.graph.runtime import LOWEST

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
GIT = shutil.which("git")


def requirements():
    """Name -> lowest version, of the dependencies and of all extras that run on a CPU."""
    extras = PROJECT["optional-dependencies"]
    stated = {}
    for each in [
        *PROJECT["dependencies"],
        *(each for name in ("cpu", "lime", "plot", "serve", "sign") for each in extras[name]),
    ]:
        name, _, version = each.partition(">=")
        stated[name.partition("[")[0]] = version
    return stated


def test_the_lowest_versions_are_the_ones_that_are_tested():
    lines = (ROOT / "tools" / "lowest.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert requirements().items() <= pinned.items()
    assert f"{pinned['onnxruntime']}.".startswith(f"{LOWEST}."), "what is checked at load is what is stated"


def test_the_version_is_written_once():
    assert "version" not in PROJECT and PROJECT["dynamic"] == ["version"]
    pattern = re.compile(rf"\b{re.escape(onnxplain.__version__)}\b")
    sources = [ROOT / "pyproject.toml", ROOT / "CITATION.cff", *(ROOT / "onnxplain").rglob("*.py")]
    found = [path for path in sources if pattern.search(path.read_text())]
    assert found == [ROOT / "onnxplain" / "__init__.py"]


def test_the_changelog_has_the_version_and_what_is_not_released_yet():
    headings = re.findall(r"^## \[(.+?)\](?: - (.+))?$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    version, day = headings[1]
    assert version == onnxplain.__version__ and re.fullmatch(r"\d{4}-\d\d-\d\d", day)


def test_all_addresses_are_of_one_project():
    home = PROJECT["urls"]["Homepage"]
    assert set(PROJECT["urls"]) == {"Homepage", "Source", "Issues", "Changelog"}
    assert all(url.startswith(home) for url in PROJECT["urls"].values())
    for name in ("CITATION.cff", "CHANGELOG.md"):
        addresses = re.findall(r"https://github\.com/\S+", (ROOT / name).read_text())
        assert addresses and all(each.strip('"').startswith(home) for each in addresses)


def tracked():
    """The paths of all files that git tracks, from the top of the project."""
    listed = subprocess.run([GIT, "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name]


needs_git = pytest.mark.skipif(
    not (GIT and (ROOT / ".git").exists()), reason="git is absent or does not know these files"
)


@needs_git
def test_nothing_lies_at_the_top_that_no_one_meant_to_add():
    folders = {".ci", "docs", "kernels", "models", "onnxplain", "tests", "tools"}
    files = {"CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "README.md", "conftest.py", "mkdocs.yml"}
    files |= {".dockerignore", ".gitignore", "pyproject.toml"}
    assert {name.partition("/")[0] for name in tracked()} == folders | files


@needs_git
def test_a_clone_stays_small():
    """What a clone of the newest commit transfers: each file by itself, packed by zlib as git packs it."""
    files = [path for name in tracked() if (path := ROOT / name).is_file()]
    sizes = {str(path.relative_to(ROOT)): len(zlib.compress(path.read_bytes())) for path in files}
    largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:10]
    assert sum(sizes.values()) <= 3 * 2**20, f"the largest files: {', '.join(largest)}"
