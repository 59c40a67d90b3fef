"""Writing files: a file appears whole or not at all, and is never written over one that is read."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from onnxplain.errors import BadInputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def save_atomic(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Call `write` with a temporary file beside `path`, then move it to `path`.

    So `path` is either new and whole, or as it was before. The temporary file is removed in either case, and on Ctrl-C
    too. Where `path` is a link, the file that it leads to is written.
    Raises UsageError where the folder is missing or cannot be written to, and where `path` is a pipe or a device,
    BadInputError where the disk does not take the file, as a full one; other errors of `write` pass through.
    """
    target = Path(os.path.realpath(path))
    _check_kind(target)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:  # from before the file is made, so that a signal at any moment leaves none
        with _whole(path), _opened(temporary, path) as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        _move(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _opened(temporary: Path, path: str | Path) -> BinaryIO:
    """Return a new file that is open for bytes. Raises UsageError where it cannot be made."""
    try:
        return temporary.open("xb")
    except OSError as problem:
        raise UsageError(f"{path}: cannot write there ({problem.strerror}); does the folder exist?") from problem


@contextmanager
def _whole(path: str | Path) -> Iterator[None]:
    """Raise BadInputError where the disk fails while a file is written."""
    try:
        yield
    except OSError as problem:
        why = problem.strerror or problem
        raise BadInputError(f"{path}: cannot be written whole ({why}); nothing is left there, make room") from problem


def _check_kind(path: Path) -> None:
    """Raise UsageError where there is something at `path` that is neither a file nor a folder: it would be replaced."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UsageError(f"{path} is a pipe, a socket or a device; give the name of a file")


def check_folder(folder: str | Path) -> None:
    """Raise UsageError where files could not be made in `folder`, or the folder itself; nothing is made yet."""
    path = Path(folder).absolute()
    there = next(each for each in (path, *path.parents) if os.path.lexists(each))
    if not there.is_dir():
        raise UsageError(f"{folder}: no folder can be there, {there} is a file")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"{folder}: {there} cannot be written to; give another folder")


def make_folder(folder: str | Path) -> None:
    """Make a folder, and those above it, unless it exists. Raises UsageError where that cannot be done."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UsageError(f"{folder}: cannot make this folder ({problem.strerror})") from problem


def check_file(path: str | Path, *sources: object) -> None:
    """Raise UsageError where a file cannot be written to `path`.

    It cannot where the folder is missing or closed, where `path` is a folder, and where it is one of the sources.
    """
    if not Path(path).absolute().parent.is_dir():
        raise UsageError(f"{path}: cannot write there; does the folder exist?")
    check_folder(Path(path).absolute().parent)
    if Path(path).is_dir():
        raise UsageError(f"{path} is a folder; give the name of a file")
    _check_kind(Path(path))
    keep_apart([path], sources)


def keep_apart(written: Iterable[str | Path], sources: Iterable[object]) -> None:
    """Raise UsageError where one of the files to write is one of the sources, by whatever name or link.

    A source that is no path is passed over.
    """
    read = [each for each in sources if isinstance(each, (str, Path))]
    for path, source in product(written, read):
        if _same(Path(path), source):
            raise UsageError(f"{path} would be written over {source}, which is read; write somewhere else")


def _same(path: Path, other: str | Path) -> bool:
    """Whether both paths lead to the same file."""
    try:
        return path.samefile(other)
    except (OSError, ValueError):  # one of the two does not exist, or is no path at all
        return False


def _move(temporary: Path, target: Path) -> None:
    try:
        temporary.replace(target)
    except OSError as problem:
        raise UsageError(f"{target}: cannot replace it ({problem.strerror})") from problem
