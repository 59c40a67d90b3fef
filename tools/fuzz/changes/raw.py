"""Bytes: flipped, cut off, cut out, put in, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changes import pick

if TYPE_CHECKING:
    import numpy as np


def flipped(data: bytes, rng: np.random.Generator) -> bytes:
    """Flip one to four bits."""
    made = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        if made:
            made[int(rng.integers(len(made)))] ^= 1 << int(rng.integers(8))
    return bytes(made)


def set_(data: bytes, rng: np.random.Generator) -> bytes:
    """Set a few bytes near the beginning, where the structure lies, to extremes."""
    made = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        if made:
            made[int(rng.integers(min(len(made), 400)))] = pick(rng, (0, 1, 0x7F, 0x80, 0xFF))
    return bytes(made)


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    """Keep the beginning, or leave out a part."""
    a, b = sorted(map(int, rng.integers(len(data) + 1, size=2)))
    return data[:a] if rng.random() < 0.5 else data[:a] + data[min(b, a + 64) :]


def put_in(data: bytes, rng: np.random.Generator) -> bytes:
    """Put a part of the file, zeros or noise somewhere else."""
    a = int(rng.integers(len(data) + 1))
    b = int(rng.integers(len(data) + 1))
    extra = pick(rng, (data[b : b + 40], b"\0" * 16, rng.bytes(12), b"\xff" * 10))
    return data[:a] + extra + data[a:]


def other(data: bytes, rng: np.random.Generator) -> bytes:
    """Return what is no model at all, or a model twice."""
    return pick(rng, (b"", b"\x89PNG\r\n\x1a\n", b"{}", b"PK\3\4", rng.bytes(200), data + data, b"\n" * 100))


RAW = {f"raw.{each.__name__.strip('_')}": each for each in (flipped, set_, cut, put_in, other)}
"""Name -> change of the bytes."""
