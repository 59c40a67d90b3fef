"""What the description of the service (OpenAPI) says of the requests and answers of both protocols.

Bodies are read and checked by the protocols' own modules, which name the input that is at fault and take binary data;
what stands here describes them, and is held against them by a test.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
_SCALARS: dict[str, Any] = {"type": ["object", "null"], "additionalProperties": _SCALAR}
DATATYPES = ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"]
DATATYPES += ["FP16", "FP32", "FP64", "BYTES", "BF16"]


class Error(BaseModel):
    """Why a request has no result."""

    error: str = Field(description="One sentence.")
    code: str = Field(description="A short word for the reason, which stays the same.")
    request_id: str = Field(description="By which the log of the service knows the request.")


class ModelNames(BaseModel):
    """The names of the models."""

    models: list[str]


class ModelReady(BaseModel):
    """Whether a model takes requests."""

    name: str
    ready: bool


class Live(BaseModel):
    """Whether the service runs."""

    live: bool


class Ready(BaseModel):
    """Whether the service takes requests."""

    ready: bool


class ServerMetadata(BaseModel):
    """What the service is."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    """An input or an output; -1 in its shape is any length."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, str] | None = None


class ModelMetadata(BaseModel):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class Predictions(BaseModel):
    """What the file itself gives for each instance: its output or, of several, an object of all by their names."""

    predictions: list[Any]


class RowExplanation(BaseModel):
    """The explanation of one instance."""

    attribution: Any = Field(description="Nested lists in the shape of the input; of several inputs, by their names.")
    target: Any = Field(description="Index of the class that is explained, or the inner value.")
    label: str
    score: float
    record: dict[str, Any] = Field(description="What was explained and how: all it takes to make it again.")


class Explanations(Predictions):
    """The predictions, and an explanation for each of them."""

    explanations: list[RowExplanation]


class OutputTensor(BaseModel):
    """An output. Its elements are in `data`, or as binary data behind the JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, str | int | float | bool] | None = None
    data: list[Any] | None = None


class InferAnswer(BaseModel):
    """The outputs of a model."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


def _body(schema: dict[str, Any], example: dict[str, Any], **others: Any) -> dict[str, Any]:
    """Return what an operation says of the body of its requests."""
    content = {"application/json": {"schema": schema, "example": example}, **others}
    return {"requestBody": {"required": True, "content": content}}


def _tensors(items: dict[str, Any], least: int) -> dict[str, Any]:
    return {"type": "array" if least else ["array", "null"], "minItems": least, "items": items}


INSTANCES = _body(
    {
        "type": "object",
        "required": ["instances"],
        "additionalProperties": False,
        "properties": {
            "instances": {"type": "array", "minItems": 1, "items": {}},
            "parameters": {"type": ["object", "null"]},
        },
    },
    {"instances": [[0.1, 0.2, 0.3]], "parameters": {"method": "gradient", "target": 0}},
)
"""The body of a request of V1: one instance for each row, and how they are explained."""

TENSORS = _body(
    {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": ["string", "null"]},
            "parameters": _SCALARS,
            "inputs": _tensors(
                {
                    "type": "object",
                    "required": ["name", "shape", "datatype"],
                    "properties": {
                        "name": {"type": "string"},
                        "shape": {
                            "type": "array",
                            "maxItems": 32,
                            "items": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
                        },
                        "datatype": {"enum": DATATYPES},
                        "parameters": _SCALARS,
                        "data": {"type": ["array", "null"]},
                    },
                },
                1,
            ),
            "outputs": _tensors(
                {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}, "parameters": _SCALARS},
                },
                0,
            ),
        },
    },
    {"inputs": [{"name": "image", "shape": [1, 3], "datatype": "FP32", "data": [0.1, 0.2, 0.3]}]},
    **{"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
)
"""The body of a request of V2: its inputs as tensors, whose binary data may follow the JSON."""

_WHY = {
    400: "It is not of the form that the protocol says.",
    401: "The service asks for a token, and there is none that it knows.",
    403: "The method is not offered here, or another page or an unknown name of a host asks.",
    404: "No model has this name.",
    408: "Its body was not sent in time.",
    413: "It has too many bytes, rows or pixels, or asks for too much.",
    415: "Its body is compressed by something else than gzip or deflate, or holds a file of no kind that is read.",
    422: "An input or a parameter does not fit the model.",
    429: "Too many requests are waiting.",
    500: "An error of the service's own.",
    501: "A library that it takes is not installed.",
    502: "The server that is asked for predictions fails, or answers no scores.",
    503: "The service is starting or ending.",
    504: "It took too long.",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what an operation says of its refusals, by their statuses."""
    return {status: {"model": Error, "description": _WHY[status]} for status in statuses}


ASKING = errors(*_WHY)
"""What an operation that runs a model may answer beside a result."""

TOLD = errors(401, 403)
"""What every other operation may answer, but for those of health."""
