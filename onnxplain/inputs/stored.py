"""Arrays in files of NumPy: an .npy holds one, an .npz, a zip archive of such files, several by name.

The header of such a file says how large its array is, and NumPy takes the memory for it before it reads on. So what the
header says is compared with the size of the file first.
"""

from __future__ import annotations

import hashlib
import io
import math
from pathlib import Path
from typing import IO, TYPE_CHECKING
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy

from onnxplain import limits
from onnxplain.errors import BadInputError, OnnxplainError
from onnxplain.files import regular

if TYPE_CHECKING:
    from onnxplain.arrays import Array

EXPECTED = "an array in an .npy or .npz"

_DENSEST = 1032
"""How many bytes one byte of a zip archive can hold at most, by the definition of its compression."""

_SLACK = 1024
"""Bytes of a file of one array that are not data: more than any header has."""


def stored(path: str) -> tuple[Array | None, str | None]:
    """Return the array of a file whose name says that it holds one, with the file's SHA-256; else None and None.

    Raises BadInputError where it cannot be read, is no array, or is larger than the limit of `array_bytes`.
    """
    file, colon, key = path.rpartition(":")
    if path.lower().endswith((".npy", ".npz")):
        return _load(path)
    return _load(file, key) if colon and file.lower().endswith(".npz") else (None, None)


def is_stored(data: bytes) -> bool:
    """Whether bytes begin like an .npy or an .npz."""
    return data.startswith((b"\x93NUMPY", b"PK\x03\x04"))


def stored_bytes(data: bytes, name: str) -> tuple[Array, str]:
    """Return the array of the bytes of an .npy, or of an .npz with one array, and their SHA-256.

    Raises BadInputError as `stored` does. name: what messages call them.
    """
    return _read(io.BytesIO(data), name, None, len(data))


def _load(path: str, key: str | None = None) -> tuple[Array, str]:
    """Return the array of an .npy, or that of an .npz with the name `key`; without a key it must hold a single one.

    Beside it stands the SHA-256 of the file, which is open from the first byte to the last.
    """
    size = regular(path, EXPECTED).stat().st_size
    limits.check("file_bytes", size, f"{path!r} has {size} bytes")
    try:
        with Path(path).open("rb") as file:
            return _read(file, path, key, size)
    except OSError as problem:
        raise BadInputError(f"{path}: cannot read the array ({problem})") from problem


def _read(file: IO[bytes], path: str, key: str | None, size: int) -> tuple[Array, str]:
    """Return the array of an open .npy or .npz of `size` bytes, and the file's SHA-256."""
    try:
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        file.seek(0)
        found = _of_archive(file, path, key) if file.read(2) == b"PK" else _of_file(file, path, size)
    except OnnxplainError:
        raise
    except Exception as problem:  # NumPy, zipfile and zlib raise of many kinds at a broken file
        raise BadInputError(f"{path}: cannot read the array ({problem})") from problem
    return found, digest


def _of_file(file: IO[bytes], path: str, size: int) -> Array:
    """Return the array of an open .npy of `size` bytes."""
    file.seek(0)
    _check(file, path, size)
    file.seek(0)
    return np.asarray(np.load(file, allow_pickle=False))


def _of_archive(file: IO[bytes], path: str, key: str | None) -> Array:
    """Return an array of an open .npz."""
    file.seek(0)
    with ZipFile(file) as archive:
        names = [each.removesuffix(".npy") for each in archive.namelist()]
        wanted = names[0] if key is None and len(names) == 1 else key
        if wanted not in names:
            raise BadInputError(f'{path} holds {", ".join(names) or "nothing"}; name one array as "{path}:KEY"')
        entry = archive.infolist()[names.index(wanted)]
        if entry.file_size > entry.compress_size * _DENSEST + _SLACK:
            raise BadInputError(f"{path}: {wanted!r} claims {entry.file_size} bytes, more than the file can hold")
        with archive.open(entry) as packed:
            _check(packed, f"{path}:{wanted}", entry.file_size)
        with archive.open(entry) as packed:
            return np.asarray(npy.read_array(packed, allow_pickle=False))


def _check(file: IO[bytes], name: str, size: int) -> None:
    """Raise BadInputError where the header of an array asks for more than the `size` of its file, or than the limit."""
    major, _ = npy.read_magic(file)
    read = npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0
    shape, _, dtype = read(io.BytesIO(file.read(2**17)))
    if dtype.hasobject:
        raise BadInputError(f"{name} holds Python objects, which could run a program when read; save numbers")
    if min(shape, default=0) < 0:
        raise BadInputError(f"{name} states the shape {shape}, with a size below 0")
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes > size:
        raise BadInputError(f"{name} claims {nbytes} bytes for its shape {shape}, and the file has {size}")
    limits.check("array_bytes", nbytes, f"{name} has {nbytes} bytes")
