"""The inside of a shard's .npz, without reading its numbers: entries stored one behind the other, and nothing else.

A zip archive can hold two entries of one name, bytes between its entries or behind them, and readers differ in what
they make of those. What a run writes has none, and this is where that is proven of a file.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy

if TYPE_CHECKING:
    from pathlib import Path

    from onnxplain.arrays import Array

_LOCAL, _CENTRAL, _END = 30, 46, 22
"""Bytes of the fixed part of an entry's header, of its line in the directory, and of the end of the archive."""
_LARGE, _LARGE_END = 2**31 - 1, 76
"""Behind more bytes than this, an archive has a second, longer end."""


def index_of(path: Path) -> Array:
    """Return the column "index" of a shard. Raises ValueError, in words, where the archive is not one of a run's."""
    try:
        with ZipFile(path) as archive, path.open("rb") as file:
            _check_entries(archive, file, path.stat().st_size)
            shapes = {name: _shape(archive, name) for name in archive.namelist()}
            with archive.open("index.npy") as column:
                index = npy.read_array(column, allow_pickle=False)
    except (BadZipFile, KeyError, EOFError, OSError, struct.error, NotImplementedError, RuntimeError) as problem:
        raise ValueError(f"it is no archive of arrays ({problem})") from problem
    if index.ndim != 1 or index.dtype != np.int64:
        raise ValueError("its column 'index' does not hold the indices of rows")
    short = [
        name for name in ("score", "scores", "target", "label") if shapes.get(f"{name}.npy", (0,))[:1] != index.shape
    ]
    if short and len(index):
        raise ValueError(f"its column {short[0]!r} has not as many rows as 'index'")
    return index


def _check_entries(archive: ZipFile, file: Any, size: int) -> None:
    """Raise ValueError unless the entries, and the directory behind them, are all that the file holds."""
    entries = archive.infolist()
    names = [each.filename for each in entries]
    if len(set(names)) < len(names):
        raise ValueError(f"two of its entries are called {next(n for n in names if names.count(n) > 1)!r}")
    if names != sorted(names) or not all(name.endswith(".npy") for name in names):
        raise ValueError(f"its entries are not arrays in the order of their names: {', '.join(names[:8])}")
    at = directory = 0
    for each in entries:
        if each.compress_type != ZIP_STORED or each.comment or each.flag_bits:
            raise ValueError(f"its entry {each.filename!r} is not stored as a run stores it")
        file.seek(each.header_offset)
        name, extra = struct.unpack("<26x2H", file.read(_LOCAL))
        if each.header_offset != at:
            raise ValueError(f"there are bytes before its entry {each.filename!r} that belong to none")
        at += _LOCAL + name + extra + each.compress_size
        directory += _CENTRAL + len(each.filename.encode()) + len(each.extra)
    end = _END + (_LARGE_END if at > _LARGE else 0)
    if archive.comment or at + directory + end != size:
        raise ValueError("there are bytes behind its entries that belong to none")


def _shape(archive: ZipFile, name: str) -> tuple[int, ...]:
    """Return the shape of an array in an archive, of which the header alone is read."""
    with archive.open(name) as column:
        if npy.read_magic(column) != (1, 0):
            raise ValueError(f"its entry {name!r} is no array as a run stores it")
        shape, _, kind = npy.read_array_header_1_0(column)
        held = archive.getinfo(name).file_size - column.tell()
    if kind.hasobject:
        raise ValueError(f"its entry {name!r} holds objects")
    if math.prod(shape) * kind.itemsize != held:
        raise ValueError(f"its entry {name!r} has the shape {tuple(shape)}, and {held} bytes")
    return tuple(shape)
