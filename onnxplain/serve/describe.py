"""What the Open Inference Protocol says of a model and of its explainer: the tensors that they take and give."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.answering import BlackBox
from onnxplain.inputs.shape import static
from onnxplain.rows.found import ADDED
from onnxplain.serve.datatypes import BF16, BYTES, stated_datatype

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxplain.graph.deployed import Stated
    from onnxplain.model import Model

PLATFORM = "onnx_onnxv1"
"""The protocol's name for a model in ONNX."""
VERSION = "1"
"""The version of every model: a file is served as it is, under a name of its own."""
SUFFIX = "-explain"
"""What the name of an explainer adds to that of its model."""
ATTRIBUTION, SCORES, TARGET, RECORD = "attribution", "scores", "target", "record"
"""The outputs of an explainer; of several inputs that are explained together, each has its `attribution.<input>`."""


@dataclass(frozen=True)
class Tensor:
    """An input or an output: its name, its datatype, and its shape, in which -1 is any length.

    also: further datatypes that an input may have. rows: the axis of an explained input that holds the rows of a batch;
    None where there is none, or where it is not explained. parameters: what else is said of it, in scalars.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    also: tuple[str, ...] = ()
    rows: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """Return what the protocol says of it."""
        found: dict[str, Any] = {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}
        parameters = {**self.parameters, **({"also": ", ".join(self.also)} if self.also else {})}
        return {**found, **({"parameters": parameters} if parameters else {})}


@dataclass(frozen=True)
class Description:
    """A model under a name, or its explainer: its inputs and its outputs.

    needed: the names of the inputs that a request has to have.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    needed: frozenset[str]

    def metadata(self) -> dict[str, Any]:
        """Return what the protocol says of it."""
        return {
            "name": self.name,
            "versions": [VERSION],
            "platform": PLATFORM,
            "inputs": [each.metadata() for each in self.inputs],
            "outputs": [each.metadata() for each in self.outputs],
        }


def of_model(name: str, model: Model) -> Description:
    """Return the description of a model: all inputs and outputs of its file, as onnxruntime states them.

    An output that is a list of maps, as ZipMap makes of probabilities, is given as one tensor [N, K] of their values.
    """
    inputs, outputs = model.stated()
    taken = tuple(_input(each, model) for each in inputs if each.name not in model.canonical.fixed)
    given = tuple(found for each in outputs if (found := _output(each, model)) is not None)
    return Description(name, taken, given, frozenset(each.name for each in taken))


def of_explainer(name: str, model: Model) -> Description:
    """Return the description of the explainer of a model, whose name is `name`.

    Of the inputs, it needs those that the scores depend on.
    """
    plain = of_model(name, model)
    needed = frozenset(value.name for value in model.canonical.graph.inputs)
    number = "FP64" if model.precision == "float64" else "FP32"
    if isinstance(model, BlackBox):
        number = plain.outputs[0].datatype
    classes = {"labels": json.dumps(model.labels)} if model.labels else {}
    outputs = (
        *_attributions(model, number),
        Tensor(SCORES, number, (-1, model.classes or -1), parameters=classes),
        Tensor(TARGET, "INT64", (-1,)),
        Tensor(RECORD, BYTES, (1,)),
    )
    return Description(name + SUFFIX, tuple(each for each in plain.inputs if each.name in needed), outputs, needed)


def _attributions(model: Model, number: str) -> list[Tensor]:
    """Return what is attributed to each explained input, in its shape with the rows first."""
    if model.together:
        return [
            Tensor(f"{ATTRIBUTION}.{name}", number, _rows_first(own.input_shape)) for name, own in model.alone.items()
        ]
    shape = (-1, len(model.table.names)) if model.table is not None else _rows_first(model.input_shape)
    columns = model.features or (None if model.table is None else model.table.names)
    return [Tensor(ATTRIBUTION, number, shape, parameters={"columns": json.dumps(columns)} if columns else {})]


def explained_inputs(model: Model) -> tuple[str, ...]:
    """Return the names of the inputs that are explained; all of them where they are the columns of a table."""
    if model.table is not None:
        return tuple(part.name for part in model.table.parts)
    return model.together or (model.explained_input.name,)


def takes_pictures(model: Model, name: str) -> bool:
    """Whether an input is made of pictures by a preprocessing."""
    if model.together:
        return name in model.together and model.alone[name].preprocess is not None
    return model.preprocess is not None and name == model.explained_input.name


def _input(stated: Stated, model: Model) -> Tensor:
    datatype = stated_datatype(stated.kind) or stated.kind
    also = ["UINT8"] if takes_pictures(model, stated.name) and datatype != "UINT8" else []
    if datatype != BF16 and model.canonical.half_inputs.get(stated.name, np.dtype("f")).name == "bfloat16":
        also.append(BF16)  # which onnxruntime does not run on a CPU, so that the file is run in float32
    if model.reader is not None and stated.name == model.explained_input.name:
        also.append(BYTES)
    rows = model.canonical.rows.moved.get(stated.name, 0)
    explained = stated.name in explained_inputs(model) and rows != ADDED
    return Tensor(stated.name, datatype, _any_rows(stated, model), tuple(also), rows if explained else None)


def _output(stated: Stated, model: Model) -> Tensor | None:
    """Return an output; None for one that no tensor of the protocol can hold."""
    labels = {"labels": json.dumps(model.labels)} if model.labels and stated.name == model.canonical.output else {}
    if stated.kind.startswith("seq(map("):
        classes = model.classes if stated.name == model.canonical.output else None
        return Tensor(stated.name, "FP32", (-1, classes or -1), parameters=labels)
    datatype = stated_datatype(stated.kind)
    if datatype is None:
        return None
    return Tensor(stated.name, "FP32" if datatype == BF16 else datatype, _any_rows(stated, model), parameters=labels)


def _any_rows(stated: Stated, model: Model) -> tuple[int, ...]:
    """Return a shape in which the rows may be any number, also where the file takes so many at once and no others."""
    shape, fixed = list(_shape(stated.shape)), model.fixed_batch
    axis = model.canonical.rows.moved.get(stated.name, 0)
    if fixed is not None and axis != ADDED and len(shape) > axis and shape[axis] == fixed:
        shape[axis] = -1
    return tuple(shape)


def _shape(shape: Sequence[int | str | None]) -> tuple[int, ...]:
    return tuple(static(size) or -1 for size in shape)


def _rows_first(shape: Sequence[int | str | None]) -> tuple[int, ...]:
    return (-1, *_shape(shape)[1:])
