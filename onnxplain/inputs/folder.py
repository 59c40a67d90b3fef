"""Folders as inputs: the pictures and arrays that they hold, in sorted order, and notes on what was passed over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from PIL import Image

from onnxplain.errors import BadInputError

if TYPE_CHECKING:
    from onnxplain.inputs.read import Item

T = TypeVar("T")

ARRAYS = (".npy", ".npz")
"""The endings of files of arrays."""


def listed(source: T) -> tuple[T | list[Item], tuple[str, ...]]:
    """Return `source` with each folder replaced by the inputs in it, and a note on each file that is no input.

    The ending of a file tells whether it is an input. Hidden files are passed over without a note. A source without
    folders is returned as it is. Raises BadInputError for a folder without inputs.
    """
    items: list[Any] = list(source) if isinstance(source, (list, tuple)) else [source]
    if not any(_is_folder(item) for item in items):
        return source, ()
    found: list[Item] = []
    notes: list[str] = []
    for item in items:
        if _is_folder(item):
            files = [each for each in sorted(Path(item).iterdir()) if not each.name.startswith(".")]
            inputs = [each for each in files if each.is_file() and each.suffix.lower() in _endings()]
            notes += [
                f"{each}: passed over, no picture and no array by its ending" for each in files if each not in inputs
            ]
            if not inputs:
                raise BadInputError(f"{item}: no picture, .npy or .npz in this folder ({len(files)} other files)")
            found += inputs
        else:
            found.append(item)
    return found, tuple(notes)


def _is_folder(item: object) -> bool:
    return isinstance(item, (str, Path)) and Path(item).is_dir()


def _endings() -> set[str]:
    """Return the endings of arrays, and of the pictures that Pillow can open."""
    return {*ARRAYS, *(ending for ending, kind in Image.registered_extensions().items() if kind in Image.OPEN)}
