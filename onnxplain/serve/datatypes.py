"""The datatypes of the Open Inference Protocol, and an array as their elements: in JSON, and as bytes.

In JSON a tensor is a list of its elements, flat or nested, in row-major order. As bytes, which the extension for binary
tensor data defines, its elements lie in the same order, little-endian and without gaps: a BOOL is one byte, and BYTES,
which hold text here, are the length of each element as an unsigned integer of 4 bytes, followed by its UTF-8.
"""

from __future__ import annotations

import struct
from itertools import chain
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array

BYTES, BF16 = "BYTES", "BF16"
DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
"""The element type of each datatype but two: BYTES are objects of `str`, and BF16, which NumPy lacks, float32."""
_NAMES = {dtype.str: name for name, dtype in DTYPES.items()}
_OF_RUNTIME = {"float": "FP32", "double": "FP64", "float16": "FP16", "bfloat16": BF16, "bool": "BOOL", "string": BYTES}
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "b": ((bool,), "true or false"),
    "i": ((int,), "a whole number"),
    "u": ((int,), "a whole number"),
    "f": ((float, int), "a number"),
}
"""Which elements a list of JSON may have, by the kind of the element type, and these in words."""
_LENGTH = 4
"""Bytes that state the length of an element of BYTES."""


def datatype_of(array: Array) -> str:
    """Return the datatype of an array: BYTES for words, FP32 for bfloat16, which it holds exactly."""
    if array.dtype.kind in "OUS":
        return BYTES
    return _NAMES.get(array.dtype.newbyteorder("<").str, "FP32")


def stated_datatype(kind: str) -> str | None:
    """Return the datatype of a type as onnxruntime writes it, such as "tensor(int64)"; None where there is none."""
    inner = kind.removeprefix("tensor(").removesuffix(")")
    found = _OF_RUNTIME.get(inner, inner.upper())
    return found if kind != inner and (found in DTYPES or found in (BYTES, BF16)) else None


def item_size(datatype: str) -> int:
    """Return how many bytes an element takes; of BYTES, how many it takes at least."""
    return {BYTES: _LENGTH, BF16: 2}.get(datatype) or DTYPES[datatype].itemsize


def from_json(data: Any, datatype: str, shape: Sequence[int], name: str, *, missing: bool = False) -> Array:
    """Return the array of a list, flat or nested as `shape` says.

    name: what messages call it. missing: whether null may stand for a number that is missing, which becomes NaN.

    Raises BadInputError where the list has another shape, or elements that are none of this datatype.
    """
    if datatype == BF16:
        raise BadInputError(f"{name}: JSON has no form for BF16; send the tensor as binary data, or as FP32")
    flat = _flat(data, shape, name)
    kinds, words = ((str,), "text") if datatype == BYTES else _KINDS[DTYPES[datatype].kind]
    lost = missing and DTYPES.get(datatype, np.dtype("O")).kind == "f"
    wrong = set(map(type, flat)) - {*kinds, *([type(None)] if lost else [])}
    if wrong:
        first = next(i for i, each in enumerate(flat) if type(each) in wrong)
        shown = "null" if flat[first] is None else type(flat[first]).__name__
        raise BadInputError(f"{name}: element {first} is {shown}, and {datatype} holds {words}")
    if datatype == BYTES:
        return _words(flat, shape)
    return _numbers(flat, datatype, name, missing=lost).reshape(shape)


def from_bytes(data: memoryview, datatype: str, shape: Sequence[int], name: str) -> Array:
    """Return the array of binary data. name: what messages call it.

    Raises BadInputError where there are more or fewer bytes than the shape takes, and for BYTES that are no UTF-8.
    """
    count = prod(shape)
    if datatype == BYTES:
        return _words(_elements(data, count, name), shape)
    due = count * item_size(datatype)
    if len(data) != due:
        raise BadInputError(f"{name}: {len(data)} bytes, and {datatype} of shape {list(shape)} takes {due}")
    if datatype == "BOOL":
        found = np.frombuffer(data, np.uint8)
        if count and found.max() > 1:
            raise BadInputError(f"{name}: byte {int(found.argmax())} is {int(found.max())}, and BOOL holds 0 and 1")
        return found.astype(bool).reshape(shape)
    if datatype == BF16:  # the upper half of a float32
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
    return np.frombuffer(data, DTYPES[datatype]).reshape(shape)


def to_bytes(array: Array) -> bytes:
    """Return an array as binary data of its datatype."""
    datatype = datatype_of(array)
    if datatype == BYTES:
        parts = [each if isinstance(each, bytes) else str(each).encode() for each in array.ravel().tolist()]
        return b"".join(piece for part in parts for piece in (struct.pack("<I", len(part)), part))
    return array.astype(DTYPES[datatype]).tobytes()


def _numbers(flat: list[Any], datatype: str, name: str, *, missing: bool) -> Array:
    """Return numbers as an array of the datatype. Raises BadInputError for one that it cannot hold."""
    dtype = DTYPES[datatype]
    try:
        with np.errstate(over="ignore"):
            found = np.array(flat, dtype)
    except OverflowError:
        raise BadInputError(f"{name}: a number is too large or too small for {datatype}") from None
    bad = np.isinf(found) if missing else ~np.isfinite(found)
    if bad.any():
        first = int(bad.argmax())
        raise BadInputError(f"{name}: element {first} is beyond the range of {datatype}")
    return found


def _flat(data: Any, shape: Sequence[int], name: str) -> list[Any]:
    """Return the elements of a list that is flat, or nested as `shape` says."""
    if not isinstance(data, list):
        raise BadInputError(f"{name}: data is {type(data).__name__}; expected a list of the elements")
    level, count = data, prod(shape)
    if list not in set(map(type, data)):
        if len(data) != count:
            raise BadInputError(f"{name}: {len(data)} elements, and the shape {list(shape)} has {count}")
        return data
    for axis, size in enumerate(shape):
        if axis and set(map(type, level)) != {list}:
            raise BadInputError(f"{name}: data is nested {axis} deep or unevenly, and the shape is {list(shape)}")
        found = set(map(len, level)) if axis else {len(level)}
        if found - {size}:
            lengths = " and ".join(map(str, sorted(found)[:3]))
            raise BadInputError(f"{name}: data has the length {lengths} on axis {axis}, and the shape is {list(shape)}")
        level = list(chain.from_iterable(level)) if axis else level
    if list in set(map(type, level)):
        raise BadInputError(f"{name}: data is nested deeper than the shape {list(shape)} says")
    return level


def _elements(data: memoryview, count: int, name: str) -> list[str]:
    """Return the texts of binary data of BYTES."""
    found: list[str] = []
    start = 0
    while start < len(data):
        if len(data) - start < _LENGTH:
            raise BadInputError(f"{name}: {len(data) - start} bytes are left over behind element {len(found) - 1}")
        (length,) = struct.unpack_from("<I", data, start)
        start += _LENGTH
        if length > len(data) - start:
            raise BadInputError(
                f"{name}: element {len(found)} states {length} bytes, and {len(data) - start} are there"
            )
        try:
            found.append(str(data[start : start + length], "utf-8"))
        except UnicodeDecodeError:
            raise BadInputError(f"{name}: element {len(found)} is no text in UTF-8") from None
        start += length
        if len(found) > count:
            break
    if len(found) != count:
        raise BadInputError(f"{name}: {len(found)} or more elements of BYTES, and the shape has {count}")
    return found


def _words(flat: list[str], shape: Sequence[int]) -> Array:
    """Return texts as an array of objects."""
    found = np.empty(len(flat), object)
    found[:] = flat
    return found.reshape(shape)
