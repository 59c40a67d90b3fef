"""Build classifiers by family, export them, and see whether what is explained is what is true of them.

    python tools/zoo [--family NAME ...] [--only NAME ...] [--jobs J] [--out FOLDER] [--again] [--remake]

Files are made once, by the framework of their family, and kept in the folder with what the framework says of them:
scores and gradients by its own autograd, in double precision. Then each is loaded and explained from the file alone.
A family whose libraries are missing is listed as such; --python keras=/other/bin/python makes one in another
environment. What has a result for the installed versions and the sources as they are is not checked again.

Prints a table by family and the reason for each file that is not exact; --report writes them to results.md and
results.json.gz beside this file, where files that are not asked for keep the results that they had. Exits with 1 where
a file is wrong, with --strict where any is not exact.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parents[1] / "common"))  # what several tools share

from family import Family, families
from kept import Made
from report import write
from results import Results, state
from table import reasons, table
from tqdm import tqdm
from workers import Limits, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

PORTION = 8
"""How many files a child takes; its libraries are imported once for them."""


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add, limits = parser.add_argument, Limits()
    add("--family", nargs="+", action="extend", default=[], metavar="NAME", help="only these families")
    add(
        "--only",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="only files whose names contain one of these",
    )
    add("--jobs", type=int, default=1, metavar="J", help="children at once (1)")
    add("--out", type=Path, default=Path("zoo-files"), metavar="FOLDER", help="where the files are kept (zoo-files)")
    add("--again", action="store_true", help="check again what has a result")
    add(
        "--faults",
        action="store_true",
        help="check again what was refused, inexact, wrong or too slow, and nothing else",
    )
    add("--remake", action="store_true", help="make the files again")
    add("--python", nargs="+", default=[], metavar="FAMILY=PATH", help="interpreters that make the files of a family")
    add("--clock", type=float, default=limits.clock, metavar="S", help=f"seconds for a file ({limits.clock:g})")
    add("--memory", type=int, default=limits.memory, metavar="MB", help=f"memory of a child ({limits.memory})")
    add("--report", action="store_true", help="write results.md and results.json.gz")
    add("--strict", action="store_true", help="exit with 1 where any file is not exact, but for missing libraries")
    add("--known", action="store_true", help="make and check nothing, and report what is known")
    add("--list", action="store_true", help="print the names, and stop")
    return parser.parse_args()


@dataclass
class Run:
    """One run of the tool: what it is asked for, what it has found, and what is still to be made again."""

    given: argparse.Namespace
    results: Results
    known: dict[str, Family]
    stop: Event = field(default_factory=Event)
    remade: set[str] = field(default_factory=set)

    def names(self) -> list[str]:
        """Return the names of the files that are asked for."""
        chosen = self.given.family or list(self.known)
        if unknown := set(chosen) - set(self.known):
            raise SystemExit(f"no family {', '.join(sorted(unknown))}; there are {', '.join(self.known)}")
        names = [name for each in chosen for name in self.known[each].names]
        only = self.given.only
        return [name for name in names if not only or any(each in name for each in only)]

    def task(self, what: str, family: str) -> Task:
        """Return what the children of a family are told."""
        pythons = dict(each.split("=", 1) for each in self.given.python)
        python = pythons.get(family, sys.executable) if what == "make" else sys.executable
        return Task(what, self.given.out, python, Limits(self.given.clock, self.given.memory))

    def go(self, names: Sequence[str]) -> None:
        """Make what has not been made, and check what has no result, a portion at a time; those made of others last."""
        for after in (False, True):
            part = [name for name in names if self.known[name.split("/")[0]].after is after]
            left = [name for name in part if self._unmade(name) or self._unchecked(name)]
            portions = []
            for family in dict.fromkeys(name.split("/")[0] for name in left):
                own = [name for name in left if name.split("/")[0] == family]
                portions += [own[i : i + PORTION] for i in range(0, len(own), PORTION)]
            with tqdm(total=len(left), unit="file", disable=None) as bar, ThreadPoolExecutor(self.given.jobs) as pool:
                waiting = [pool.submit(self._portion, portion, bar) for portion in portions]
                try:
                    for each in waiting:
                        each.result()
                except BaseException:
                    self.stop.set()
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise

    def _unmade(self, name: str) -> bool:
        if name in self.remade:
            return True
        made = Made.read(self.given.out, name)
        return made is None or (not made.problem and not made.path(self.given.out).exists())

    def _unchecked(self, name: str) -> bool:
        made = Made.read(self.given.out, name)
        if made is None:
            return False
        if made.problem:
            self.results.add({"name": name, "kind": "not exported", "reason": made.problem})
            return False
        if self.given.faults:
            return self.results.found.get(name, {}).get("kind") != "exact"
        return self.given.again or not self.results.known(name)

    def _portion(self, names: Sequence[str], bar: Any) -> None:
        """Make and check files of one family."""
        for what, wanted in (("make", self._unmade), ("check", self._unchecked)):
            if chosen := [name for name in names if not self.stop.is_set() and wanted(name)]:
                self._done(what, chosen, bar)
        bar.update(len(names))

    def _done(self, what: str, names: Sequence[str], bar: Any) -> None:
        done = self.task(what, names[0].split("/")[0]).done(names)
        for each in done:
            if what == "check":
                each["state"] = self.results.state
            elif each["kind"] in ("timeout", "wrong"):  # it is the framework that took too long, or died
                if each["kind"] == "wrong":  # which it would do again
                    Made(each["name"], problem=each["reason"]).write(self.given.out)
                each["kind"] = "not exported"
            if each["kind"] != "made":
                self.results.add(each)
            self.remade.discard(each["name"])
            bar.set_postfix_str(f"{what} {each['name']}")
            if self.stop.is_set():
                done.close()
                return


def main() -> None:
    """Make, check and report."""
    given = options()
    run = Run(given, Results(given.out / "results.jsonl", state()), families())
    names = run.names()
    if given.list:
        print(*names, sep="\n")
        return
    run.remade = set(names) if given.remake else set()
    try:
        run.go([] if given.known else names)
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        sys.exit(130)
    found = [run.results.found[name] for name in names if name in run.results.found]
    print(reasons(found), table(run.known, found), sep="\n\n")
    if given.report:
        write(run.known, found, given.out)
    faults = [each["kind"] for each in found if each["kind"] not in ("exact", "not installed")]
    sys.exit(1 if "wrong" in faults or (given.strict and faults) else 0)


if __name__ == "__main__":
    main()
