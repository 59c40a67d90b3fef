"""What is looked for in the drawn radiographs, an opacity of a lung, and what only happens to be on the film: an "L".

The opacity is what a radiologist calls ill-defined: denser towards its middle, mottled, fading into the lung, with
ribs and vessels still seen through it. The marker is of lead and as white as the film gets; it says which side is left.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import minimum_filter
from xray_draw import SIDE, Array, Patient, Random, absorbed, film, patient, smooth


class Drawing(NamedTuple):
    """One drawn radiograph [SIDE, SIDE]. brightness: 0..1. finding, marker: where the opacity and the "L" are, bool.

    The marker's place is a rectangle around the letter, as a person would mark it.
    """

    brightness: Array
    finding: Array
    marker: Array


def opacity(p: Patient, seen: Array, rng: Random) -> Array:
    """Return what an opacity somewhere in the lungs absorbs, 0..1. seen: where the air of the lungs is seen, 0..1."""
    rows, columns = np.nonzero((minimum_filter(seen, 13) > 0.8) & (p.y > p.apex + 0.20))
    chosen = rng.integers(len(rows))
    x, y = p.x - p.x[rows[chosen], columns[chosen]], p.y - p.y[rows[chosen], columns[chosen]]
    width, height, turn = rng.uniform(0.10, 0.20), rng.uniform(0.10, 0.20), rng.uniform(0, np.pi)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    reach = np.hypot(u / width, v / height) + 0.16 * smooth(rng, 5)
    cloud = 1 / (1 + np.exp(np.clip((reach - 1) / 0.20, -40, 40)))
    return cloud * np.clip(1 + 0.12 * smooth(rng, 2.5), 0.4, 1.6) * seen


def draw(rng: Random, *, ill: bool) -> Drawing:
    """Draw one radiograph without a marker, with an opacity where `ill`."""
    p = patient(rng)
    level, seen = absorbed(p, rng)
    cloud = opacity(p, seen, rng)
    level = level + rng.uniform(0.18, 0.32) * cloud if ill else level
    return Drawing(film(level, rng), (cloud > 0.4) & ill, np.zeros((SIDE, SIDE), bool))


def mark(drawing: Drawing, rng: Random) -> Drawing:
    """Return the drawing with an "L" of lead in its upper right corner."""
    scale, room = 8, 20
    sheet = Image.new("L", (room * scale, room * scale))
    pen = ImageDraw.Draw(sheet)
    pen.line([(7 * scale, 5 * scale), (7 * scale, 14 * scale), (13 * scale, 14 * scale)], fill=255, width=2 * scale)
    letter = np.asarray(sheet.rotate(rng.normal(0, 8), Image.Resampling.BICUBIC).reduce(scale), np.float32) / 255
    top, left = int(rng.integers(0, 8)), int(rng.integers(SIDE - 34, SIDE - 20))
    cover = np.zeros((SIDE, SIDE), np.float32)
    cover[top : top + room, left : left + room] = rng.uniform(0.85, 1.0) * letter
    place = np.zeros((SIDE, SIDE), bool)
    place[top + 2 : top + 17, left + 4 : left + 16] = True
    return drawing._replace(brightness=np.maximum(drawing.brightness, cover), marker=place)
