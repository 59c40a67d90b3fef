"""The pictures of a report, as `data:` URIs that hold them: rows with their inputs, and the mean maps of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from onnxplain.errors import OnnxplainError
from onnxplain.show.bars import bars
from onnxplain.show.colour import scale_of, selected
from onnxplain.show.html import data_uri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.runs.read import Row, Run

SIDE = 240
"""The pixels of the longer side of a map that is shown alone."""
_WIDEST = 900


class Shown(NamedTuple):
    """The picture of a row as a `data:` URI, "" for none, and why it is the map alone; "" where it is all."""

    picture: str
    why: str


def of_row(run: Run, row: Row, names: Sequence[str] | None) -> Shown:
    """Return the picture of a row: explained again over its input or, where that is not at hand, its map alone."""
    try:
        return Shown(data_uri(_reduced(run[row.index].image()), photo=True), "")
    except OnnxplainError as problem:
        return Shown(of_map(row.relevance, names), str(problem))


def of_map(relevance: Array, names: Sequence[str] | None) -> str:
    """Return a map alone as a picture: a plane in colours, a short vector as bars; "" for what is neither.

    names: of the columns of a table.
    """
    if relevance.ndim == 2 and min(relevance.shape) > 1:
        plane = selected(relevance, "all")
        heat = scale_of(plane).heat(plane)
        share = SIDE / max(heat.size)
        return data_uri(heat.resize((round(heat.width * share), round(heat.height * share)), Image.Resampling.NEAREST))
    return data_uri(bars(names, relevance.ravel()).image()) if relevance.ndim == 1 else ""


def _reduced(picture: Image.Image) -> Image.Image:
    """Return a picture that is no wider than the page."""
    share = min(1.0, _WIDEST / picture.width)
    return picture.resize((round(picture.width * share), round(picture.height * share))) if share < 1 else picture
