"""How much effort it is to read something or to write it, as a number of bytes of JSON that take about as long."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.serve.datatypes import BYTES
from onnxplain.serve.tensors import json_length

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onnxplain.arrays import Array
    from onnxplain.serve.describe import Description

FEW = 2**16
"""Bytes of JSON that are read or written in less time than it takes to wake a thread and to come back from it."""
_NUMBERS = 8
"""So many bytes of an array of numbers are read, checked and written while one of JSON is, or more."""


def of_values(values: Iterable[Any]) -> int:
    """Return the effort of reading values: a great number for all but arrays of numbers, such as pictures or texts."""
    arrays: list[Array] = list(values)
    if not all(isinstance(each, np.ndarray) and each.dtype.kind in "biuf" for each in arrays):
        return sys.maxsize
    return int(sum(each.nbytes for each in arrays)) // _NUMBERS


def of_body(size: int, length: str | None, about: Description) -> int:
    """Return the effort of reading a request of the Open Inference Protocol to what `about` describes.

    size: bytes of its body. length: its header that says how many of them are JSON, as it was sent. What follows them
    are numbers, unless an input takes texts or pictures.
    """
    json = None if length is None else json_length(length, size)
    if json is None or any(BYTES in (each.datatype, *each.also) for each in about.inputs):
        return size
    return json + (size - json) // _NUMBERS


def of_outputs(arrays: Mapping[str, Array], wanted: Mapping[str, bool]) -> int:
    """Return the effort of writing the arrays that are wanted; `wanted` says of each whether it is binary data."""
    sizes = {name: each.nbytes for name, each in arrays.items()}
    return sum(sizes.get(name, 0) // (_NUMBERS if binary else 1) for name, binary in wanted.items())
