"""Feeds: what a user passes for the inputs of a model, read into arrays and checked against the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from onnxplain.errors import BadInputError, UnsupportedModelError
from onnxplain.graph.dependence import takes_missing
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.inputs import as_array, as_numbers, beside, held, read_input
from onnxplain.inputs.batch import Batch, by_row, first_dimension, places
from onnxplain.inputs.content import name_of
from onnxplain.inputs.names import check_features
from onnxplain.inputs.shape import show
from onnxplain.inputs.stored import stored
from onnxplain.inputs.table_file import ENDINGS, check_whole, named_rows
from onnxplain.inputs.text import check_no_text, texts_of
from onnxplain.inputs.tokens import ZEROS, empty_token, known_id
from onnxplain.ops.channels import channel_axes
from onnxplain.rows.probe import check_apart

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import onnx_graphsurgeon as gs
    from numpy.typing import ArrayLike

    from onnxplain.arrays import Array
    from onnxplain.inputs import Source
    from onnxplain.inputs.read import ReadInput
    from onnxplain.inputs.text import Made
    from onnxplain.model import Model

Inputs: TypeAlias = "Source | Mapping[str, Source]"
"""What is explained in one call: a source for the explained input, or a source for each input by its name."""


class Feeds:
    """Reads what a user passes for a model's inputs.

    baseline: of all calls that name none. Raises UnsupportedModelError for a model whose rows cannot be told apart.
    """

    def __init__(self, model: Model, baseline: ArrayLike | None) -> None:
        _check_rows(model)
        self._model = model
        self._baseline = baseline

    def read(self, x: Inputs) -> Batch:
        """Return the batch of an array, a picture, a path, a list of them, or a dict of these by the input's name.

        Raises BadInputError for what cannot be read or does not fit the model.
        """
        main = self._model.explained_input
        made = self._of_text(x)
        given = made.feeds if made else x if isinstance(x, Mapping) else {main.name: x}
        self._check_names(given)
        read = self.of_input(given[main.name])
        if made:
            read = replace(read, names=made.names, hashes=made.hashes, notes=made.notes + read.notes)
        others = [value for value in self._model.canonical.graph.inputs if value is not main]
        feeds = {main.name: read.array} | {v.name: self.beside(v, given[v.name], len(read.array)) for v in others}
        rows = by_row(self._model.canonical, feeds)
        check_apart(self._model.canonical, feeds, rows, self._model.fixed_batch)
        return self.batch(read, feeds, rows)

    def read_rows(self, x: Mapping[str, Source], names: Mapping[str, Sequence[str]]) -> Batch:
        """Return the batch of the rows of these names, in this order, out of all that are read.

        x, names: for each explained input, by its name. Raises BadInputError for a row that is not there.
        """
        (source,), (wanted,) = x.values(), names.values()
        batch = self.read(source)
        return batch.take(places(batch.names, wanted))

    def of_input(self, given: Source) -> ReadInput:
        """Return what is read for the explained input alone."""
        self._model.settle(given)
        main = self._model.explained_input
        shape, rows_axis = self._model.input_shape, self._model.canonical.rows.axis(main.name)
        with self._model.limits.hold():
            table = named_rows(given, self._model.features)
            source = given if table is None else table[0]
            missing = takes_missing(self._model.canonical.graph)
            if table is not None and not missing:
                check_whole(table[0], self._model.features, name_of(given, "input"))
            read = read_input(
                source, self._model.preprocess, shape, _dtype(main), rows_axis, missing=missing, sound=self._model.sound
            )
        if table is not None and table[1] is not None:
            name, count = name_of(given, "input"), len(read.array)
            names = (name,) if count == 1 else tuple(f"{name}[{i}]" for i in range(count))
            read = replace(read, names=names, hashes=(table[1],) * count)
        if table is not None and self._model.features is None:
            note = (
                f"{read.names[0]}: the model's columns have no names (features=), the table's are taken in their order"
            )
            read = replace(read, notes=(*read.notes, note))
        read = replace(read, array=self._held(read.array, main.name))
        if read.array.ndim == 2:
            check_features(self._model.features, read.array.shape[1])
        return read

    def batch(self, read: ReadInput, feeds: dict[str, Array], rows: frozenset[str]) -> Batch:
        """Return the batch of what was read for the explained input, and of all inputs; `rows` is its `by_row`."""
        axis, notes = self.channel_axis(read.array.shape)
        known = {name: getattr(read, name) for name in ("hashes", "preprocessed", "originals", "frames", "dicom")}
        notes = read.notes + notes + self._model.notes
        return Batch(read.array, feeds, rows, read.names, read.images, axis, notes, **known)

    def _of_text(self, x: object) -> Made | None:
        """Return what the model's tokenizer makes of texts; None where it has no tokenizer, and where x is no text."""
        reader = self._model.reader
        if reader is None:
            check_no_text(x)
        if reader is None or (texts := texts_of(x)) is None:
            return None
        inputs = {v.name: (tuple(v.shape or ()), _dtype(v)) for v in self._model.canonical.graph.inputs}
        return reader.read(texts, self._model.explained_input.name, inputs)

    def baseline(self, batch: Batch, baseline: ArrayLike | None) -> Batch:
        """Return the batch with the explained input replaced by the baseline: one for all rows, or one for each row."""
        x, given = batch.x, self.numbers(batch, baseline)
        try:
            repeated = np.broadcast_to(given, x.shape)
        except ValueError as problem:
            name = self._model.explained_input.name
            raise BadInputError(
                f"{name}: a baseline of shape {given.shape} for an input of shape {x.shape}"
            ) from problem
        return replace(batch, x=repeated, feeds=batch.feeds | {self._model.explained_input.name: repeated})

    def baselines(self, batch: Batch, baseline: ArrayLike | None) -> Array:
        """Return baselines [B, ...], of which each is for every row: from a number, an array like a row, or several."""
        row, given = batch.x.shape[1:], self.numbers(batch, baseline)
        many = given if given.ndim == len(row) + 1 else given[np.newaxis]
        if not len(many):
            raise BadInputError(f"baselines of shape {given.shape}: there is none; give at least one")
        try:
            return np.broadcast_to(many, (len(many), *row))
        except ValueError as problem:
            raise BadInputError(
                f"baselines of shape {given.shape} for rows of shape {row}: expected [B, {', '.join(map(str, row))}]"
            ) from problem

    def background(self, batch: Batch, baseline: ArrayLike | None) -> Batch:
        """Return the batch of the rows that each row is compared with, which `baselines` reads."""
        points = np.ascontiguousarray(self.baselines(batch, baseline))
        return batch.at(self._model.explained_input.name, [0] * len(points), points)

    def kinds(self) -> dict[str, bool] | None:
        """Return the names of columns that a table may have, and whether each has words; None without names."""
        return None if self._model.features is None else dict.fromkeys(self._model.features, False)

    def starts(self, batch: Batch) -> dict[str, Array]:
        """Return for each explained input, by name, the numbers of its values among all those of a row, [1, *row]."""
        row = batch.x.shape[1:]
        return {self._model.explained_input.name: np.arange(prod(row)).reshape(1, *row)}

    def asked(self, baseline: ArrayLike | None) -> ArrayLike | None:
        """Return the baseline of the call, or that of all calls; None where neither has one."""
        return self._baseline if baseline is None else baseline

    def numbers(self, batch: Batch, baseline: ArrayLike | None) -> Array:
        """Return the baseline of the call, or that of all calls, in the type of the input.

        By default it is 0 or, where the vocabulary has a token for padding or for what is masked, its id.
        """
        given, vocabulary = self.asked(baseline), self._model.vocabulary
        if isinstance(given, Path) or hasattr(given, "columns"):
            table = named_rows(given, self._model.features)
            given = stored(str(given))[0] if table is None else table[0]
            if given is None:
                expected = f"a number, or rows in an .npy, .npz, {', '.join(ENDINGS)}"
                raise BadInputError(f"{self.asked(baseline)}: expected {expected}")
        given = empty_token(vocabulary) if given is None else given
        if isinstance(given, str):
            zeros = given == ZEROS and batch.x.dtype.kind == "f"
            given = 0.0 if zeros else known_id(given, vocabulary)
        found = as_numbers(0.0 if given is None else given, "baseline", batch.x.dtype)
        return held(found, "baseline", self._model.canonical.half_inputs.get(self._model.explained_input.name))

    def _held(self, array: Array, name: str) -> Array:
        """Return an input as the file takes it: of half precision, where it states that."""
        return held(array, name, self._model.canonical.half_inputs.get(name))

    def _check_names(self, x: Collection[str]) -> None:
        """Raise BadInputError for a name that is no input of the file, and for an input that is missing."""
        known = self._model.canonical.inputs
        for name in x:
            if name not in known:
                raise BadInputError(f"the model has no input {name!r}; its inputs: {', '.join(map(repr, known))}")
        if self._model.explained_input.name not in x:
            raise BadInputError(f"no array for the explained input {self._model.explained_input.name!r}")
        missing = [value.name for value in self._model.canonical.graph.inputs if value.name not in x]
        if missing:
            raise BadInputError(
                f"the model also needs {', '.join(map(repr, missing))}: pass a dict with an array for each input"
            )

    def beside(self, value: gs.Variable, given: Source, rows: int) -> Array:
        """Return an input beside the explained one; its rows have to be as many where the file says so.

        The file says so by giving both the same first dimension. Where that is a number, the rows of this input may be
        those of one run, which serve all runs.
        """
        shape = None if value.shape is None else tuple(value.shape)
        own = first_dimension(shape or ())
        together = own is not None and own == first_dimension(self._model.input_shape)
        found, axis = as_array(given, value.name), self._model.canonical.rows.axis(value.name)
        found = np.moveaxis(found, axis, 0) if axis and found.ndim == len(shape or ()) else found
        array = self._held(beside(found, value.name, shape, _dtype(value), batched=together), value.name)
        if together and len(array) not in (rows, own):
            main = self._model.explained_input.name
            raise BadInputError(f"{value.name}: {len(array)} rows, and {main!r} has {rows}; give one for each")
        return array

    def channel_axis(self, shape: Sequence[int | str | None]) -> tuple[int | None, tuple[str, ...]]:
        """Return the axis of the channels, None for a shape without, and a note where the axis is a guess.

        It is stated by the preprocessing, or else by the graph; else an image's is the one that holds 1 or 3.
        """
        if self._model.preprocess is not None and self._model.preprocess.layout:
            return self._model.preprocess.layout.index("C"), ()
        if len(shape) > 2 and self._axis is not None:
            return self._axis, ()
        if len(shape) != 4:
            return None, ()
        axis = 3 if shape[3] in (1, 3) and shape[1] not in (1, 3) else 1
        name = self._model.explained_input.name
        return axis, (f"{name}: axis {axis} is taken for the channels by its size; the graph does not tell",)

    @cached_property
    def _axis(self) -> int | None:
        """The channel axis of the input, as the operators behind it read it; None where they do not tell."""
        return channel_axes(self._model.canonical.graph).get(self._model.explained_input.name)


def _dtype(value: gs.Variable) -> np.dtype[Any]:
    """Return the element type of a graph input, which every file states."""
    return numpy_dtype(value) or np.dtype(np.float32)


def _check_rows(model: Model) -> None:
    value, rows = model.explained_input, model.canonical.rows
    if rows.problem:
        raise UnsupportedModelError(rows.problem)
    if value.shape is None or (len(value.shape) < 2 and value.shape != [1]):
        shape = "unknown shape" if value.shape is None else f"shape {show(model.input_shape)}"
        raise UnsupportedModelError(
            f"input {value.name!r} of {shape} has no axes within a row, whose parts could be compared: export "
            "the model with an input [N, ...] of known rank"
        )
