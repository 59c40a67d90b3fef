"""The inputs of a request of the Open Inference Protocol, checked before they become arrays."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from onnxplain.errors import BadInputError
from onnxplain.serve.datatypes import BYTES
from onnxplain.serve.instances import Taken
from onnxplain.serve.refusal import Refusal, too_many_rows
from onnxplain.serve.tensors import check_datatype, check_names, check_shape

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from onnxplain.model import Model
    from onnxplain.serve.describe import Description, Tensor
    from onnxplain.serve.limits import Limits
    from onnxplain.serve.tensors import Given

_PICTURES = 4
"""How many axes an array of several pictures has."""
_CHANNELS = (1, 3, 4)


def read(
    inputs: Mapping[str, Given], model: Model, about: Description, needed: Collection[str], limits: Limits
) -> Taken:
    """Return the inputs of a request as an explainer takes them.

    about: of the model, with all inputs of its file. needed: the names of those that there have to be.

    Texts, of the datatype BYTES, come in the place of token ids where the model has a tokenizer, and pictures, of
    UINT8 and of any size, in the place of the array that a preprocessing makes of them.

    Raises BadInputError where an input does not fit, and Refusal for too many rows or pixels, both before there are
    arrays.
    """
    ids = model.explained_input.name
    texts = model.reader is not None and ids in inputs and inputs[ids].datatype == BYTES
    check_names(inputs, about, {ids} if texts else needed)
    if texts and len(inputs) > 1:
        other = next(name for name in inputs if name != ids)
        raise BadInputError(f"input {ids!r} holds texts, of which the tokenizer makes {other!r}; leave it out")
    known, rows = {each.name: each for each in about.inputs}, {}
    for name, given in inputs.items():
        count = _checked(given, known[name], texts=texts)
        if count is not None:
            rows[name] = count
            _check_rows(name, count, rows, limits, together=model.table is not None)
        if given.datatype == "UINT8" != known[name].datatype:
            _check_pixels(given, limits.pixels)
    arrays = {name: given.array() for name, given in inputs.items()}
    if texts:
        return Taken(arrays[ids].ravel().tolist(), {})
    read_by = {value.name for value in model.canonical.graph.inputs}
    kept = {name: array for name, array in arrays.items() if name in read_by}
    return Taken(kept, {name: array for name, array in arrays.items() if name not in read_by})


def _checked(given: Given, stated: Tensor, *, texts: bool) -> int | None:
    """Return how many rows an input has; None where it is not explained. Raises BadInputError where it does not fit."""
    check_datatype(given, stated)
    if texts:
        if len(given.shape) not in (1, 2) or prod(given.shape[1:]) != 1 or not given.shape[0]:
            raise BadInputError(f"input {given.name!r}: texts of shape {list(given.shape)}; expected [N] or [N, 1]")
        return given.shape[0]
    if given.datatype == "UINT8" != stated.datatype:
        return given.shape[0] if len(given.shape) == _PICTURES else 1
    if given.datatype == BYTES != stated.datatype:
        raise BadInputError(f"input {given.name!r}: texts, and the model has no tokenizer")
    check_shape(given, stated)
    return None if stated.rows is None else given.shape[stated.rows]


def _check_rows(name: str, count: int, rows: Mapping[str, int], limits: Limits, *, together: bool) -> None:
    """Raise Refusal for too many rows, and BadInputError for columns of several lengths."""
    if count > limits.rows:
        raise too_many_rows(f"input {name!r}: {count} rows", limits.rows)
    other = next(iter(rows))
    if together and rows[other] != count:
        raise BadInputError(f"input {name!r}: {count} rows, and {other!r} has {rows[other]}; give one for each")


def _check_pixels(given: Given, most: int) -> None:
    """Raise Refusal for pictures that are too large."""
    shape = given.shape[1:] if len(given.shape) == _PICTURES else given.shape
    pixels = prod(shape)
    if len(shape) > 2:
        channels = next((n for n in (shape[-1], shape[0]) if n in _CHANNELS), 1)
        pixels //= channels
    if pixels > most:
        raise Refusal(413, "too_large", f"input {given.name!r}: a picture of {pixels} pixels; one may have {most}")
