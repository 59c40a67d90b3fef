"""Reading files that a user names: only what is a regular file is opened, since a pipe or a device may never end."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

from onnxplain import limits
from onnxplain.errors import BadInputError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The numbers of the errors that say that a disk or a quota is full."""

_TEXT = 2**28
"""Bytes of the largest text file, such as labels or a vocabulary; the largest real ones take a tenth of it."""

_KINDS = (
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a pipe (FIFO), which may never end"),
    (stat.S_ISSOCK, "is a socket"),
    (stat.S_ISCHR, "is a device"),
    (stat.S_ISBLK, "is a device"),
)


def regular(path: str | Path, expected: str) -> Path:
    """Return the path of a regular file. expected: what the file should be, for the message, such as "an ONNX file".

    Raises BadInputError where it does not exist, cannot be reached, or is a folder, a pipe, a socket or a device.
    """
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise BadInputError(f"{str(path)!r} does not exist: expected {expected}") from None
    except (OSError, ValueError) as problem:  # no permission, a loop of links, a name too long or with a zero byte
        why = getattr(problem, "strerror", None) or problem
        raise BadInputError(f"{str(path)!r} cannot be read ({why}): expected {expected}") from problem
    for is_kind, what in _KINDS:
        if is_kind(mode):
            raise BadInputError(f"{str(path)!r} {what}: expected {expected}")
    return Path(path)


def read_bytes(path: str | Path, expected: str) -> bytes:
    """Return what a regular file holds.

    Raises the errors of `regular`, and BadInputError where it cannot be read or is beyond the limit of `file_bytes`.
    """
    size = regular(path, expected).stat().st_size
    limits.check("file_bytes", size, f"{str(path)!r} has {size} bytes")
    try:
        return Path(path).read_bytes()
    except OSError as problem:
        why = problem.strerror or problem
        raise BadInputError(f"{str(path)!r} cannot be read ({why}): expected {expected}") from problem


def read_text(path: str | Path, expected: str) -> str:
    """Return a text file's content, which is UTF-8.

    Raises the errors of `read_bytes`, and BadInputError for a file that is too large for a text or no UTF-8.
    """
    size = regular(path, expected).stat().st_size
    if size > _TEXT:
        raise BadInputError(f"{str(path)!r} has {size} bytes: expected {expected}, of at most {_TEXT} bytes")
    try:
        return read_bytes(path, expected).decode("utf-8")
    except UnicodeDecodeError as problem:
        raise BadInputError(f"{str(path)!r} is no text in UTF-8 ({problem}): expected {expected}") from problem
