"""Requests and answers of the Open Inference Protocol: tensors in JSON, and behind it as binary data.

A request is a JSON object, in which each input has either `data` or the parameter `binary_data_size`. The binary data
lie behind the JSON in the order of the inputs, and the header `Inference-Header-Content-Length` says where they begin.
An answer has the same form: an output is sent as binary data where its own parameter `binary_data`, or for all outputs
the parameter `binary_data_output`, asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from onnxplain.errors import BadInputError, UsageError
from onnxplain.serve import json_text
from onnxplain.serve.datatypes import BF16, BYTES, DTYPES, datatype_of, from_bytes, from_json, to_bytes
from onnxplain.serve.describe import VERSION, Tensor
from onnxplain.serve.json_text import JsonError
from onnxplain.serve.refusal import Refusal
from onnxplain.text import offer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from onnxplain.arrays import Array
    from onnxplain.serve.describe import Description

HEADER = "Inference-Header-Content-Length"
"""The header of HTTP that says how many bytes of a body are its JSON, where binary data follow."""
_SIZE, _BINARY, _ALL_BINARY = "binary_data_size", "binary_data", "binary_data_output"
_LARGEST = 2**63
_MOST_AXES = 32


class Given(NamedTuple):
    """An input as a request states it; its elements are not read yet."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Any
    binary: memoryview | None

    def array(self) -> Array:
        """Return its elements. Raises BadInputError where they do not fit what is stated."""
        what = f"input {self.name!r}"
        if self.binary is not None:
            return from_bytes(self.binary, self.datatype, self.shape, what)
        return from_json(self.data, self.datatype, self.shape, what)


@dataclass(frozen=True)
class Message:
    """A request. wanted: the names of the outputs that it asks for, and whether each is sent as binary data."""

    id: str | None
    parameters: dict[str, Any]
    inputs: dict[str, Given]
    wanted: dict[str, bool]


def json_length(length: str, size: int) -> int | None:
    """Return how many bytes of a body of `size` bytes are its JSON, by what its header states; None for no such number.

    A number of so many digits that Python would refuse to read it is none either.
    """
    stated = int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0
    return stated if 0 < stated <= size else None


def document(body: bytes, length: str | None) -> tuple[dict[str, Any], memoryview]:
    """Return the JSON object of a body, and the binary data behind it.

    length: what the header states, None for a body that is all JSON. Raises Refusal for what is no JSON object.
    """
    view = memoryview(body)
    size = len(view) if length is None else json_length(length, len(view))
    if size is None:
        raise _malformed(f"{HEADER}: {length!r:.40} is no length of a JSON object in a body of {len(view)} bytes")
    try:
        found = json_text.loads(view[:size])
    except JsonError as problem:
        raise _malformed(f"the body is no JSON: {problem}") from None
    if not isinstance(found, dict):
        raise _malformed(f"the body is a JSON {_kind(found)}; expected an object")
    return found, view[size:]


def message(body: bytes, length: str | None, about: Description) -> Message:
    """Return the request to what `about` describes. No array is made yet.

    Raises Refusal for what is not of the form that the protocol says, and UsageError for an output that there is not.
    """
    found, rest = document(body, length)
    given = _list(found, "inputs", required=True)
    inputs: dict[str, Given] = {}
    for i, each in enumerate(given):
        one, rest = _given(_object(each, f"inputs[{i}]"), rest)
        if one.name in inputs:
            raise _malformed(f"the input {one.name!r} is there twice")
        inputs[one.name] = one
    if len(rest):
        raise _malformed(f"{len(rest)} bytes are left over behind the binary data of the inputs")
    parameters = _parameters(found, "parameters")
    binary = _bool(parameters.pop(_ALL_BINARY, False), _ALL_BINARY)
    identity = found.get("id")
    if not isinstance(identity, (str, type(None))):
        raise _malformed(f"id is {_kind(identity)}; expected text")
    return Message(identity, parameters, inputs, _wanted(found, about, binary=binary))


def check_names(inputs: Collection[str], about: Description, needed: Collection[str]) -> None:
    """Raise BadInputError for an input that there is not, and for one of those needed that is missing."""
    known = [each.name for each in about.inputs]
    for name in inputs:
        if name not in known:
            raise BadInputError(f"{about.name} has no input {name!r}; {offer(name, known)}")
    missing = [name for name in known if name in needed and name not in inputs]
    if missing:
        raise BadInputError(f"the input {missing[0]!r} is missing; {about.name} takes {', '.join(map(repr, known))}")


def check_datatype(given: Given, stated: Tensor) -> None:
    """Raise BadInputError where an input has another datatype than the model takes."""
    if given.datatype != stated.datatype and given.datatype not in stated.also:
        takes = " or ".join((stated.datatype, *stated.also))
        raise BadInputError(f"input {given.name!r}: datatype {given.datatype}, and the model takes {takes}")


def check_shape(given: Given, stated: Tensor) -> None:
    """Raise BadInputError where an input has another shape than the model takes; it may have any number of rows."""
    learnt = not stated.shape and stated.rows is not None  # how many axes there are, the first rows tell
    due = [None if size < 0 or axis == stated.rows else size for axis, size in enumerate(stated.shape)]
    apart = len(due) != len(given.shape) or any(w not in (None, h) for h, w in zip(given.shape, due, strict=True))
    if apart and not (learnt and given.shape):
        shape = [-1 if size is None else size for size in due]
        raise BadInputError(f"input {given.name!r}: shape {list(given.shape)}, and the model takes {shape}")
    if stated.rows is not None and prod(given.shape) == 0:
        raise BadInputError(f"input {given.name!r}: shape {list(given.shape)} has no elements")


