"""Reading inputs: paths of pictures and arrays, PIL pictures, arrays, and lists of these become one batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from zipfile import BadZipFile

import numpy as np
from PIL import Image

from onnxplain.errors import BadInputError, UsageError
from onnxplain.inputs.arrays import as_array, checked
from onnxplain.inputs.decode import decode, picture_name
from onnxplain.inputs.preprocess import PRESETS, Preprocess
from onnxplain.inputs.shape import Shape, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from onnxplain.arrays import Array


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
    """

    array: Array = field(repr=False)
    names: tuple[str, ...]
    images: tuple[Array | None, ...] = field(repr=False)
    notes: tuple[str, ...] = ()


def read_input(source: Source, preprocess: Preprocess | None, shape: Shape, dtype: DTypeLike) -> ReadInput:
    """Read `source` as a batch for a model's input of `shape` and `dtype`.

    source: the path of a picture, of an .npy or of an .npz ("file.npz:key" where it holds several arrays); a PIL
    picture; an array or nested list of numbers in the model's own range; or a list of these.
    shape: each dimension is a number, or a name or None where it is dynamic.

    Raises UsageError for a picture without a preprocess, BadInputError for what cannot be read or does not fit,
    NumericalError for NaN or Inf. Every message names the input.
    """
    fitted = preprocess.fit(shape, dtype) if preprocess else None
    reader = _Reader(fitted, shape, dtype)
    if not isinstance(source, (list, tuple)) or not any(_is_item(item) for item in source):
        return reader.read(source, "input")
    parts = [reader.read(item, f"input {i}") for i, item in enumerate(source)]
    sizes = {part.array.shape[1:] for part in parts}
    if len(sizes) > 1:
        raise BadInputError(f"inputs of several shapes in one batch: {', '.join(sorted(map(show, sizes)))}")
    return ReadInput(
        np.concatenate([part.array for part in parts]),
        tuple(name for part in parts for name in part.names),
        tuple(image for part in parts for image in part.images),
        tuple(note for part in parts for note in part.notes),
    )


def rows_of_item(source: Item, name: str, ndim: int) -> list[tuple[str, Item]]:
    """Return the rows of an item one by one, each with its name.

    An array of `ndim` axes, or a file that holds one, is taken apart along its first axis. Anything else is one row and
    stays as it is. name: that of an item which is no path. Raises BadInputError for a file that cannot be read.
    """
    name = str(source) if isinstance(source, (str, Path)) else name
    array = _stored(name) if isinstance(source, (str, Path)) else source
    if not isinstance(array, np.ndarray) or array.ndim != ndim or len(array) < 2:
        return [(name, source)]
    return [(f"{name}[{i}]", array[i : i + 1]) for i in range(len(array))]


def _is_item(value: object) -> bool:
    """Whether a member of a list is an input of its own, and not a number or a row of a nested list of numbers."""
    return isinstance(value, (str, Path, Image.Image, np.ndarray))


@dataclass(frozen=True)
class _Reader:
    """Reads items for one input of a model, whose shape and element type it knows."""

    preprocess: Preprocess | None
    shape: Shape
    dtype: DTypeLike

    def read(self, source: Source, name: str) -> ReadInput:
        """Read one item; `name` is that of an item which is no path."""
        if isinstance(source, (str, Path)):
            stored = _stored(str(source))
            return self._picture(source) if stored is None else self._array(stored, str(source))
        if isinstance(source, Image.Image):
            return self._picture(source)
        return self._array(as_array(source, name), name)

    def _picture(self, source: str | Path | Image.Image) -> ReadInput:
        name = picture_name(source)
        picture, notes = decode(source)  # a file that is no picture is refused as such, not for want of a preprocess
        if self.preprocess is None:
            raise UsageError(
                f"{name} is a picture and the model has no preprocess; nothing is guessed: pass "
                f"preprocess={', '.join(map(repr, PRESETS))}, a dict, or a preprocessor_config.json"
            )
        array = self.preprocess(picture)
        return ReadInput(array, (name,), (self.preprocess.undo(array),), tuple(f"{name}: {note}" for note in notes))

    def _array(self, given: Array, name: str) -> ReadInput:
        raw = self.preprocess is not None and self.preprocess.raw
        array, notes = checked(given, name, self.shape, self.dtype, raw=raw)
        rows = len(array) if len(self.shape) > 1 else 1
        if rows == 0:
            raise BadInputError(f"{name}: an empty batch; expected at least one row")
        names = (name,) if rows == 1 else tuple(f"{name}[{i}]" for i in range(rows))
        images = tuple(self.preprocess.undo(x) for x in array) if self.preprocess else (None,) * rows
        return ReadInput(array, names, images, notes)


def _stored(path: str) -> Array | None:
    """Return the array of a file whose name says that it holds one; None for any other file."""
    file, colon, key = path.rpartition(":")
    if path.lower().endswith((".npy", ".npz")):
        return _load(path)
    return _load(file, key) if colon and file.lower().endswith(".npz") else None


def _load(path: str, key: str | None = None) -> Array:
    """Return the array of an .npy, or that of an .npz with the name `key`; without a key it must hold a single one."""
    try:
        with Path(path).open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            if key is None and len(loaded.files) == 1:
                return np.asarray(loaded[loaded.files[0]])
            if key in loaded.files:
                return np.asarray(loaded[key])
            held = ", ".join(loaded.files) or "nothing"
    except (OSError, ValueError, EOFError, BadZipFile) as problem:
        raise BadInputError(f"{path}: cannot read the array ({problem})") from problem
    raise BadInputError(f'{path} holds {held}; name one array as "{path}:KEY"')
