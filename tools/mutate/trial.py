"""Trials: a copy of the tree, a fault planted in it, and the tests that have to find the fault."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fault import Fault

IGNORED = shutil.ignore_patterns(".git", ".venv", "build", "dist", "__pycache__", "*.pyc", ".*_cache", ".hypothesis")
UNTOUCHED_SECONDS = 1200.0
"""How long the tests of a whole room may take on an untouched copy."""


class Trial(NamedTuple):
    """Whether the tests found a fault, and the seconds that they took."""

    fault: Fault
    found: bool
    seconds: float


def copy_tree(tree: Path, to: Path) -> Path:
    """Copy the tree, without its history and caches, and return the copy."""
    return Path(shutil.copytree(tree, to, ignore=IGNORED))


@contextlib.contextmanager
def planted(fault: Fault, copy: Path) -> Iterator[None]:
    """Plant a fault in a copy of the tree for as long as the context lasts."""
    file = copy / fault.file
    source = file.read_text(encoding="utf-8")
    try:
        _write(file, fault.planted(source))
        yield
    finally:
        _write(file, source)


def _write(file: Path, source: str) -> None:
    """Write a module and forget its bytecode, which counts as fresh where size and second of the change are equal."""
    file.write_text(source, encoding="utf-8")
    Path(cache_from_source(str(file))).unlink(missing_ok=True)


def try_fault(fault: Fault, copy: Path, seconds: float) -> Trial:
    """Run the tests of one fault, planted in `copy`. Tests that take more than `seconds` have found it."""
    start = monotonic()
    with planted(fault, copy):
        passed, _ = run_tests(copy, fault.tests, seconds)
    return Trial(fault, not passed, monotonic() - start)


def untouched(faults: Iterable[Fault], copy: Path) -> str | None:
    """Return what the tests of these faults say where they fail though nothing is planted; None where they pass."""
    named = {test for fault in faults for test in fault.tests}
    outermost = sorted(test for test in named if not any(_holds(other, test) for other in named))
    passed, said = run_tests(copy, outermost, UNTOUCHED_SECONDS)
    return None if passed else said


def _holds(other: str, test: str) -> bool:
    """Whether `other` is a folder or file that `test` lies in."""
    return test.startswith((f"{other}/", f"{other}::"))


def run_tests(copy: Path, tests: Iterable[str], seconds: float) -> tuple[bool, str]:
    """Run the tests in `copy`, with the package that lies there; return whether they passed, and what they said."""
    every = ["--all"] if (copy / "conftest.py").exists() else []  # slow tests find faults, too
    command = [sys.executable, "-m", "pytest", "-x", "-q", *every, "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(copy)}
    with subprocess.Popen(
        command,
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with the processes that tests have started
            return False, f"the tests took more than {seconds:g} seconds"
    return process.returncode == 0, said
