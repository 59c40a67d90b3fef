"""Writing an explanation to a file: a .png with one row, an .npz with all arrays and the record, a .json record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.show.atomic import save_atomic
from onnxplain.show.plot import plot as draw
from onnxplain.show.plot import show_picture
from onnxplain.show.view import view
from onnxplain.strict_json import dumps

if TYPE_CHECKING:
    from typing import BinaryIO

    from PIL import Image

    from onnxplain.explanation import Explanation


_WIDEST = 60
"""How many letters fit in one line above matplotlib's axes at their usual size."""


def save(e: Explanation, path: str | Path, *, row: int = 0) -> None:
    """Write an explanation in the format that the ending of `path` names; the file appears whole or not at all.

    row: which row a picture shows. Raises UsageError for another ending, and for a row that does not exist.
    """
    ending = Path(path).suffix.lower()
    if ending not in _WRITERS:
        raise UsageError(f"{path}: cannot save as {ending or 'a file without an ending'}; use {', '.join(_WRITERS)}")
    save_atomic(path, lambda file: _WRITERS[ending](e, file, row))


def drawn(e: Explanation, row: int = 0) -> Image.Image:
    """Return one row as a picture: the one that `view` chooses."""
    return view(e, row).draw()


def plot(e: Explanation, ax: Any = None, *, row: int = 0) -> Any:
    """Draw one row on matplotlib axes, new ones where `ax` is None, and return the axes."""
    seen = view(e, row)
    title = "\n".join(line for part in f"{seen.title}  {seen.subtitle}".split("\n") for line in wrap(part, _WIDEST))
    if seen.kind in ("tokens", "wave"):
        return show_picture(replace(seen, title="", subtitle="").draw(), title, ax=ax)
    return draw(seen.relevance, seen.ground, title, names=seen.names, ax=ax)


def _png(e: Explanation, file: BinaryIO, row: int) -> None:
    drawn(e, row).save(file, "PNG")


def _npz(e: Explanation, file: BinaryIO, row: int) -> None:  # noqa: ARG001
    arrays: dict[str, Any] = {  # as np.savez wants to have it
        "attribution": e.attribution,
        "relevance": e.relevance,
        "score": e.score,
        "prediction": e.prediction,
    }
    arrays |= {name: value for name in ("probability", "delta", "raw") if (value := getattr(e, name)) is not None}
    inputs = e.inputs.astype(str) if e.inputs.dtype.kind == "O" else e.inputs  # a table of words and numbers
    np.savez(file, **arrays, inputs=inputs, record=np.array(dumps(e.record)), plan=np.array(str(e.plan or "")))


def _json(e: Explanation, file: BinaryIO, row: int) -> None:  # noqa: ARG001
    file.write(dumps(e.to_dict()).encode())


_WRITERS = {".png": _png, ".npz": _npz, ".json": _json}
"""By the ending of the path: what writes an explanation to an open file; the last argument is the row to draw."""
