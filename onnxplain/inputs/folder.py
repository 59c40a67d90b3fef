"""Folders as inputs: the pictures, sounds and arrays in them, in sorted order, and notes on what was passed over.

A folder that holds folders and no inputs of its own is one of classes, folder/label/picture, as training sets have it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from PIL import Image

from onnxplain.errors import BadInputError
from onnxplain.inputs import dicom, sound

if TYPE_CHECKING:
    from onnxplain.inputs.read import Item

T = TypeVar("T")

ARRAYS = (".npy", ".npz")
"""The endings of files of arrays."""


class Listing(NamedTuple):
    """Inputs, for each the name of its folder where that is one of a class, else None, and notes on other files."""

    items: list[Item]
    labels: list[str | None]
    notes: tuple[str, ...]


def listed(source: T) -> tuple[T | list[Item], tuple[str, ...]]:
    """Return `source` with each folder replaced by the inputs in it, and a note on each file that is no input.

    A source without folders is returned as it is. Raises BadInputError for a folder without inputs.
    """
    items: list[Any] = list(source) if isinstance(source, (list, tuple)) else [source]
    if not any(_is_folder(item) for item in items):
        return source, ()
    found = listing(items)
    return found.items, found.notes


def listing(items: list[Any]) -> Listing:
    """Return inputs with each folder replaced by those in it, or of a folder of classes by those in its folders.

    The ending of a file tells whether it is an input, or its first bytes where it has no ending, as DICOM files have
    none. Hidden files are passed over without a note. Raises BadInputError for a folder without inputs.
    """
    found = [_of_folder(Path(item)) if _is_folder(item) else Listing([item], [None], ()) for item in items]
    return Listing(
        [item for each in found for item in each.items],
        [label for each in found for label in each.labels],
        tuple(note for each in found for note in each.notes),
    )


def _of_folder(folder: Path) -> Listing:
    """Return the inputs in a folder, or else those in its folders, each with the name of its folder."""
    files = [each for each in sorted(folder.iterdir()) if not each.name.startswith(".")]
    own = [each for each in files if is_input(each)]
    if own:
        return Listing([*own], [None] * len(own), _passed_over(files))
    inner = [(each, sorted(each.iterdir())) for each in files if each.is_dir()]
    inner = [(each, [file for file in held if not file.name.startswith(".")]) for each, held in inner]
    pairs = [(file, each.name) for each, held in inner for file in held if is_input(file)]
    if not pairs:
        raise BadInputError(
            f"{folder}: no picture, DICOM file, WAV file, .npy or .npz in this folder ({len(files)} other files)"
        )
    rest = [each for each in files if not each.is_dir()] + [file for _, held in inner for file in held]
    return Listing([file for file, _ in pairs], [label for _, label in pairs], _passed_over(rest))


def _passed_over(files: list[Path]) -> tuple[str, ...]:
    """Return a note on each file or folder that is no input."""
    return tuple(
        f"{each}: passed over, no picture, sound or array by its ending" for each in files if not is_input(each)
    )


def is_input(file: Path) -> bool:
    """Whether a file is a picture, a DICOM file, a sound or an array."""
    if not file.is_file():
        return False
    return file.suffix.lower() in _endings() if file.suffix else dicom.is_dicom_file(file)


def _is_folder(item: object) -> bool:
    return isinstance(item, (str, Path)) and Path(item).is_dir()


@cache
def _endings() -> frozenset[str]:
    """Return the endings of arrays, of DICOM files, of sounds, and of the pictures that Pillow can open."""
    pictures = (ending for ending, kind in Image.registered_extensions().items() if kind in Image.OPEN)
    return frozenset((*ARRAYS, *dicom.ENDINGS, *sound.ENDINGS, *pictures))