def answer(
    about: Description, identity: str | None, outputs: Mapping[str, Array], wanted: Mapping[str, bool], extra: Any = ()
) -> tuple[bytes, dict[str, str]]:
    """Return the body of an answer, and its headers.

    outputs: the arrays by name. wanted: whether each is sent as binary data, in the order of the answer.
    extra: further parameters of an output, by its name.
    Raises Refusal for a number that is not finite, which JSON has no form for.
    """
    parts: list[bytes] = []
    stated: list[dict[str, Any]] = []
    for name, binary in wanted.items():
        array, parameters = outputs[name], dict(dict(extra).get(name, {}))
        one: dict[str, Any] = {"name": name, "shape": list(array.shape), "datatype": datatype_of(array)}
        if binary:
            parts.append(to_bytes(array))
            parameters[_SIZE] = len(parts[-1])
        elif not json_text.is_finite(array):
            text = f"the output {name!r} holds NaN or infinity, which JSON has no form for; ask for it as binary data"
            raise Refusal(422, "not_finite", text)
        one |= {"parameters": parameters} if parameters else {}
        stated.append(one if binary else {**one, "data": np.ascontiguousarray(array).ravel()})
    head: dict[str, Any] = {"model_name": about.name, "model_version": VERSION}
    head |= {} if identity is None else {"id": identity}
    body = json_text.dumps({**head, "outputs": stated})
    if not parts:
        return body, {"Content-Type": "application/json"}
    return b"".join([body, *parts]), {"Content-Type": "application/octet-stream", HEADER: str(len(body))}


def _given(stated: dict[str, Any], rest: memoryview) -> tuple[Given, memoryview]:
    """Return an input, and the binary data behind its own."""
    name, datatype = _text(stated, "name", "an input"), stated.get("datatype")
    what = f"input {name!r}"
    if datatype not in (*DTYPES, BYTES, BF16):
        raise _malformed(f"{what}: datatype {datatype!r:.40}; expected one of {', '.join((*DTYPES, BYTES, BF16))}")
    shape = stated.get("shape")
    if not isinstance(shape, list) or any(type(n) is not int or not 0 <= n < _LARGEST for n in shape):
        raise _malformed(f"{what}: shape {shape!r:.60}; expected a list of whole numbers, 0 or more")
    if len(shape) > _MOST_AXES:
        raise _malformed(f"{what}: {len(shape)} axes; a tensor may have {_MOST_AXES}")
    parameters = _parameters(stated, f"{what}: parameters")
    size, binary = parameters.pop(_SIZE, None), None
    if parameters:
        raise _malformed(f"{what}: unknown parameter {next(iter(parameters))!r}; known: {_SIZE}")
    if (size is None) == (stated.get("data") is None):
        raise _malformed(f"{what}: expected either data, or {_SIZE} and binary data behind the JSON")
    if size is not None:
        if type(size) is not int or not 0 <= size <= len(rest):
            raise _malformed(f"{what}: {_SIZE} {size!r:.40}; {len(rest)} bytes are there")
        binary, rest = rest[:size], rest[size:]
    return Given(name, datatype, tuple(shape), stated.get("data"), binary), rest


def _wanted(found: dict[str, Any], about: Description, *, binary: bool) -> dict[str, bool]:
    """Return the outputs that a request asks for; all of them where it names none."""
    known = [each.name for each in about.outputs]
    wanted: dict[str, bool] = {}
    for i, each in enumerate(_list(found, "outputs")):
        one = _object(each, f"outputs[{i}]")
        name = _text(one, "name", "an output")
        if name not in known:
            raise UsageError(f"{about.name} has no output {name!r}; {offer(name, known)}")
        if name in wanted:
            raise _malformed(f"the output {name!r} is asked for twice")
        parameters = _parameters(one, f"output {name!r}: parameters")
        wanted[name] = _bool(parameters.pop(_BINARY, binary), _BINARY)
        if parameters:
            unknown = next(iter(parameters))
            raise _malformed(f"output {name!r}: unknown parameter {unknown!r}; known: {_BINARY}")
    return wanted or dict.fromkeys(known, binary)


def _malformed(text: str) -> Refusal:
    return Refusal(400, "bad_request", text)


def _kind(value: Any) -> str:
    names = {dict: "object", list: "list", str: "text", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _malformed(f"{what} is a JSON {_kind(value)}; expected an object")
    return value


def _list(found: dict[str, Any], name: str, *, required: bool = False) -> Sequence[Any]:
    value = found.get(name)
    if value is None and not required:
        return []
    if not isinstance(value, list) or (required and not value):
        raise _malformed(f"{name}: expected a list of one object or more" if required else f"{name}: expected a list")
    return value


def _text(found: dict[str, Any], name: str, what: str) -> str:
    value = found.get(name)
    if not isinstance(value, str):
        raise _malformed(f"{what} has no {name}: expected text")
    return value


def _parameters(found: dict[str, Any], what: str) -> dict[str, Any]:
    """Return parameters, whose values are scalars in this protocol."""
    value = found.get("parameters")
    if value is None:
        return {}
    for name, each in _object(value, what).items():
        if isinstance(each, (dict, list)):
            raise _malformed(f"{what}: {name} is a JSON {_kind(each)}; parameters are scalars: send it as text of JSON")
    return dict(value)


def _bool(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise _malformed(f"{name} is a JSON {_kind(value)}; expected true or false")
    return value
