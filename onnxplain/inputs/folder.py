"""Folders of inputs: their pictures and arrays in sorted order, and what was passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from onnxplain.errors import BadInputError

ARRAYS = (".npy", ".npz")


def listed(source: Any) -> tuple[Any, tuple[str, ...]]:
    """`source` with each folder in it replaced by the files that it holds, and a note on each that is no input.

    A file is an input by its ending; hidden files are passed over in silence. Raises BadInputError for a folder
    without inputs.
    """
    items = list(source) if isinstance(source, (list, tuple)) else [source]
    if not any(_is_folder(item) for item in items):
        return source, ()
    found: list[Any] = []
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


def _is_folder(item: Any) -> bool:
    return isinstance(item, (str, Path)) and Path(item).is_dir()


def _endings() -> set[str]:
    """Endings of arrays, and of the pictures that Pillow can open."""
    return {*ARRAYS, *(ending for ending, kind in Image.registered_extensions().items() if kind in Image.OPEN)}
