"""Canonical JSON: one text for one value, so that its SHA-256 names the value."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from onnxplain.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path


def encoded(value: object) -> bytes:
    """Return a value as JSON in UTF-8, with its keys sorted and no blanks, without a line feed at its end.

    Raises BadInputError for a text that UTF-8 cannot hold, such as the name of a file in another encoding.

    >>> encoded({"b": [1, 2.5], "a": "é"}).decode()
    '{"a":"é","b":[1,2.5]}'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as problem:
        around = text[max(0, problem.start - 40) : problem.end + 20]
        raise BadInputError(f"{around!a}: no text in UTF-8; rename the file, or write the text anew") from None


def digest(data: bytes) -> str:
    """Return the SHA-256 of bytes as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, which is read in parts."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def decoded(data: bytes, name: str, expected: str) -> dict[str, Any]:
    """Return the object that JSON holds. Raises BadInputError, which names the file, where it is none.

    expected: what the file should be, for the message.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise BadInputError(f"{name}: no JSON ({problem}); expected {expected}") from problem
    if not isinstance(found, dict):
        raise BadInputError(f"{name}: JSON without an object; expected {expected}")
    return found
