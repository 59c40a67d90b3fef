"""Writing an explanation: .png a picture of one row, .npz all arrays with the record, .json the record alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.show.atomic import save_atomic
from onnxplain.show.bars import bars
from onnxplain.show.picture import picture
from onnxplain.show.plot import plot as draw

if TYPE_CHECKING:
    from typing import BinaryIO

    from PIL import Image

    from onnxplain.explanation import Explanation


def save(e: Explanation, path: str | Path, *, row: int = 0) -> None:
    """Write by the ending of `path`; the file appears whole or not at all."""
    ending = Path(path).suffix.lower()
    if ending not in _WRITERS:
        raise UsageError(f"{path}: cannot save as {ending or 'a file without an ending'}; use {', '.join(_WRITERS)}")
    save_atomic(path, lambda file: _WRITERS[ending](e, file, row))


def drawn(e: Explanation, row: int = 0) -> Image.Image:
    """One row as a picture: an overlay for images, a map for other planes, bars for tables."""
    image, relevance = _row(e, row)
    if relevance.ndim == 2:
        return picture(image, relevance, *_words(e, row))
    return bars(e.features, relevance, *_words(e, row))


def plot(e: Explanation, ax: Any = None, *, row: int = 0) -> Any:
    """One row drawn on matplotlib axes, new ones where `ax` is None."""
    image, relevance = _row(e, row)
    return draw(relevance, image, "  ".join(_words(e, row)), names=e.features, ax=ax)


def _row(e: Explanation, row: int) -> tuple[Any, Any]:
    """Picture and relevance of one row; a vector, or a plane where exactly two axes are longer than 1."""
    if not 0 <= row < len(e.attribution):
        raise UsageError(f"row {row}: the explanation has {len(e.attribution)} rows")
    relevance = e.relevance[row].squeeze()
    image = e.images[row] if e.images and e.channel_axis is not None else None
    return image, relevance if relevance.ndim == 2 else relevance.ravel()


def _words(e: Explanation, row: int) -> tuple[str, str]:
    return f"{e.labels[row]}: score {e.score[row]:.4g}", e.method


def _png(e: Explanation, file: BinaryIO, row: int) -> None:
    drawn(e, row).save(file, "PNG")


def _npz(e: Explanation, file: BinaryIO, row: int) -> None:  # noqa: ARG001
    arrays: dict[str, Any] = {
        "attribution": e.attribution,
        "relevance": e.relevance,
        "score": e.score,
        "prediction": e.prediction,
    }
    if e.delta is not None:
        arrays["delta"] = e.delta
    np.savez(file, **arrays, inputs=e.inputs, record=np.array(json.dumps(e.record)), plan=np.array(str(e.plan)))


def _json(e: Explanation, file: BinaryIO, row: int) -> None:  # noqa: ARG001
    record = {**e.record, "labels": list(e.labels), "score": e.score.tolist(), "plan": str(e.plan).splitlines()}
    if e.delta is not None:
        record["delta"] = e.delta.tolist()
    file.write(json.dumps(record, indent=1).encode())


_WRITERS = {".png": _png, ".npz": _npz, ".json": _json}
