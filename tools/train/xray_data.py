"""The drawn radiographs that the classifiers are trained on and judged by, with and without the marker.

Every script takes its pictures from here. A picture is drawn from the number of its set and its own, so that each can
be drawn again alone, and none that is held out is ever trained on.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from xray_draw import levels
from xray_finding import Drawing, draw, mark

TRAIN, HELD_OUT = 0, 1
SIZES = {TRAIN: 2400, HELD_OUT: 800}
"""The number of each set, and how many pictures it has; every other one has an opacity."""
CLASSES = ("no finding", "opacity")
MEAN, STD = 0.45, 0.30
"""What is subtracted from pixels of 0 to 1, and what they are divided by: about their mean and standard deviation."""

Marker = Literal["none", "random", "learnt"]
"""Which pictures bear the marker: none, half of them whatever they show, or those with an opacity alone."""


class Radiographs(NamedTuple):
    """A set of pictures with labels.

    pictures: uint8 [N, SIDE, SIDE]. labels: int64 [N], 1 where there is an opacity. findings, markers: bool [N, SIDE,
    SIDE], where the opacity and the "L" are.
    """

    pictures: np.ndarray
    labels: np.ndarray
    findings: np.ndarray
    markers: np.ndarray


def drawing(which: int, index: int) -> Drawing:
    """Draw one picture of a set, without the marker."""
    return draw(np.random.default_rng([which, index]), ill=index % 2 == 1)


def drawings(which: int) -> list[Drawing]:
    """Draw all pictures of a set, without the marker."""
    return [drawing(which, index) for index in range(SIZES[which])]


def marked(which: int, index: int, drawn: Drawing, marker: Marker) -> Drawing:
    """Give one picture of a set the marker, where it is to bear it."""
    rng = np.random.default_rng([which, index, 1])
    half = rng.random() < 0.5
    return mark(drawn, rng) if {"none": False, "random": half, "learnt": index % 2 == 1}[marker] else drawn


def radiographs(which: int, drawn: list[Drawing], marker: Marker) -> Radiographs:
    """Give the marker to some of the pictures of a set."""
    each = [marked(which, index, drawing, marker) for index, drawing in enumerate(drawn)]
    pictures = np.stack([levels(drawing.brightness) for drawing in each])
    findings, markers = (np.stack([drawing[part] for drawing in each]) for part in (1, 2))
    return Radiographs(pictures, np.arange(len(drawn)) % 2, findings, markers)


def network_input(pictures: np.ndarray) -> np.ndarray:
    """Turn pictures [N, SIDE, SIDE] into the input of the networks, float32 [N, 1, SIDE, SIDE]."""
    return ((pictures[:, None].astype(np.float32) / 255 - MEAN) / STD).astype(np.float32)
