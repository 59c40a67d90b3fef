"""Arrays in an .npz whose bytes depend on the arrays alone: no time, no compression, one version of the format."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy

from onnxplain.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import Array

_DATE = (1980, 1, 1, 0, 0, 0)
"""The first date that a zip archive can state."""
_UNIX = 3
_LARGE = 2**30
"""Bytes of an array from which on its entry has the form for large files."""


def packed(arrays: Mapping[str, Array]) -> bytes:
    """Return the bytes of an .npz that holds the arrays, in the order of their names; `np.load` reads it.

    Other versions of a compressor would write other bytes, and relevance in half precision hardly shrinks.
    """
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_STORED) as archive:
        for name in sorted(arrays):
            info = ZipInfo(f"{name}.npy", _DATE)
            info.create_system, info.external_attr = _UNIX, 0o600 << 16
            array = np.asarray(arrays[name])
            array = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
            with archive.open(info, "w", force_zip64=array.nbytes > _LARGE) as entry:
                npy.write_array(entry, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def unpacked(data: bytes, name: str) -> dict[str, Array]:
    """Return the arrays of an .npz. Raises BadInputError, which names the file, where it is none."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    except (OSError, EOFError, ValueError, BadZipFile, KeyError) as problem:
        raise BadInputError(f"{name}: cannot read the arrays ({problem}); expected a shard of a run") from problem
