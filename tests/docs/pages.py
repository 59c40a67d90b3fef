"""The pages of `docs/`, and how their examples run: in order, in a folder of their own beside the bundled models."""

from __future__ import annotations

import doctest
import re
import shutil
import subprocess
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from docs.servers import SERVES, SHELL, Servers, environment
from nets import ROOT

if TYPE_CHECKING:
    import pytest

PAGES = sorted(page.name for page in (ROOT / "docs").glob("*.md"))
FENCE = re.compile(
    r"(?:<!-- needs: (?P<needs>[\w ]+) -->\n)?```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
INSTALLS = re.compile(r"\bpip install\b|\bmkdocs\b|\bgit clone\b")
"""What only a machine with nothing on it can try: `.ci/run` does."""
ELSEWHERE = re.compile(r"^(?:docker|kubectl|sudo|serve run) ", re.MULTILINE)
"""What needs a container, a cluster or a server of its own."""


@dataclass(frozen=True)
class Example:
    """One block of a page. needs: the libraries, beside those of the tests, that it is written with."""

    line: int
    language: str
    text: str
    needs: tuple[str, ...]

    @property
    def missing(self) -> list[str]:
        return [each for each in self.needs if find_spec(each) is None and shutil.which(each) is None]


def examples(page: str) -> list[Example]:
    """Return the blocks of a page that can be run, in order."""
    text = (ROOT / "docs" / page).read_text()
    return [
        Example(text[: m.start("text")].count("\n") + 1, m["language"], m["text"], tuple((m["needs"] or "").split()))
        for m in FENCE.finditer(text)
        if m["language"] in ("python", "bash")
    ]


def run_page(page: str, names: dict[str, Any]) -> None:
    """Run the blocks of a page in order, beside the services that it begins."""
    with Servers() as servers:
        for example in examples(page):
            if example.missing:
                continue
            if example.language == "bash" and SERVES.search(example.text):
                servers.begin(example)
            else:
                run(servers.own(example), page, names)


def run(example: Example, page: str, names: dict[str, Any]) -> None:
    """Run one block: a session of Python with its answers, a script of Python, or a script of the shell."""
    if example.language == "bash":
        run_in_shell(example.text)
    elif ">>> " in example.text:
        parsed = doctest.DocTestParser().get_doctest(example.text, names, page, f"docs/{page}", example.line)
        report: list[str] = []
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        with warnings.catch_warnings():
            if example.needs:  # what other libraries warn of is their own affair
                warnings.simplefilter("ignore")
            found = runner.run(parsed, out=report.append, clear_globs=False)
        names |= parsed.globs
        assert not found.failed, "".join(report)
    else:
        exec(compile(example.text, f"docs/{page}:{example.line}", "exec"), names)  # noqa: S102


def run_in_shell(text: str) -> None:
    """Run the lines of a block in one shell, in which the command `onnxplain` is the one of this Python."""
    if INSTALLS.search(text) or ELSEWHERE.search(text):
        return
    done = subprocess.run(["bash", "-c", SHELL + text], capture_output=True, text=True, check=False, env=environment())  # noqa: S607
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


def folder(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go to an empty folder that has the bundled models beside it, as a clone has."""
    (tmp_path / "models").symlink_to(ROOT / "models")
    monkeypatch.chdir(tmp_path)
