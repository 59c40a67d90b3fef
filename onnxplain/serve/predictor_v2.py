"""A predictor that speaks the Open Inference Protocol: tensors with names and types, in JSON or as binary data."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from urllib.parse import quote

import numpy as np

from onnxplain.engines.answers import BYTES
from onnxplain.errors import BadInputError, PredictorError, UnsupportedModelError, UsageError
from onnxplain.serve import json_text
from onnxplain.serve.datatypes import DTYPES, datatype_of, from_bytes, from_json, to_bytes
from onnxplain.serve.predictor import TEXT, Known, Predictor
from onnxplain.serve.tensors import HEADER

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.serve.connection import Connection, Reply

BINARY = "binary_tensor_data"
"""The extension by which tensors are sent as binary data, as the metadata of a server names it."""
_INPUT = "input-0"
"""What the input is called of a model that states none, as KServe does."""


class _Metadata(NamedTuple):
    """What a server states; None where it states nothing. input: its name, KServe's own where there is none."""

    input: str
    dtype: np.dtype[Any] | None
    shape: tuple[int | None, ...]
    output: str | None
    classes: int | None


class PredictorV2(Predictor):
    """POST /v2/models/NAME/infer. binary: whether it is sent binary data; None where its metadata says so."""

    protocol = "v2"
    dtype: ClassVar[type] = np.float32

    def __init__(
        self, connection: Connection, model: str, output: str | None = None, *, binary: bool | None = None
    ) -> None:
        super().__init__(connection, model, output)
        self._binary = binary

    @property
    def path(self) -> str:
        """See `Predictor`."""
        return f"/v2/models/{quote(self.name, safe='')}/infer"

    def known(self) -> Known | None:
        """See `Predictor`."""
        stated, _ = self._metadata, self.binary
        return None if stated.dtype is None else Known(stated.shape, stated.dtype, stated.classes)

    def __call__(self, x: Array) -> Any:
        """See `Predictor`."""
        stated, given = self._metadata, self._cast(x)
        tensor: dict[str, Any] = {"name": stated.input, "shape": list(given.shape), "datatype": datatype_of(given)}
        request: dict[str, Any] = {"inputs": [tensor]}
        if stated.output is not None:
            request["outputs"] = [{"name": stated.output}]
        if not self.binary:
            tensor["data"] = given.ravel()
            reply = self._connection.post(self.path, json_text.dumps(request), {"Content-Type": "application/json"})
            return self._scores(reply)
        data = to_bytes(given)
        tensor["parameters"] = {"binary_data_size": len(data)}
        request |= {"parameters": {"binary_data_output": True}}
        for each in request.get("outputs", ()):
            each["parameters"] = {"binary_data": True}
        head = json_text.dumps(request)
        headers = {"Content-Type": "application/octet-stream", HEADER: str(len(head))}
        return self._scores(self._connection.post(self.path, head + data, headers))

    def _cast(self, x: Array) -> Array:
        """Return rows in the type that the server takes. Raises BadInputError where whole numbers cannot hold them."""
        dtype = self._metadata.dtype or x.dtype
        found = x.astype(dtype)
        if dtype.kind != "f" and not np.array_equal(found, x):
            raise BadInputError(f"{self} takes {dtype}, and the rows have other numbers; give dtype={dtype.name!r}")
        return found

    @property
    def size(self) -> int:  # type: ignore[override]
        """See `Predictor`."""
        return BYTES if vars(self).get("binary") else TEXT

    @cached_property
    def binary(self) -> bool:
        """Whether tensors are sent as binary data."""
        if self._binary is not None:
            return self._binary
        reply = self._connection.get("/v2")
        return reply.status == 200 and BINARY in self.read(reply, lambda found: found.get("extensions") or ())

    @cached_property
    def _metadata(self) -> _Metadata:
        path = self.path.removesuffix("/infer")
        inputs, outputs = self.read(self._connection.get(path), _tensors)
        if len(inputs) > 1:
            raise UnsupportedModelError(f"{self} has the inputs {_names(inputs)}; one with a single input is explained")
        output, classes = self._output(outputs)
        if not inputs:
            return _Metadata(_INPUT, None, (), output, classes)
        name, datatype, shape = inputs[0]
        if datatype not in DTYPES or DTYPES[datatype].kind not in "biuf":
            raise UnsupportedModelError(f"{self} takes {datatype} for {name!r}; numbers are explained")
        return _Metadata(name, DTYPES[datatype], shape, output, classes)

    def _output(self, outputs: list[tuple[str, str, tuple[int | None, ...]]]) -> tuple[str | None, int | None]:
        """Return the name of the output that holds the scores, and how many a row has; None where it is not stated."""
        floats = [each for each in outputs if each[1].startswith("FP")]
        found = [each for each in outputs if each[0] == self.output] if self.output else floats
        if not outputs:
            return self.output, None
        if len(found) != 1:
            raise UsageError(f"{self} has the outputs {_names(outputs)}; say which of them has the scores (output=)")
        name, _, shape = found[0]
        return name, shape[1] if len(shape) == 2 else None

    def _scores(self, reply: Reply) -> Array:
        """Return the output that holds the scores."""
        size = self.checked(reply).headers.get(HEADER.lower())
        head, rest = (reply, memoryview(b"")) if size is None else _parted(reply, size)
        found = self.read(head, lambda answer: [(each, each["name"], each["shape"]) for each in answer["outputs"]])
        arrays = {}
        for each, name, shape in found:
            binary = (each.get("parameters") or {}).get("binary_data_size")
            data, rest = (None, rest) if binary is None else (rest[:binary], rest[binary:])
            arrays[name] = each, data, shape
        wanted = self._metadata.output or (next(iter(arrays)) if len(arrays) == 1 else None)
        if wanted not in arrays:
            listed = ", ".join(map(repr, arrays)) or "none"
            raise PredictorError(f"{self} gives the outputs {listed}; say which of them has the scores (output=)")
        return self._array(*arrays[wanted])

    def _array(self, stated: dict[str, Any], data: memoryview | None, shape: list[int]) -> Array:
        what = f"{self}: the output {stated['name']!r}"
        try:
            if data is not None:
                return from_bytes(data, str(stated.get("datatype")), shape, what)
            return from_json(stated.get("data"), str(stated.get("datatype")), shape, what)
        except (BadInputError, KeyError, TypeError, ValueError) as problem:
            raise PredictorError(f"{problem}" if isinstance(problem, BadInputError) else f"{what}: {problem}") from None


def _tensors(found: Any) -> list[list[tuple[str, str, tuple[int | None, ...]]]]:
    """Return name, datatype and shape of the inputs and of the outputs that metadata state."""
    return [
        [
            (each["name"], each["datatype"], tuple(None if n < 0 else n for n in each["shape"]))
            for each in found.get(key) or ()
        ]
        for key in ("inputs", "outputs")
    ]


def _names(tensors: list[tuple[str, str, tuple[int | None, ...]]]) -> str:
    return ", ".join(repr(name) for name, *_ in tensors)


def _parted(reply: Reply, size: str) -> tuple[Reply, memoryview]:
    """Return an answer with its JSON alone, and the binary data behind it."""
    length = int(size) if size.isascii() and size.isdigit() else 0
    return reply._replace(body=reply.body[:length]), memoryview(reply.body)[length:]
