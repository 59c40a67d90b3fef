"""Lines on a picture: contours of a map at parts of its maximum, and the outlines of annotations.

A contour runs where |R|, smoothed, crosses a part of its largest value. It is smoothed by a Gaussian of one and a half
hundredths of the longer side, since the map of a gradient crosses any level between most pixels and their neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image, ImageDraw

from onnxplain.resample import blurred

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array

Ink: TypeAlias = tuple[int, int, int]

SMOOTHED = 0.015
"""Sigma of the Gaussian before contours are drawn, as a part of the map's longer side."""
LINE, HALO = (255, 255, 255), (0, 0, 0)
"""A line is white within a dark halo, so that it is seen on bright and on dark pictures alike."""
ANNOTATION = (0, 220, 130)
"""The colour of annotations, which no default scale has."""
_HALO, _REACH = 0.45, 1.2
"""The opacity of a halo, and how many pixels it reaches beyond its line."""


def smoothed(relevance: Array) -> Array:
    """Return |R| [h, w] as its contours are taken from, as a part of its largest value; zeros where all is 0."""
    sigma = SMOOTHED * max(relevance.shape)
    size = blurred(np.abs(relevance).astype(np.float32), (sigma, sigma))
    most = float(size.max(initial=0.0))
    return np.asarray(size / most if most > 0 else size)


def draw_contours(picture: Image.Image, size: Array, levels: Sequence[float], width: float = 1.0) -> None:
    """Draw the lines on which `size` [H, W] crosses each of `levels`; the highest is drawn thicker than the others.

    picture: RGB, of the size of `size`; it is changed. width: of a line in pixels.
    """
    for i, level in enumerate(levels):
        thick = width * (1.6 if i and i == len(levels) - 1 else 1.0)
        line(picture, size, level, thick, LINE)


def line(picture: Image.Image, field: Array, level: float, width: float, ink: Ink) -> None:
    """Draw the line on which `field` [H, W] crosses `level`, with a halo; its edges are smooth.

    How far a pixel is from the line is, to first order, the field's distance from the level by its slope.
    """
    near = _around(field, level)
    if near is None:
        return
    top, bottom, left, right = near
    part = field[top:bottom, left:right]
    apart, (down, across) = np.abs(part - level), np.gradient(part)
    slope = np.maximum(np.hypot(down, across), 1e-6)
    beside = np.flatnonzero(apart < (width / 2 + _REACH + 0.5) * slope)  # all others get no colour
    away, cover = apart.ravel()[beside] / slope.ravel()[beside], np.zeros(part.shape, np.uint8)
    for colour, reach, opacity in ((HALO, width / 2 + _REACH, _HALO), (ink, width / 2, 1.0)):
        cover.ravel()[beside] = np.rint(255 * opacity * (reach + 0.5 - away).clip(0, 1))
        picture.paste(colour, (left, top), Image.fromarray(cover, "L"))


def _around(field: Array, level: float) -> tuple[int, int, int, int] | None:
    """Return the part of a field in which it crosses a level: top, bottom, left, right; None where it never does."""
    above = field >= level
    rows, columns = np.flatnonzero(above.any(1)), np.flatnonzero(above.any(0))
    if not rows.size or above.all() or min(field.shape) < 2:
        return None
    top, bottom = max(rows[0] - 4, 0), min(rows[-1] + 5, field.shape[0])
    left, right = max(columns[0] - 4, 0), min(columns[-1] + 5, field.shape[1])
    return (top, bottom, left, right) if min(bottom - top, right - left) > 1 else None


def draw_box(picture: Image.Image, box: Sequence[float], width: int = 2) -> None:
    """Draw the outline of a box (left, top, right, bottom), in pixels of the picture, with a halo."""
    draw = ImageDraw.Draw(picture, "RGBA")
    left, top, right, bottom = (round(each) for each in box)
    outer = left - width, top - width, right + width - 1, bottom + width - 1
    draw.rectangle(outer, outline=(*HALO, round(255 * _HALO)), width=width + 2)
    draw.rectangle((outer[0] + 1, outer[1] + 1, outer[2] - 1, outer[3] - 1), outline=(*ANNOTATION, 255), width=width)
