"""Reading inputs: paths of pictures, sounds and arrays, PIL pictures, arrays, and lists of these become one batch."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from PIL import Image

from onnxplain.errors import BadInputError, RangeWarning, UsageError
from onnxplain.inputs.arrays import as_array, checked
from onnxplain.inputs.content import bytes_of, is_loose, name_of
from onnxplain.inputs.decode import Decoded, decode_all, picture_name
from onnxplain.inputs.dicom import count_frames, is_dataset
from onnxplain.inputs.facts import Facts, Picture
from onnxplain.inputs.pixels import check_bounds, check_range, is_picture, pictures
from onnxplain.inputs.preprocess import PRESETS, Preprocess
from onnxplain.inputs.shape import Shape, show
from onnxplain.inputs.sound import Sound, is_sound, waveform
from onnxplain.inputs.stored import EXPECTED, is_stored, stored, stored_bytes
from onnxplain.inputs.table_file import named_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from numpy.typing import ArrayLike, DTypeLike

    from onnxplain.arrays import Array
    from onnxplain.inputs.content import Content
    from onnxplain.inputs.placement import Original


Item: TypeAlias = "str | Path | bytes | IO[bytes] | Image.Image | Picture | ArrayLike"
"""One input as a user has it: the path of a picture, a WAV file or an array, its bytes, the open file, a PIL picture, a
pydicom Dataset, a `Picture`, or an array or nested list."""

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
    model's own range. originals: those pictures as they came, upright; None for arrays. frames: for each row its number
    in a file of several frames, from 0, else None. dicom: whether any was a DICOM file.
    """

    array: Array = field(repr=False)
    names: tuple[str, ...]
    images: tuple[Array | None, ...] = field(repr=False)
    notes: tuple[str, ...] = ()
    hashes: tuple[str | None, ...] = ()
    preprocessed: bool = False
    originals: tuple[Original, ...] | None = field(default=None, repr=False)
    frames: tuple[int | None, ...] = ()
    dicom: bool = False

    def take(self, rows: Sequence[int]) -> ReadInput:
        """Return these rows, in this order."""
        cut: dict[str, Any] = {
            name: tuple(getattr(self, name)[i] for i in rows) for name in ("names", "images", "hashes", "frames")
        }
        originals = self.originals and tuple(self.originals[i] for i in rows)
        return replace(self, array=self.array[list(rows)], originals=originals, **cut)


def read_input(
    source: Source,
    preprocess: Preprocess | None,
    shape: Shape,
    dtype: DTypeLike,
    rows_axis: int = 0,
    *,
    missing: bool = False,
    sound: Sound | None = None,
) -> ReadInput:
    """Read `source` as a batch for a model's input of `shape` and `dtype`.

    source: the path of a picture, of a WAV file, of an .npy or of an .npz ("file.npz:key" where it holds several
    arrays), or such a file's bytes, or the open file; a PIL picture or a pydicom Dataset; an array or nested list of
    numbers in the model's own range; a `Picture`; or a list of these. With a preprocess, an array of uint8 with the
    shape [H, W], [H, W, C], [N, H, W, C] or [N, C, H, W] is a picture, and becomes what the same PNG would.
    shape: each dimension is a number, or a name or None where it is dynamic; the rows come first. rows_axis: the axis
    on which a given array has them, where it has an axis for them. missing: whether NaN is allowed, as a missing value.
    sound: what is stated of the waveforms that the model takes.

    Raises UsageError for a picture without a preprocess and for a sound without a rate, BadInputError for what cannot
    be read or does not fit and for a list of both pictures and arrays, NumericalError for NaN or Inf. Every message
    names the input.
    """
    fitted = preprocess.fit(shape, dtype) if preprocess else None
    reader = _Reader(fitted, shape, dtype, rows_axis, missing, sound)
    if not isinstance(source, (list, tuple)) or not any(_is_item(item) for item in source):
        return reader.read(source, "input")
    parts = [reader.read(item, f"input {i}") for i, item in enumerate(source)]
    _check_alike(parts)
    return _joined(parts)


def _joined(parts: Sequence[ReadInput]) -> ReadInput:
    """Return the rows of several inputs as one batch. Raises BadInputError where their shapes differ."""
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
        tuple(each for part in parts for each in part.frames),
        any(part.dicom for part in parts),
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


def rows_of_item(
    source: Item,
    name: str,
    ndim: int,
    axis: int = 0,
    *,
    features: Sequence[str] | None = None,
    frame: bool = False,
) -> list[tuple[str, Item]]:
    """Return the rows of an item one by one, each with its name.

    An array of `ndim` axes, or a file that holds one, is taken apart along the axis of its rows, a file of a table into
    its rows, by the names of the model's `features`, and a DICOM file into its frames, unless one `frame` is chosen.
    Anything else is one row and stays as it is; an open file is read. name: that of an item which is no path.
    Raises BadInputError for a file that cannot be read.
    """
    name = name_of(source, name)
    array: object = source
    if isinstance(source, (str, Path)):
        table = named_rows(source, features)
        array = stored(name)[0] if table is None else table[0]
    elif is_loose(source):
        data = bytes_of(cast("Content", source), _EXPECTED, name)
        array = stored_bytes(data, name)[0] if is_stored(data) else None
        source = Picture(data, name=name) if array is None else array  # that is what gives bytes a name
    if isinstance(array, np.ndarray) and array.ndim == ndim and array.shape[axis] > 1:
        return [(f"{name}[{i}]", array.take([i], axis)) for i in range(array.shape[axis])]
    count = 1 if frame or isinstance(array, np.ndarray) else count_frames(source, name)
    if count < 2:
        return [(name, source)]
    given = source if isinstance(source, Picture) else Picture(source)
    return [(f"{name}[{i}]", replace(given, frame=i)) for i in range(count)]


