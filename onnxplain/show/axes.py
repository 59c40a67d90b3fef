"""Axes of a picture that are no places on a photo: time, and the bins of a spectrogram, with ticks and names."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from onnxplain.inputs.shape import static
from onnxplain.show.page import Line
from onnxplain.show.text import FAINT, line_height, shortened, width_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.show.page import Page
    from onnxplain.show.text import Font

MOST = 6
"""How many ticks an axis has at most, besides that at 0."""
_APART = 80
"""How many pixels there are between two ticks at least, as numbers need."""
_MARK, _AWAY = 4, 2
"""In pixels: the length of a tick, and the distance of its number."""


@dataclass(frozen=True)
class Axis:
    """An axis: its name, and the length of the picture along it in the unit of its ticks, which start at 0.

    unit: what stands behind the number of the last tick. whole: whether ticks are at whole numbers alone.
    """

    name: str
    length: float
    unit: str = ""
    whole: bool = False

    def ticks(self, width: int = 960) -> list[tuple[float, str]]:
        """Return for each tick its place, 0 to 1, and its number, as fit into `width` pixels.

        Their distance is 1, 2 or 5 times a power of ten.

        >>> Axis("time", 0.5, "s").ticks()
        [(0.0, '0.0'), (0.2, '0.1'), (0.4, '0.2'), (0.6, '0.3'), (0.8, '0.4'), (1.0, '0.5 s')]
        """
        step = max(round_step(self.length / min(MOST, max(1, width // _APART))), 1.0 if self.whole else 0.0)
        count = math.floor(self.length / step * (1 + 1e-9))
        digits = max(0, -math.floor(math.log10(step)))
        numbers = [f"{i * step:.{digits}f}" for i in range(count + 1)]
        numbers = [*numbers[:-1], f"{numbers[-1]} {self.unit}".strip()]
        return [(round(i * step / self.length, 9), number) for i, number in enumerate(numbers)]


@dataclass(frozen=True)
class Axes:
    """The axis below a picture, and the name of the one that runs down. said: a sentence on both."""

    below: Axis
    left: str = ""
    said: str = ""

    def room_left(self, face: Font) -> int:
        """Return how many pixels wide the words at the left are."""
        return line_height(face) + 2 * _AWAY if self.left else 0

    def room_below(self, face: Font) -> int:
        """Return how many pixels high the ticks below are, with the name of their axis."""
        return _MARK + _AWAY + 2 * line_height(face)

    def draw(self, page: Page, corner: tuple[int, int], size: tuple[int, int], face: Font, *, first: bool) -> None:
        """Draw the axes of a picture at `corner` (x, y), of `size` (width, height). first: whether it is leftmost."""
        (x, y), (width, height) = corner, size
        for place, number in self.below.ticks(width):
            at = x + round(place * (width - 1))
            page.put((at, y + height), Image.new("RGB", (1, _MARK), FAINT))
            anchor = "la" if place == 0 else "ra" if place > 0.97 else "ma"
            page.lines.append(Line((at, y + height + _MARK + _AWAY), number, face, FAINT, anchor))
        if width_of(self.below.name, face) <= width:
            middle = x + width / 2, y + height + _MARK + _AWAY + line_height(face)
            page.lines.append(Line(middle, self.below.name, face, FAINT, "ma"))
        if self.left and first:
            said = shortened(self.left, face, height)
            corner = x - self.room_left(face), y + height // 2
            page.lines.append(Line(corner, said, face, FAINT, upright=True))


def axes_of(shape: Sequence[int | str | None], kept: tuple[int, int], size: tuple[int, int], *, sound: bool) -> Axes:
    """Return the axes of a plane of an input that is no picture, such as a spectrogram.

    shape: of the input, as the file states it. kept: which two of its axes run down and across. size: their lengths.
    sound: whether the model is stated to take sounds: then an axis whose length the file leaves open is that of time,
    and the other one, which it fixes, that of the frequencies. Else axes have their numbers alone.
    """
    names = [f"axis {axis} of the input" for axis in kept]
    free = [axis not in range(len(shape)) or static(shape[axis]) is None for axis in kept]
    if sound and sum(free) == 1:
        names = ["time in frames" if each else "frequency in bins" for each in free]
    said = f"Down: {names[0]}, from 0 to {size[0] - 1}; across: {names[1]}."
    return Axes(Axis(names[1], size[1], whole=True), names[0], said)


def round_step(least: float) -> float:
    """Return the smallest number of at least `least` that is 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
