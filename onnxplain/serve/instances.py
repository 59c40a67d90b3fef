"""The instances of KServe's V1 protocol, made into inputs: one instance is one row, in whatever form JSON has it.

A row is a nested list of numbers in the model's own range, in the shape of its input without the axis of the rows;
{"b64": "..."}, the content of a file: a picture, an .npy, DICOM or WAV; a text, or a pair of texts, for a model with a
tokenizer; the values of a table's columns in their order; or an object of any of these by the name of the input or of
the column.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from onnxplain.errors import BadInputError
from onnxplain.graph.dependence import takes_missing
from onnxplain.serve.datatypes import BF16, from_json
from onnxplain.serve.describe import explained_inputs
from onnxplain.text import offer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.model import Model
    from onnxplain.serve.describe import Description, Tensor

FILE = "b64"
"""The key of an object that holds the content of a file in base64."""


class Taken(NamedTuple):
    """The inputs of a request, as an explainer takes them.

    beside: those inputs of the file that its scores do not depend on. rows: how many rows they have to have; None where
    the inputs say it.
    """

    inputs: Any
    beside: dict[str, Array]
    rows: int | None = None


def taken(instances: Sequence[Any], model: Model, about: Description) -> Taken:
    """Return the inputs that instances are. about: of the model.

    Raises BadInputError, which names the instance, for one that is no row of the model, and for those of several kinds.
    """
    kind = _kind(instances[0])
    for i, each in enumerate(instances):
        if _kind(each) != kind:
            raise BadInputError(f"instance {i} is {_kind(each)}, and instance 0 is {kind}; send those of one kind")
    count = len(instances)
    if model.reader is not None and kind == "text":
        return Taken(list(instances), {}, count)
    if model.table is not None:
        return Taken(_table(instances, model, model.features or model.table.names), {}, count)
    if kind == "an object" and model.features and set(instances[0]) != {model.explained_input.name}:
        ordered = [_ordered(each, i, model.features) for i, each in enumerate(instances)]
        return Taken({model.explained_input.name: _column(ordered, _explained(model, about), model)}, {}, count)
    if kind == "an object":
        return _by_name(instances, model, about)
    names = [each.name for each in about.inputs]
    if len(names) > 1:
        raise BadInputError(
            f"instance 0 is {kind}; the model has the inputs {', '.join(map(repr, names))}: send objects"
        )
    if kind == "text":
        raise BadInputError('instance 0 is text, and the model takes none; send numbers, or {"b64": a file in base64}')
    return Taken({names[0]: _column(list(instances), about.inputs[0], model)}, {}, count)


def _explained(model: Model, about: Description) -> Tensor:
    return next(each for each in about.inputs if each.name == model.explained_input.name)


def _kind(instance: Any) -> str:
    """Return what an instance is, in words."""
    if isinstance(instance, dict):
        return "a file" if set(instance) == {FILE} else "an object"
    if isinstance(instance, list):
        pair = len(instance) == 2 and all(isinstance(each, str) for each in instance)
        return "text" if pair else "a list"
    return "text" if isinstance(instance, str) else "null" if instance is None else "a number"


def _by_name(instances: Sequence[dict[str, Any]], model: Model, about: Description) -> Taken:
    """Return the inputs that objects hold by name."""
    stated = {each.name: each for each in about.inputs}
    for i, each in enumerate(instances):
        unknown = [name for name in each if name not in stated]
        missing = [name for name in stated if name not in each]
        if unknown:
            raise BadInputError(f"instance {i}: the model has no input {unknown[0]!r}; {offer(unknown[0], stated)}")
        if missing and (missing[0] in about.needed or missing[0] in instances[0]):
            raise BadInputError(f"instance {i} has no {missing[0]!r}; the model takes {', '.join(map(repr, stated))}")
    given = {
        name: _column([each[name] for each in instances], stated[name], model)
        for name in stated
        if name in instances[0]
    }
    known = {value.name for value in model.canonical.graph.inputs}
    inputs = {name: value for name, value in given.items() if name in known}
    return Taken(inputs, {n: v for n, v in given.items() if n not in known}, len(instances))


def _column(values: list[Any], stated: Tensor, model: Model) -> Any:
    """Return the values of one input: the bytes of a file of each, or one array of all."""
    what = f"input {stated.name!r} of the instances"
    explained = stated.name in explained_inputs(model)
    if all(_kind(each) == "a file" for each in values):
        if not explained:
            raise BadInputError(f"{what} is a file; expected numbers")
        return [_content(each[FILE], i) for i, each in enumerate(values)]
    datatype = "FP32" if stated.datatype == BF16 else stated.datatype
    missing = explained and takes_missing(model.canonical.graph)
    shape = _shape_of(values)
    if not explained and len(shape) == len(stated.shape) + 1:  # a setting, which is the same for all rows
        if any(each != values[0] for each in values):
            raise BadInputError(f"{what} is one for all rows, of shape {list(stated.shape)}, and has several values")
        return from_json(values[0], datatype, shape[1:], what) if shape[1:] else np.array(values[0])
    due = (-1, *stated.shape) if explained and stated.rows is None else stated.shape
    if explained and due and len(shape) != len(due):
        row = [size for axis, size in enumerate(due) if axis != (stated.rows or 0)]
        raise BadInputError(f"{what}: a row of shape {shape[1:]}, and the model takes rows of shape {row}")
    array = from_json(values, datatype, shape, what, missing=missing)
    return np.moveaxis(array, 0, stated.rows) if stated.rows else array


def _shape_of(values: Any) -> list[int]:
    """Return the shape of a nested list, by the first of each of its lists."""
    shape = []
    while isinstance(values, list):
        shape.append(len(values))
        values = values[0] if values else None
    return shape


def _content(text: Any, i: int) -> bytes:
    """Return the content of a file in base64."""
    if not isinstance(text, str):
        raise BadInputError(f"instance {i}: {FILE} is no text; expected the content of a file in base64")
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise BadInputError(f"instance {i}: {FILE} is no base64 ({problem})") from None
    if not found:
        raise BadInputError(f"instance {i}: {FILE} is empty; expected the content of a file")
    return found


def _table(instances: Sequence[Any], model: Model, names: Sequence[str]) -> list[list[Any]]:
    """Return rows of a table as lists in the order of the columns."""
    assert model.table is not None  # noqa: S101  # for the type checker
    rows = [_row(each, i, model, names) for i, each in enumerate(instances)]
    missing = takes_missing(model.canonical.graph)
    for i, row in enumerate(rows):
        for name, value, dtype in zip(names, row, model.table.kinds, strict=True):
            words = dtype.kind not in "biuf"
            fits = isinstance(value, str) if words else isinstance(value, (int, float)) and not isinstance(value, bool)
            if not fits and not (value is None and missing and dtype.kind == "f"):
                shown = "null" if value is None else f"{value!r:.40}"
                raise BadInputError(
                    f"instance {i}: column {name!r} holds {'words' if words else dtype}, and not {shown}"
                )
    return [[np.nan if value is None else value for value in row] for row in rows]


def _row(instance: Any, i: int, model: Model, names: Sequence[str]) -> list[Any]:
    """Return one row of a table, from a list or from an object by the names of columns or of inputs."""
    if not isinstance(instance, dict):
        values = instance if isinstance(instance, list) else [instance]
        if len(values) != len(names):
            raise BadInputError(
                f"instance {i} has {len(values)} values, and the model {len(names)} columns: {_few(names)}"
            )
        return values
    parts = model.table.parts if model.table is not None else ()
    found, start = dict(instance), 0
    for part in parts:
        own = names[start : start + part.width]
        if part.name in found and part.name not in own:
            values = found.pop(part.name)
            values = values if isinstance(values, list) else [values]
            if len(values) != part.width:
                raise BadInputError(f"instance {i}: {part.name!r} has {len(values)} values; expected {part.width}")
            found |= dict(zip(own, values, strict=True))
        start += part.width
    found = {name: v[0] if isinstance(v, list) and len(v) == 1 else v for name, v in found.items()}
    return _ordered(found, i, names)


def _ordered(instance: dict[str, Any], i: int, names: Sequence[str]) -> list[Any]:
    """Return the values of an object in the order of the columns."""
    for name in instance:
        if name not in names:
            raise BadInputError(f"instance {i}: the model has no column {name!r}; {offer(name, names)}")
    missing = [name for name in names if name not in instance]
    if missing:
        raise BadInputError(f"instance {i} has no value for the column {missing[0]!r}; the model reads {_few(names)}")
    return [instance[name] for name in names]


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
