"""The types of arrays, for annotations."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]
"""A NumPy array of any shape and element type, in the memory of the host."""

AnyArray: TypeAlias = Any
"""An array of whichever engine runs: NumPy's, CuPy's, or a value that is being traced into an ONNX graph.

They share no base class; what they have in common is `.shape`, `.ndim` and the operators.
"""


def sha256(array: Array) -> str:
    """Return the SHA-256 of an array's bytes in C order; of words, of their bytes in UTF-8."""
    plain = np.char.encode(array.astype(str), "utf-8") if array.dtype.kind == "O" else array
    return hashlib.sha256(plain.tobytes()).hexdigest()


@lru_cache(64)  # NumPy looks long for it, and the record of each row of a batch asks for it twice
def name_of(dtype: np.dtype[Any]) -> str:
    """Return the name of an element type, such as "float32"."""
    return str(dtype)
