"""Run contenders, each in a process of its own and in turn, so that what else the machine does strikes all alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).resolve().parent

Took = dict[str, float]
"""The time and memory that a contender took, by the names in contenders.py."""


class Case(NamedTuple):
    """What is run: a contender on a network, a name of zoo.py or the path of an ONNX file, with so many rows."""

    contender: str
    network: str
    batch: int = 1

    def __str__(self) -> str:
        return f"{Path(self.network).stem}, batch {self.batch}: {self.contender}"


def took(case: Case, folder: str, *, tree: Path | None = None, result: Path | None = None) -> Took | None:
    """Run a case in a process of its own; return the time and memory it took, or None, with a word, where it fails.

    folder: where the files of the networks are. tree: the checkout whose package explains; by default the one that
    Python finds. result: a file for what the contender computed.
    """
    arguments = [case.contender, case.network, folder, str(case.batch), *([str(result)] if result else [])]
    settings = os.environ | ({"PYTHONPATH": str(tree), "BENCH_TREE": str(tree)} if tree else {})
    settings.pop("PYTHONDONTWRITEBYTECODE", None)  # each process would compile the package anew, which no user's does
    command = [sys.executable, str(HERE / "contenders.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    if done.returncode:
        print(f"{case} failed: {(done.stderr.strip() or '?').splitlines()[-1]}", file=sys.stderr)
        return None
    return dict(json.loads(done.stdout.splitlines()[-1]))


def alternate(cases: Sequence[Case], rounds: int, folder: str) -> dict[Case, Took]:
    """Run every case once a round; return the medians of those that did not fail."""
    results: dict[Case, list[Took]] = {case: [] for case in cases}
    for _ in range(rounds):
        for case in list(results):
            found = took(case, folder)
            if found is None:
                del results[case]
            else:
                results[case].append(found)
    return {case: typical(found) for case, found in results.items()}


def typical(found: Sequence[Mapping[str, float]]) -> Took:
    """Return the median of each figure over the rounds."""
    return {what: median(each[what] for each in found) for what in found[0]}
