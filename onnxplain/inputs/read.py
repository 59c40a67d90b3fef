"""Reading inputs: paths of pictures and arrays, PIL pictures, arrays, and lists of these become one batch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image

from onnxplain.errors import BadInputError, UsageError
from onnxplain.inputs.arrays import as_array, checked
from onnxplain.inputs.decode import Decoded, decode, picture_name
from onnxplain.inputs.pixels import check_range, is_picture, pictures
from onnxplain.inputs.preprocess import PRESETS, Preprocess
from onnxplain.inputs.shape import Shape, show
from onnxplain.inputs.stored import stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from onnxplain.arrays import Array
    from onnxplain.inputs.placement import Original


Item: TypeAlias = "str | Path | Image.Image | ArrayLike"
"""One input as a user has it: the path of a picture or of an array, a PIL picture, or an array or nested list."""

Source: TypeAlias = "Item | Sequence[Item]"
"""What is read as one batch: an item, or a list of items."""


@dataclass(frozen=True)
class ReadInput:
    """What was read.

    array: the rows in the model's shape and element type. names: where each row came from.
    images: the picture of each row as the model sees it, uint8 RGB [H, W, 3], with the pixels of the model's input;
    None where no picture is known. notes: what was done to the inputs besides the preprocessing, to be shown.
    hashes: for each row the SHA-256 of the file that it was read from, None where there was none.
    preprocessed: whether the rows are pictures that the preprocessing was applied to; else they are arrays in the
    model's own range. originals: those pictures as they came, upright; None for arrays.
    """

    array: Array = field(repr=False)
    names: tuple[str, ...]
    images: tuple[Array | None, ...] = field(repr=False)
    notes: tuple[str, ...] = ()
    hashes: tuple[str | None, ...] = ()
    preprocessed: bool = False
    originals: tuple[Original, ...] | None = field(default=None, repr=False)


def read_input(
    source: Source,
    preprocess: Preprocess | None,
    shape: Shape,
    dtype: DTypeLike,
    rows_axis: int = 0,
    *,
    missing: bool = False,
) -> ReadInput:
    """Read `source` as a batch for a model's input of `shape` and `dtype`.

    source: the path of a picture, of an .npy or of an .npz ("file.npz:key" where it holds several arrays); a PIL
    picture; an array or nested list of numbers in the model's own range; or a list of these. With a preprocess, an
    array of uint8 with the shape [H, W], [H, W, C] or [N, H, W, C] is a picture, and becomes what the same PNG would.
    shape: each dimension is a number, or a name or None where it is dynamic; the rows come first. rows_axis: the axis
    on which a given array has them, where it has an axis for them. missing: whether NaN is allowed, as a missing value.

    Raises UsageError for a picture without a preprocess, BadInputError for what cannot be read or does not fit and for
    a list of both pictures and arrays, NumericalError for NaN or Inf. Every message names the input.
    """
    fitted = preprocess.fit(shape, dtype) if preprocess else None
    reader = _Reader(fitted, shape, dtype, rows_axis, missing)
    if not isinstance(source, (list, tuple)) or not any(_is_item(item) for item in source):
        return reader.read(source, "input")
    parts = [reader.read(item, f"input {i}") for i, item in enumerate(source)]
    _check_alike(parts)
    sizes = {part.array.shape[1:] for part in parts}
    if len(sizes) > 1:
        raise BadInputError(f"inputs of several shapes in one batch: {', '.join(sorted(map(show, sizes)))}")
    return ReadInput(
        np.concatenate([part.array for part in parts]),
        tuple(name for part in parts for name in part.names),
        tuple(image for part in parts for image in part.images),
        tuple(note for part in parts for note in part.notes),
        tuple(each for part in parts for each in part.hashes),
        parts[0].preprocessed,
        tuple(each for part in parts for each in part.originals or ()) or None,
    )


def _check_alike(parts: Sequence[ReadInput]) -> None:
    """Raise BadInputError where some inputs are pictures and others arrays: one record cannot speak for both."""
    first = parts[0]
    other = next((part for part in parts if part.preprocessed != first.preprocessed), None)
    if other is not None:
        picture, array = (first, other) if first.preprocessed else (other, first)
        raise BadInputError(
            f"{picture.names[0]} is a picture and is preprocessed, {array.names[0]} is an array in the model's own "
            "range and is taken as it is: explain them in two calls"
        )


def rows_of_item(source: Item, name: str, ndim: int, axis: int = 0) -> list[tuple[str, Item]]:
    """Return the rows of an item one by one, each with its name.

    An array of `ndim` axes, or a file that holds one, is taken apart along the axis of its rows. Anything else is one
    row and stays as it is. name: that of an item which is no path. Raises BadInputError for a file that cannot be read.
    """
    name = str(source) if isinstance(source, (str, Path)) else name
    array = stored(name)[0] if isinstance(source, (str, Path)) else source
    if not isinstance(array, np.ndarray) or array.ndim != ndim or array.shape[axis] < 2:
        return [(name, source)]
    return [(f"{name}[{i}]", array.take([i], axis)) for i in range(array.shape[axis])]


def _is_item(value: object) -> bool:
    """Whether a member of a list is an input of its own, and not a number or a row of a nested list of numbers."""
    return isinstance(value, (str, Path, Image.Image, np.ndarray))


@dataclass(frozen=True)
class _Reader:
    """Reads items for one input of a model, whose shape and element type it knows."""

    preprocess: Preprocess | None
    shape: Shape
    dtype: DTypeLike
    rows_axis: int = 0
    missing: bool = False

    def read(self, source: Source, name: str) -> ReadInput:
        """Read one item; `name` is that of an item which is no path."""
        if isinstance(source, (str, Path)):
            array, digest = stored(str(source))
            return self._picture(source) if array is None else self._array(array, str(source), digest)
        if isinstance(source, Image.Image):
            return self._picture(source)
        return self._array(as_array(source, name), name)

    def _picture(self, source: str | Path | Image.Image) -> ReadInput:
        name = picture_name(source)
        decoded = decode(source)  # a file that is no picture is refused as such, not for want of a preprocess
        if self.preprocess is None:
            raise UsageError(
                f"{name} is a picture and the model has no preprocess; nothing is guessed: pass "
                f"preprocess={', '.join(map(repr, PRESETS))}, a dict, or a preprocessor_config.json"
            )
        return self._preprocessed(self.preprocess, [decoded], name)

    def _array(self, given: Array, name: str, digest: str | None = None) -> ReadInput:
        if self.preprocess is not None and is_picture(given):
            read = self._preprocessed(self.preprocess, [decode(each) for each in pictures(given, name)], name)
            return replace(read, hashes=(digest,) * len(read.names))
        raw = self.preprocess is not None and self.preprocess.raw
        if self.preprocess is not None and not raw:
            check_range(given, name)
        first = np.moveaxis(given, self.rows_axis, 0) if given.ndim == len(self.shape) > self.rows_axis else given
        array, notes = checked(first, name, self.shape, self.dtype, raw=raw, missing=self.missing)
        rows = len(array) if len(self.shape) > 1 else 1
        if rows == 0:
            raise BadInputError(f"{name}: an empty batch; expected at least one row")
        if self.preprocess is not None:
            notes = (*notes, f"{name}: an array of {given.dtype} is taken as it is, without the preprocessing")
        images = tuple(self.preprocess.undo(x) for x in array) if self.preprocess else (None,) * rows
        return ReadInput(array, _row_names(name, rows), images, notes, (digest,) * rows)

    @staticmethod
    def _preprocessed(preprocess: Preprocess, found: Sequence[Decoded], name: str) -> ReadInput:
        """Return what the preprocessing makes of pictures: the rows of one input."""
        array = np.concatenate([preprocess(each.picture) for each in found])
        names = _row_names(name, len(found))
        notes = tuple(f"{row}: {note}" for row, each in zip(names, found, strict=True) for note in each.notes)
        images = tuple(preprocess.undo(x) for x in array)
        hashes, originals = (
            tuple(each.sha256 for each in found),
            tuple(preprocess.original(each.picture) for each in found),
        )
        return ReadInput(array, names, images, notes, hashes, preprocessed=True, originals=originals)


def _row_names(name: str, rows: int) -> tuple[str, ...]:
    """Return the names of the rows of one input."""
    return (name,) if rows == 1 else tuple(f"{name}[{i}]" for i in range(rows))