_EXPECTED = f"a picture, a WAV file, or {EXPECTED}"


def _is_item(value: object) -> bool:
    """Whether a member of a list is an input of its own, and not a number or a row of a nested list of numbers."""
    return isinstance(value, (str, Path, Image.Image, np.ndarray, Picture)) or is_loose(value) or is_dataset(value)


@dataclass(frozen=True)
class _Reader:
    """Reads items for one input of a model, whose shape and element type it knows."""

    preprocess: Preprocess | None
    shape: Shape
    dtype: DTypeLike
    rows_axis: int = 0
    missing: bool = False
    sound: Sound | None = None

    def read(self, source: Source, name: str) -> ReadInput:
        """Read one item; `name` is that of an item which is no path."""
        stated = isinstance(source, Picture)
        facts, given = Facts.of(self.preprocess), None
        if isinstance(source, Picture):
            facts, given, source = source.facts(facts), source.name, source.source
        name = given or picture_name(source, "picture" if isinstance(source, Image.Image) else name)
        if is_loose(source):
            source = bytes_of(cast("Content", source), _EXPECTED, name)
        if is_sound(source):
            return self._sound(cast("str | Path | bytes", source), name, facts)
        array, digest = _numbers(source, name)
        if array is None:
            return self._file(source, name, facts)
        if stated:
            return self._pictures(pictures(array, name, facts), name, digest)
        return self._array(array, name, digest, facts)

    def _file(self, source: Any, name: str, facts: Facts) -> ReadInput:
        """Read a file of pictures, its bytes, a PIL picture or a Dataset."""
        if facts.colour is not None:
            raise BadInputError(
                f"{name}: colour={facts.colour!r} is for arrays; a picture file states its order itself"
            )
        return self._pictures(decode_all(source, facts, name), name)

    def _sound(self, source: str | Path | bytes, name: str, facts: Facts) -> ReadInput:
        """Read a WAV file, or its bytes."""
        if facts != Facts.of(self.preprocess):
            raise BadInputError(f"{name} is a sound; bits, window, frame and colour are for pictures")
        data = bytes_of(source, _EXPECTED, name)
        samples, note = waveform(data, name, self.sound, self.shape, self.dtype)
        array, _ = checked(samples, name, self.shape, self.dtype, raw=False)
        return ReadInput(array, (name,), (None,), (note,), (hashlib.sha256(data).hexdigest(),), frames=(None,))

    def _array(self, given: Array, name: str, digest: str | None, facts: Facts) -> ReadInput:
        if self.preprocess is not None and is_picture(given, facts):
            return self._pictures(pictures(given, name, facts), name, digest)
        raw = self.preprocess is not None and self.preprocess.raw
        if self.preprocess is not None and not raw:
            check_range(given, name)
        first = np.moveaxis(given, self.rows_axis, 0) if given.ndim == len(self.shape) > self.rows_axis else given
        array, notes = checked(first, name, self.shape, self.dtype, raw=raw, missing=self.missing)
        rows = len(array) if len(self.shape) > 1 else 1
        if rows == 0:
            raise BadInputError(f"{name}: an empty batch; expected at least one row")
        if self.preprocess is not None:
            other = check_bounds(given, self.preprocess, name)
            note = f"{name}: an array of {given.dtype} is taken as it is, without the preprocessing{other}"
            notes = (*notes, note)
            if other:
                warnings.warn(note, RangeWarning, stacklevel=2)
        images = tuple(self.preprocess.undo(x) for x in array) if self.preprocess else (None,) * rows
        return ReadInput(array, _row_names(name, rows), images, notes, (digest,) * rows, frames=(None,) * rows)

    def _pictures(self, found: Sequence[Decoded], name: str, digest: str | None = None) -> ReadInput:
        """Return what the preprocessing makes of pictures: the rows of one input.

        A file that is no picture was refused as such by now, and not for want of a preprocess.
        """
        if self.preprocess is None:
            raise UsageError(
                f"{name} is a picture and the model has no preprocess; nothing is guessed: pass "
                f"preprocess={', '.join(map(repr, PRESETS))}, a dict, or a preprocessor_config.json"
            )
        preprocess = self.preprocess
        array = np.concatenate([preprocess.apply(each.picture) for each in found])
        names = _row_names(name, len(found))
        alike = len({each.notes for each in found}) == 1
        about = [(name, found[0])] if alike else list(zip(names, found, strict=True))
        notes = tuple(f"{row}: {note}" for row, each in about for note in each.notes)
        hashes = tuple(each.sha256 or digest for each in found)
        images, frames = tuple(preprocess.undo(x) for x in array), tuple(each.frame for each in found)
        originals = tuple(preprocess.original(each.picture) for each in found)
        read = ReadInput(array, names, images, notes, hashes, preprocessed=True, originals=originals, frames=frames)
        return replace(read, dicom=any(each.dicom for each in found))


def _numbers(source: Any, name: str) -> tuple[Array | None, str | None]:
    """Return the array of a source and the SHA-256 of its file; None and None for a picture or a file of such."""
    if isinstance(source, (str, Path)):
        return stored(str(source))
    if isinstance(source, bytes):
        return stored_bytes(source, name) if is_stored(source) else (None, None)
    return (None, None) if isinstance(source, Image.Image) or is_dataset(source) else (as_array(source, name), None)


def _row_names(name: str, rows: int) -> tuple[str, ...]:
    """Return the names of the rows of one input."""
    return (name,) if rows == 1 else tuple(f"{name}[{i}]" for i in range(rows))
