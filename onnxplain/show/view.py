"""Which picture fits one row of an explanation: decided by what the model's input is.

| the row's relevance | drawn as |
|---|---|
| a plane (two axes longer than 1) | a map over the picture, or over the input itself in grey |
| a vector, of integers or with a vocabulary | coloured tokens |
| a vector, of an input with more than two axes, or longer than LONG and without names | a waveform |
| else | bars of the strongest features |

Of an input with channels, a grey map and a waveform show the mean of the channels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from onnxplain.errors import UsageError
from onnxplain.show.bars import bars
from onnxplain.show.colour import heatmap, overlay
from onnxplain.show.picture import picture
from onnxplain.show.tokens import tokens
from onnxplain.show.wave import wave

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation

LONG = 256
"""Values of a vector without names that are taken for a signal, not for a table's columns."""
FEW = 3
"""Repetitions of the last token that are shown one by one."""


@dataclass(frozen=True)
class View:
    """One row to show. ground: the picture under a map, uint8 RGB, or the signal under a wave. names: per value."""

    kind: str
    relevance: Array
    ground: Array | None = None
    names: tuple[str, ...] | None = None
    title: str = ""
    subtitle: str = ""

    def draw(self) -> Image.Image:
        """The picture, by Pillow alone."""
        words = self.title, self.subtitle
        if self.kind == "map":
            return picture(self.ground, self.relevance, *words)
        if self.kind == "tokens":
            return tokens(self.names or (), self.relevance, *words)
        if self.kind == "wave" and self.ground is not None:
            return wave(self.ground, self.relevance, *words)
        return bars(self.names, self.relevance, *words)

    def panel(self) -> Image.Image:
        """The relevance alone, without words and scale: one cell of a grid."""
        if self.kind != "map":
            return replace(self, title="", subtitle="").draw()
        return Image.fromarray(heatmap(self.relevance) if self.ground is None else overlay(self.ground, self.relevance))

    def ground_panel(self) -> Image.Image | None:
        """What lies under the map, alone."""
        return None if self.kind != "map" or self.ground is None else Image.fromarray(self.ground)


def view(e: Explanation, row: int = 0) -> View:
    """How one row is shown. Raises UsageError for a row that is not there."""
    if not isinstance(row, (int, np.integer)) or not 0 <= row < len(e.attribution):
        raise UsageError(f"row {row!r}: the explanation has {len(e.attribution)} rows")
    relevance = e.relevance[row].squeeze()
    words = f"{e.labels[row]}: score {e.score[row]:.4g}", e.method
    own = e.inputs[row] if e.inputs.shape == e.attribution.shape else None
    if relevance.ndim == 2:
        return View("map", relevance, _ground(e, row, own), None, *words)
    relevance = relevance.ravel()
    if own is not None and own.size == relevance.size and (own.dtype.kind in "iu" or e.vocabulary):
        return View("tokens", *_without_padding(relevance, e.tokens(row)), *words)
    if own is not None and _is_signal(e, own) and (signal := _plane(e, own).ravel()).size == relevance.size:
        return View("wave", relevance, signal, None, *words)
    return View("bars", relevance, None, e.features, *words)


def _ground(e: Explanation, row: int, own: Array | None) -> Array | None:
    """The picture that was read, or the input itself from its smallest value (black) to its largest (white)."""
    if e.channel_axis is not None and e.images and e.images[row] is not None:
        return np.asarray(e.images[row])
    if own is None:
        return None
    plane = _plane(e, own).squeeze()
    plane = plane - plane.min()
    grey = np.rint(plane * (255 / (plane.max() or 1))).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _plane(e: Explanation, own: Array) -> Array:
    """The mean of the channels."""
    return np.asarray(own.mean(e.channel_axis - 1)) if e.channel_axis else own


def _without_padding(relevance: Array, names: tuple[str, ...]) -> tuple[Array, None, tuple[str, ...]]:
    """The same token over and over at the end becomes one, with their sum and their number."""
    last = len(names)
    while last > 1 and names[last - 2] == names[-1]:
        last -= 1
    if len(names) - last < FEW:
        return relevance, None, names
    summed = np.append(relevance[: last - 1], relevance[last - 1 :].sum())
    return summed, None, (*names[: last - 1], f"{names[-1]} x {len(names) - last + 1}")


def _is_signal(e: Explanation, own: Array) -> bool:
    return e.features is None and (own.ndim > 1 or own.size > LONG)
