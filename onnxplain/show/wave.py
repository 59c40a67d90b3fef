"""Attributions of a signal: its waveform, on a ground that is coloured by the relevance of each stretch of samples."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from onnxplain.errors import BadInputError
from onnxplain.show.axes import Axes, Axis
from onnxplain.show.colour import scale_of, selected
from onnxplain.show.picture import sheet
from onnxplain.show.style import Style
from onnxplain.show.text import INK

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.show.colour import Scale
    from onnxplain.show.page import Page
    from onnxplain.show.words import Words


_WIDTH, _HEIGHT = 960, 240
"""The size of the waveform in pixels; a short signal may be a little wider."""
LIGHT = (225, 225, 225)
"""The colour of the curve on dark columns."""


def wave(signal: Array, values: Array, words: Words, style: Style | None = None, rate: float | None = None) -> Page:
    """Draw `signal` [L] as a curve, from its smallest to its largest value, over columns coloured by `values` [L].

    rate: how many samples a second has, where that is known: then the axis below shows seconds.

    Where there are more samples than columns of pixels, a column shows the range of the signal and the sum of the
    values of its samples. Raises BadInputError where the lengths differ, NumericalError for NaN or Inf.
    """
    picture, scale, words, style = ribbon(signal, values, words, style, rate)
    axes = Axes(Axis("time", signal.size / rate, "s")) if rate else None
    return sheet([picture], scale, words, style, axes)


def ribbon(
    signal: Array, values: Array, words: Words, style: Style | None = None, rate: float | None = None
) -> tuple[Image.Image, Scale, Words, Style]:
    """Return the curve over its columns alone, the scale of their colours, and the words and the style of both.

    Raises the errors of `wave`.
    """
    if signal.shape != values.shape or signal.ndim != 1 or not signal.size:
        raise BadInputError(f"a signal of shape {signal.shape} does not fit an attribution of shape {values.shape}")
    style = replace(style or Style(), contours=False)
    ground = columns(selected(values, style.sign))
    scale = scale_of(ground, style)
    canvas = np.repeat(np.asarray(scale.heat(ground[None])), _HEIGHT, axis=0)
    where = "" if rate else f"From the first sample at the left to sample {signal.size} at the right."
    words = replace(words, each="column of samples" if signal.size > _WIDTH else "sample", where=where)
    return Image.fromarray(_inked(canvas, signal)), scale, words, style


def columns(values: Array) -> Array:
    """Return the relevance of each column of the picture."""
    ground = np.add.reduceat(values, _starts(values.size)) if values.size > _WIDTH else values
    return np.repeat(ground, -(-_WIDTH // ground.size))


def _starts(size: int) -> Array:
    """Return the first of `size` samples in each column."""
    return np.arange(_WIDTH) * size // _WIDTH


def _inked(canvas: Array, signal: Array) -> Array:
    """Return the canvas with the curve drawn on it, uint8 RGB [H, W, 3].

    In each column the curve goes from the lowest to the highest value of its samples and of the next column's first, so
    that neighbours are joined; between both, the colour of the column is seen through it. It is dark on light columns
    and light on dark ones.
    """
    dark = canvas[0].mean(1) < 128
    width = canvas.shape[1]
    low, high = float(signal.min()), float(signal.max())
    scaled = (high - signal) / ((high - low) or 1.0) * (_HEIGHT - 3) + 1
    place = np.minimum(np.arange(width) * signal.size // width, signal.size - 1)
    ends = np.append(place[1:], signal.size - 1)
    for x, (start, end) in enumerate(zip(place, ends, strict=True)):
        reach = scaled[start : end + 1]
        ink, (top, bottom) = np.array(LIGHT if dark[x] else INK), (round(reach.min()), round(reach.max()))
        canvas[top : bottom + 1, x] = (canvas[top : bottom + 1, x].astype(int) + ink) // 2
        canvas[[top, bottom], x] = ink
    return canvas
