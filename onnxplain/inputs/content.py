"""What a user passes as a path, as bytes or as an open file: one name and the bytes."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, TypeAlias

from onnxplain import limits
from onnxplain.errors import BadInputError
from onnxplain.files import read_bytes, read_text

_PART = 2**24
"""How many bytes are read of an open file at a time: so that one which never ends is stopped by the limit."""

Content: TypeAlias = "str | Path | bytes | bytearray | memoryview | IO[bytes]"
"""A file as a user has it: its path, its bytes, or the open file, which is read from where it stands."""


def is_loose(value: object) -> bool:
    """Whether a value is bytes, or a file that is open."""
    return isinstance(value, (bytes, bytearray, memoryview)) or is_file(value)


def is_file(value: object) -> bool:
    """Whether a value is an open file: it can be read, and is no picture, array or data set with such a method."""
    return hasattr(value, "read") and hasattr(value, "seek") and not hasattr(value, "shape")


def name_of(source: Any, default: str) -> str:
    """Return what messages call a source: its path, an open file's name, or else the default."""
    if isinstance(source, (str, Path)):
        return str(source)
    name = getattr(source, "name", None) if is_file(source) else None
    return name if isinstance(name, str) and name else default


def bytes_of(source: Content, expected: str, default: str = "bytes") -> bytes:
    """Return the bytes of a source; an open file stays open. expected: what they should be, for messages.

    Raises BadInputError where they cannot be read, are text, are none, or are more than the limit of `file_bytes`.
    """
    if isinstance(source, (str, Path)):
        return read_bytes(source, expected)
    name = name_of(source, default)
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    else:
        try:
            data = _read(source)
        except (OSError, ValueError) as problem:
            raise BadInputError(f"{name}: the open file cannot be read ({problem}): expected {expected}") from problem
        except TypeError:
            raise BadInputError(
                f'{name}: the file is open as text: expected {expected}; open it with mode "rb"'
            ) from None
    if not data:
        raise BadInputError(
            f"{name}: no bytes: expected {expected}; an open file is read from where it stands, so seek(0) first"
        )
    limits.check("file_bytes", len(data), f"{name} has {len(data)} bytes")
    return data


def text_of(source: Content, expected: str) -> str:
    """Return the text of a source, which is UTF-8. Raises BadInputError as `bytes_of`, and where it is no text."""
    if isinstance(source, (str, Path)):
        return read_text(source, expected)
    try:
        return bytes_of(source, expected).decode("utf-8")
    except UnicodeDecodeError as problem:
        name = name_of(source, "bytes")
        raise BadInputError(f"{name}: no text in UTF-8 ({problem}): expected {expected}") from problem


def _read(file: IO[bytes]) -> bytes:
    """Return the rest of an open file, or so much of it that it is beyond the limit of `file_bytes`."""
    parts, size = [], 0
    while size <= limits.held().file_bytes and (part := file.read(_PART)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
