"""The view of one row of an explanation: which kind of picture fits it, by what the model's input is.

| the row's relevance | drawn as |
|---|---|
| a plane (two axes longer than 1) | a map over the picture that was read, or over the input itself in grey |
| a vector, of whole numbers or with a vocabulary | coloured tokens |
| a vector, of an input with more than two axes, or longer than LONG and without names | a waveform |
| anything else | bars of the strongest features |

Where an input in grey or a waveform has channels, their mean is shown.
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
"""A vector without names that has more values than this is taken for a signal, and not for the columns of a table."""
FEW = 3
"""Fewer repetitions of the last token than this are shown one by one, and not as one token with their number."""


@dataclass(frozen=True)
class View:
    """What is shown of one row.

    kind: "map", "tokens", "wave" or "bars". ground: what lies under the relevance, the picture under a map (uint8 RGB
    [H, W, 3]) or the signal of a waveform; None where there is nothing. names: of the values, for tokens and bars.
    title: class and score. subtitle: the method and, in a line below it, how much of the explained number arrived.
    """

    kind: str
    relevance: Array
    ground: Array | None = None
    names: tuple[str, ...] | None = None
    title: str = ""
    subtitle: str = ""

    def draw(self) -> Image.Image:
        """Draw the picture."""
        words = self.title, self.subtitle
        if self.kind == "map":
            return picture(self.ground, self.relevance, *words)
        if self.kind == "tokens":
            return tokens(self.names or (), self.relevance, *words)
        if self.kind == "wave" and self.ground is not None:
            return wave(self.ground, self.relevance, *words)
        return bars(self.names, self.relevance, *words)

    def panel(self, vmax: float | None = None) -> Image.Image:
        """Draw the relevance alone, without words and scale, for the cell of a grid.

        vmax: the |R| of full colour in a map; None takes the 99th percentile of |R|.
        """
        if self.kind != "map":
            return replace(self, title="", subtitle="").draw()
        map_ = heatmap(self.relevance, vmax) if self.ground is None else overlay(self.ground, self.relevance, vmax)
        return Image.fromarray(map_)

    def ground_panel(self) -> Image.Image | None:
        """Return the picture under a map, alone; None where there is none."""
        return None if self.kind != "map" or self.ground is None else Image.fromarray(self.ground)


def view(e: Explanation, row: int = 0) -> View:
    """Return how one row is shown. Raises UsageError for a row that does not exist."""
    if not isinstance(row, (int, np.integer)) or not 0 <= row < len(e.attribution):
        raise UsageError(f"row {row!r}: the explanation has {len(e.attribution)} rows")
    relevance = e.relevance[row].squeeze()
    kept = "" if e.conservation is None else f"\n{e.conservation.line(row)}"
    words = f"{e.labels[row]}: score {e.score[row]:.4g}", f"{e.method}{kept}"
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
    """Return what lies under a map, uint8 RGB [H, W, 3]: the picture that was read, or the input itself in grey.

    The smallest value of the input is black, and the largest white.
    """
    if e.channel_axis is not None and e.images and e.images[row] is not None:
        return np.asarray(e.images[row])
    if own is None:
        return None
    plane = _plane(e, own).squeeze()
    plane = plane - plane.min()
    grey = np.rint(plane * (255 / (plane.max() or 1))).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _plane(e: Explanation, own: Array) -> Array:
    """Return the mean of the channels of a row, or the row itself where it has none."""
    return np.asarray(own.mean(e.channel_axis - 1)) if e.channel_axis else own


def _without_padding(relevance: Array, names: tuple[str, ...]) -> tuple[Array, None, tuple[str, ...]]:
    """Return a row's relevance and tokens with the repetitions of the last token joined to one.

    Padding repeats a token at the end. The joined token has the sum of their relevance, and their number in its name.
    """
    last = len(names)
    while last > 1 and names[last - 2] == names[-1]:
        last -= 1
    if len(names) - last < FEW:
        return relevance, None, names
    summed = np.append(relevance[: last - 1], relevance[last - 1 :].sum())
    return summed, None, (*names[: last - 1], f"{names[-1]} x {len(names) - last + 1}")


def _is_signal(e: Explanation, own: Array) -> bool:
    """Whether a vector is a signal in time, and not the columns of a table."""
    return e.features is None and (own.ndim > 1 or own.size > LONG)
