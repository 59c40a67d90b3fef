"""Colour scales: tables of 255 colours, made of a few anchors, or taken from matplotlib by name.

The scales of this package run along their anchors in CIELAB, the space in which equal distances look about equally
different (CIE 1976), in steps of one length. So twice the value looks twice as far from zero, and no band of colour
stands out that is not in the numbers.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.errors import MissingExtraError, UsageError
from onnxplain.text import offer

if TYPE_CHECKING:
    from onnxplain.arrays import Array

DIVERGING, SEQUENTIAL, SPECTRUM = "blue_white_red", "inferno", "blue_red"
"""The scales that are taken where none is named: for maps of both signs, for maps of one sign, and for the values of a
table, of which none may be as white as the paper."""
NEGATIVE, POSITIVE = (33, 102, 172), (178, 24, 43)
"""The ends of the diverging scale, RGB. They are about equally dark, and people with any common colour blindness can
tell them apart."""
_ANCHORS = {
    DIVERGING: (NEGATIVE, (112, 168, 212), (255, 255, 255), (236, 128, 108), POSITIVE),
    SEQUENTIAL: (
        (0, 0, 4),
        (50, 10, 94),
        (120, 28, 109),
        (188, 55, 84),
        (237, 105, 37),
        (251, 180, 26),
        (252, 255, 164),
    ),
    "viridis": (
        (68, 1, 84),
        (70, 50, 127),
        (54, 92, 141),
        (39, 127, 142),
        (31, 161, 135),
        (74, 194, 109),
        (253, 231, 37),
    ),
    SPECTRUM: ((0, 118, 226), (128, 62, 178), (212, 18, 62)),
    "grey": ((0, 0, 0), (255, 255, 255)),
}
"""By the name of a scale: colours on its way, RGB, from the lowest value to the highest."""
_MIDDLED = (
    *("piyg", "prgn", "brbg", "puor", "rdgy", "rdbu", "rdylbu", "rdylgn", "spectral"),
    *("coolwarm", "bwr", "seismic", "berlin", "managua", "vanimo"),
)
"""matplotlib's diverging scales, in small letters: their neutral colour stands in the middle."""
LEVELS = 255
"""How many steps a scale is cut into. The number is odd, so that zero has a colour of its own in the middle."""

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _TO_XYZ.sum(1)
"""sRGB's primaries in CIE XYZ, and its white (IEC 61966-2-1)."""


def is_diverging(name: str) -> bool:
    """Whether the neutral colour of a scale, which stands for zero, lies in its middle and not at its low end."""
    return name == DIVERGING or name.lower().removesuffix("_r") in _MIDDLED


@cache
def table(name: str) -> Array:
    """Return the colours of a scale from its low end to its high end, uint8 RGB [255, 3].

    name: one of this package's scales, or else the name of a colormap of matplotlib.
    Raises UsageError for an unknown name, MissingExtraError for one that matplotlib, which is missing, may know.
    """
    if name == DIVERGING:  # each side has steps of its own, so that the middle of the table is the middle anchor
        low, high = _uniform(_ANCHORS[name][:3])[::2], _uniform(_ANCHORS[name][2:])[::2]
        return np.concatenate([low, high[1:]])
    return _uniform(_ANCHORS[name]) if name in _ANCHORS else _of_matplotlib(name)


def half(name: str, *, upper: bool) -> Array:
    """Return the colours from zero to one end, uint8 RGB [255, 3], of a scale for maps of one sign.

    upper: whether the numbers are positive; the table runs from 0 to the largest, or else from the smallest to 0.
    A diverging scale gives half of itself; of any other, zero is the low end.
    """
    whole = table(name)
    if is_diverging(name):
        part = whole[LEVELS // 2 :] if upper else whole[: LEVELS // 2 + 1]
        return np.asarray(part[np.rint(np.linspace(0, len(part) - 1, LEVELS)).astype(int)])
    return whole if upper else whole[::-1]


def _uniform(anchors: tuple[tuple[int, int, int], ...]) -> Array:
    """Return 255 colours along the anchors, in steps of one length in CIELAB."""
    lab = _lab(np.array(anchors, float))
    reach = np.append(0.0, np.linalg.norm(np.diff(lab, axis=0), axis=1).cumsum())
    steps = np.linspace(0, reach[-1], LEVELS)
    path = np.stack([np.interp(steps, reach, axis) for axis in lab.T], axis=1)
    return np.asarray(np.rint(_rgb(path)).clip(0, 255), np.uint8)


def _of_matplotlib(name: str) -> Array:
    try:
        import matplotlib as mpl
    except ImportError as problem:
        raise MissingExtraError(
            f"cmap={name!r}: known without matplotlib are {', '.join(_ANCHORS)}; its own colormaps need "
            "pip install 'onnxplain[plot]'"
        ) from problem
    if name not in mpl.colormaps:
        raise UsageError(f"cmap={name!r}: no such scale; {offer(name, (*_ANCHORS, *mpl.colormaps))}")
    shades = mpl.colormaps[name](np.linspace(0, 1, LEVELS))
    return np.asarray(np.rint(shades[:, :3] * 255), np.uint8)


def _lab(rgb: Array) -> Array:
    """Return colours of sRGB, 0..255, in CIELAB."""
    part = rgb / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    t = linear @ _TO_XYZ.T / _WHITE
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def _rgb(lab: Array) -> Array:
    """Return colours of CIELAB in sRGB, 0..255."""
    y = (lab[:, 0] + 16) / 116
    f = np.stack([y + lab[:, 1] / 500, y, y - lab[:, 2] / 200], axis=1)
    t = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    linear = (t * _WHITE @ np.linalg.inv(_TO_XYZ).T).clip(0, 1)
    return np.asarray(255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))
