"""Plant faults, one at a time, in a copy of the tree, and see whether the tests find them.

    python tools/mutate [ROOM ...] [--jobs N] [--only NAME ...] [--seconds S]

The faults are data: a list for each room of the package in tools/mutate/faults. The tests of a room first have to pass
on an untouched copy. Each fault is then planted in a copy, its tests run until the first one fails, and the copy is
mended. Tests that take too long have found the fault. Prints a line for each fault, the survivors with their text, and
a table; exits with 1 where less than 95 % of the faults are found, or where a fault does not fit the tree any more.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import Queue
from time import monotonic
from typing import TYPE_CHECKING

from fault import Fault, read, rooms, stale
from report import line, share, survivor, table
from trial import Trial, copy_tree, try_fault, untouched

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).resolve().parent
ENOUGH = 0.95
"""The share of the faults that has to be found."""


class Copies:
    """Copies of the tree that several threads take turns in."""

    def __init__(self, tree: Path, folder: Path, number: int) -> None:
        self._free: Queue[Path] = Queue()
        for i in range(number):
            self._free.put(copy_tree(tree, folder / str(i) / tree.name))

    def untouched(self, faults: Sequence[Fault]) -> str | None:
        """See `trial.untouched`."""
        copy = self._free.get()
        try:
            return untouched(faults, copy)
        finally:
            self._free.put(copy)

    def try_fault(self, fault: Fault, seconds: float) -> Trial:
        """See `trial.try_fault`."""
        copy = self._free.get()
        try:
            return try_fault(fault, copy, seconds)
        finally:
            self._free.put(copy)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help="lists of faults; default: all")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="trials at once (2)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only the faults of these names")
    parser.add_argument("--seconds", type=float, default=120.0, metavar="S", help="longest trial (120)")
    parser.add_argument("--tree", type=Path, default=HERE.parents[1], help="the tree that is copied; default: this one")
    parser.add_argument("--faults", type=Path, default=HERE / "faults", help="folder of the lists of faults")
    return parser.parse_args()


def chosen(given: argparse.Namespace) -> list[Fault]:
    """Return the faults that were asked for. Exits where there are none, or where one does not fit the tree."""
    known = rooms(given.faults)
    unknown = [room for room in given.rooms if room not in known]
    if unknown:
        sys.exit(f"no faults for {', '.join(unknown)}; known: {', '.join(known)}")
    faults = [fault for room in given.rooms or known for fault in read(given.faults, room)]
    faults = [fault for fault in faults if not given.only or fault.name in given.only]
    if not faults:
        sys.exit("no such fault")
    if problems := stale(faults, given.tree):
        sys.exit("faults that do not fit the tree:\n" + "\n".join(problems))
    return faults


def by_room(faults: Sequence[Fault]) -> list[list[Fault]]:
    """Return the faults of each room."""
    return [[fault for fault in faults if fault.room == room] for room in dict.fromkeys(each.room for each in faults)]


def run(faults: Sequence[Fault], copies: Copies, pool: ThreadPoolExecutor, seconds: float) -> list[Trial]:
    """Try every fault and print what becomes of it. Exits where the tests fail on an untouched copy."""
    said = [each for each in pool.map(copies.untouched, by_room(faults)) if each]
    if said:
        sys.exit("the tests fail though nothing is planted:\n" + "\n".join(said))
    trials = []
    for done in as_completed(pool.submit(copies.try_fault, fault, seconds) for fault in faults):
        trials.append(done.result())
        print(line(trials[-1]), flush=True)
    return trials


def main() -> None:
    """Try the faults and report."""
    start, given = monotonic(), options()
    faults = chosen(given)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(given.jobs) as pool:
        trials = run(faults, Copies(given.tree.resolve(), Path(folder), given.jobs), pool, given.seconds)
    survivors = [trial for trial in trials if not trial.found]
    if survivors:
        print("\nSurvivors:\n\n" + "\n\n".join(map(survivor, survivors)))
    print(f"\n{table(trials)}\n{monotonic() - start:.0f} s in all")
    sys.exit(0 if share(trials) >= ENOUGH else 1)


if __name__ == "__main__":
    main()
