"""Two checkouts of the package, run in turn: what is slower, what is faster, and whether the results are the same."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from alternating import HERE, Case, Took, took

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = HERE.parents[1]
SAME = 1e-6
"""Results may differ by this part of their largest value: that is rounding."""
LEAST = 0.02
"""A change of time or memory below this part is none, however small the spread is."""


class Change(NamedTuple):
    """How a figure of a case changed from one checkout to the other.

    ratio: median of the new checkout over that of the old one. spread: range of the rounds over their median, of the
    checkout where it is larger.
    """

    case: Case
    figure: str
    ratio: float
    spread: float

    @property
    def beyond(self) -> bool:
        """Whether the difference exceeds the spread of the rounds."""
        return abs(self.ratio - 1) > max(self.spread, LEAST)

    @property
    def worse(self) -> bool:
        """Whether the new checkout takes more, beyond the spread."""
        return self.beyond and self.ratio > 1


class Comparison(NamedTuple):
    """Two checkouts on some cases: the changes of their figures, and of the result by case, None where it has none."""

    changes: list[Change]
    results: dict[Case, float | None]
    failed: list[Case]

    @property
    def passed(self) -> bool:
        """Whether nothing takes more than before beyond the spread, no result is another, and every case ran."""
        other = [each for each in self.results.values() if each is not None and not each <= SAME]
        return not (other or self.failed or any(each.worse for each in self.changes))


@contextmanager
def checkout(base: str) -> Iterator[Path]:
    """Give the folder of a checkout: `base` itself where it is one, else a temporary worktree of that git revision."""
    tree = Path(base).resolve()
    if tree.is_dir():
        if not (tree / "onnxplain" / "__init__.py").is_file():
            sys.exit(f"--compare: {base} is a folder without the package onnxplain; expected a checkout of the project")
        yield tree
        return
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}")
    if commit.returncode:
        sys.exit(f"--compare: {base!r} is neither a folder nor a revision of {ROOT}")
    with TemporaryDirectory(prefix="onnxplain-base-") as folder:
        tree = Path(folder) / "base"
        added = _git("worktree", "add", "--quiet", "--detach", str(tree), commit.stdout.strip())
        if added.returncode:
            sys.exit(f"--compare: {base} cannot be checked out: {added.stderr.strip()}")
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def compare(cases: Sequence[Case], rounds: int, base: Path, folder: str, new: Path = ROOT) -> Comparison:
    """Run each case in the checkouts `new` and `base`, in turn in each round, in the same environment."""
    found = Comparison([], {}, [])
    for case in cases:
        done = _in_turn(case, rounds, (new, base), folder)
        if done is None:
            found.failed.append(case)
            continue
        after, before, found.results[case] = done
        found.changes.extend(
            Change(case, figure, *_ratio([each[figure] for each in after], [each[figure] for each in before]))
            for figure in after[0]
            if all(each[figure] > 0 for each in (*after, *before))
        )
        print(f"{case}: done", file=sys.stderr)
    return found


def _in_turn(
    case: Case, rounds: int, trees: tuple[Path, Path], folder: str
) -> tuple[list[Took], list[Took], float | None] | None:
    """Return what the rounds of the new and of the old checkout took, and how far their results lie apart."""
    taken: tuple[list[Took], list[Took]] = ([], [])
    with TemporaryDirectory() as kept:
        files = [Path(kept) / "new.npy", Path(kept) / "old.npy"]
        for each in range(rounds):
            for i in (0, 1) if each % 2 else (1, 0):  # what is first in a round may find the machine otherwise
                figures = took(case, folder, tree=trees[i], result=None if each else files[i])
                if figures is None:
                    return None
                taken[i].append(figures)
        apart = apart_by(*map(np.load, files)) if all(each.exists() for each in files) else None
    return (*taken, apart)


def apart_by(new: np.ndarray, old: np.ndarray) -> float:
    """Return the largest difference of two results over the largest value of the old one; inf for other shapes."""
    if new.shape != old.shape or not np.array_equal(np.isfinite(new), np.isfinite(old)):
        return float("inf")
    finite = np.isfinite(old)
    scale = float(np.abs(old[finite]).max(initial=0.0))
    largest = float(np.abs(new[finite].astype(np.float64) - old[finite]).max(initial=0.0))
    return largest / scale if scale else (float("inf") if largest else 0.0)


def _ratio(new: Sequence[float], old: Sequence[float]) -> tuple[float, float]:
    """Return the median of new over that of old, and the larger range of the rounds, as a part of their median."""
    return median(new) / median(old), max((max(each) - min(each)) / median(each) for each in (new, old))


def text(found: Comparison) -> str:
    """Return a comparison as a Markdown table, and below it a line on the results and on what failed."""
    lines = ["| case | figure | new over old | spread | beyond the spread |", "| --- | --- | --- | --- | --- |"]
    for each in found.changes:
        said = ("more" if each.worse else "less") if each.beyond else ""
        lines.append(f"| {each.case} | {each.figure} | {each.ratio:.3f} | {each.spread:.3f} | {said} |")
    known = {case: apart for case, apart in found.results.items() if apart is not None}
    largest = max(known.values(), default=0.0)
    lines += ["", f"results: {len(known)} compared, the largest difference over the largest value is {largest:.2g}"]
    lines += [f"another result: {case}, by {apart:.2g}" for case, apart in known.items() if not apart <= SAME]
    lines += [f"failed: {case}" for case in found.failed]
    return "\n".join(lines)


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
