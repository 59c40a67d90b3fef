"""Writing files whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


def save_atomic(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Call `write` on a temporary file beside `path`, then move it there: `path` is new and whole or as it was.

    A link is followed. The temporary file is gone in either case, also on Ctrl-C.
    Raises UsageError where the folder is missing or cannot be written to; what `write` raises passes through.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        file = temporary.open("xb")
    except OSError as problem:
        raise UsageError(f"{path}: cannot write there ({problem.strerror}); does the folder exist?") from problem
    try:
        with file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        _move(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _move(temporary: Path, target: Path) -> None:
    try:
        temporary.replace(target)
    except OSError as problem:
        raise UsageError(f"{target}: cannot replace it ({problem.strerror})") from problem
