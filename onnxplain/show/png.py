"""PNGs in half the time that Pillow takes: by one filter for all rows, where Pillow tries five on each.

For photos with a map over them the files are as large as Pillow's at the same level of zlib. Written by the
specification, ISO/IEC 15948 (https://www.w3.org/TR/png-3/): 8 bits a channel, RGB, not interlaced.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import BinaryIO

    from PIL import Image

LEVEL = 1
"""zlib's level: photos get hardly smaller by a higher one, which takes several times as long."""
ALIKE, SAMPLED = 0.7, 16
"""Where fewer bytes than this share of every 16th row equal the one before them, there is nothing to find in a picture
but runs of one byte. So zlib looks for runs alone, which is quicker, and large photos get smaller by it."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_UP = 2
"""The filter by which a byte is stored as its difference from the byte above it, modulo 256."""


def write_png(picture: Image.Image, file: BinaryIO, text: dict[str, str] | None = None) -> None:
    """Write a picture as a PNG of its colours in RGB, with texts by their keys, which are Latin letters."""
    pixels = np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    stored = np.empty((height, 1 + rows.shape[1]), np.uint8)
    stored[:, 0] = _UP
    stored[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=stored[1:, 1:])
    file.write(_SIGNATURE)
    _chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    for key, value in (text or {}).items():  # international text, compressed, of no stated language
        _chunk(file, b"iTXt", key.encode("latin-1") + b"\0\1\0\0\0" + zlib.compress(value.encode()))
    sample = stored[::SAMPLED]
    noisy = (sample[:, 1:] == sample[:, :-1]).mean() < ALIKE
    deflate = zlib.compressobj(LEVEL, strategy=zlib.Z_RLE if noisy else zlib.Z_DEFAULT_STRATEGY)
    _chunk(file, b"IDAT", deflate.compress(stored.data) + deflate.flush())
    _chunk(file, b"IEND", b"")


def _chunk(file: BinaryIO, kind: bytes, data: bytes) -> None:
    file.write(struct.pack(">I", len(data)) + kind)
    file.write(data)
    file.write(struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))))
