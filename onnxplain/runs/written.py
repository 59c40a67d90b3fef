"""Writing what was found of runs: as a picture, as a table of rows, or as JSON, by the ending of the file."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from onnxplain.errors import UsageError
from onnxplain.runs.folder import check_outside
from onnxplain.show.atomic import save_atomic
from onnxplain.show.save import PAGES, write_page
from onnxplain.strict_json import dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from onnxplain.show.page import Page

TABLE, ALL = ".csv", ".json"
FILES = (*PAGES, TABLE, ALL)
"""The endings of what is written."""


class Found(Protocol):
    """What was found of runs."""

    def to_dict(self) -> dict[str, Any]:
        """Return it in plain JSON types."""


def write(
    found: Found, path: str | Path, what: str, page: Callable[[], Page], rows: Callable[[], Iterable[Sequence[Any]]]
) -> None:
    """Write it as the ending of `path` says, whole or not at all.

    what: the beginning of a message. page, rows: lay out the picture, and the table with its head.
    Raises UsageError for another ending.
    """
    ending = Path(path).suffix.lower()
    if ending not in FILES:
        raise UsageError(f"{path}: {what} saved as {', '.join(FILES)}")
    check_outside(path)
    if ending in PAGES:
        laid_out = page()
        save_atomic(path, lambda file: write_page(laid_out, file, ending, found.to_dict()))
    elif ending == TABLE:
        save_atomic(path, lambda file: _write_rows(rows(), file))
    else:
        as_json(found, path)


def as_json(found: Found, path: str | Path | None) -> str:
    """Return it as JSON text, and write it to `path` where one is given, whole or not at all."""
    text = dumps(found.to_dict())
    if path is not None:
        save_atomic(path, lambda file: file.write(text.encode()))
    return text


def _write_rows(rows: Iterable[Sequence[Any]], file: Any) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    csv.writer(text).writerows(rows)
    text.detach()
