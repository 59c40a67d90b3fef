"""Faults as data: where each is planted, what it replaces, and what is wrong with the package then."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """One wrong replacement in one file.

    room: the list it stands in, which is the folder of the package that it harms. file: relative to the tree.
    text: what stands in the file exactly once; instead: what is planted in its place. wrong: what goes wrong then.
    tests: files or folders of tests, relative to the tree, that have to find it.
    """

    room: str
    name: str
    file: str
    text: str
    instead: str
    wrong: str
    tests: tuple[str, ...]

    def planted(self, source: str) -> str:
        """Return the source with the fault in it."""
        return source.replace(self.text, self.instead)

    def problem(self, tree: Path) -> str | None:
        """Return why the fault cannot be planted in `tree`, or None where it can."""
        file = tree / self.file
        if not file.is_file():
            return f"there is no file {self.file}"
        source = file.read_text(encoding="utf-8")
        times = source.count(self.text)
        if times != 1:
            return f"its text stands {times} times in {self.file}, not once:\n{self.text}"
        if self.instead == self.text:
            return "it changes nothing"
        missing = [each for each in self.tests if not _has_tests(tree, each)]
        if missing:
            return f"there are no tests {', '.join(missing)}"
        try:
            compile(self.planted(source), self.file, "exec")
        except SyntaxError as problem:
            return f"what it leaves is no Python: {problem}"
        return None


def _has_tests(tree: Path, named: str) -> bool:
    """Whether `named` is a folder or a file of tests, or one test in a file as pytest names it."""
    path, _, name = named.partition("::")
    place = tree / path
    files = sorted(place.rglob("test_*.py")) if place.is_dir() else [place] if place.is_file() else []
    return any(f"def {name or 'test_'}" in file.read_text(encoding="utf-8") for file in files)


def rooms(folder: Path) -> list[str]:
    """Return the names of all lists of faults in `folder`."""
    return sorted(file.stem for file in folder.glob("*.toml"))


def read(folder: Path, room: str) -> list[Fault]:
    """Return the faults of `folder`/`room`.toml, a table each; those that name no tests are for tests/`room`."""
    tables = tomllib.loads((folder / f"{room}.toml").read_text(encoding="utf-8"))
    return [
        Fault(
            room,
            name,
            fields.pop("file"),
            fields.pop("text"),
            fields.pop("instead"),
            fields.pop("wrong"),
            tuple(fields.pop("tests", [f"tests/{room}"])),
            **fields,
        )
        for name, fields in tables.items()
    ]


def stale(faults: Iterable[Fault], tree: Path) -> list[str]:
    """Return a sentence for each fault that cannot be planted in `tree`."""
    problems = ((fault, fault.problem(tree)) for fault in faults)
    return [f"{fault.room}: {fault.name}: {problem}" for fault, problem in problems if problem]
