"""A page: pictures and lines of text at their places, drawn as a picture by Pillow, or as a figure by matplotlib."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from onnxplain.errors import MissingExtraError
from onnxplain.show.fonts import OWN, at_size
from onnxplain.show.text import FAINT, INK, line_height, put, width_of, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnxplain.show.text import Font

DPI = 100
"""How many pixels of a page are an inch of a figure."""
_AS_WIDE = 0.88
"""How large matplotlib's own font is set, so that its lines are no wider than those of Pillow's."""


class Line(NamedTuple):
    """A line of text. place: (x, y) of the point that `anchor` names, as in Pillow. upright: turned, read upward."""

    place: tuple[float, float]
    text: str
    face: Font
    ink: tuple[int, int, int] = INK
    anchor: str = "la"
    upright: bool = False


@dataclass(eq=False)
class Page:
    """A white page of a size in pixels. pictures: each with its left upper corner (x, y)."""

    width: int
    height: int = 0
    pictures: list[tuple[tuple[int, int], Image.Image]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def put(self, corner: tuple[int, int], picture: Image.Image) -> None:
        """Place a picture."""
        self.pictures.append((corner, picture))

    def head(self, title: str, subtitle: str, big: Font, small: Font, margin: int) -> int:
        """Place title and subtitle at the top, and return the y below them."""
        room = self.width - 2 * margin
        below = self.write((margin, margin), wrapped(title, big, room), big)
        end = self.write((margin, below), wrapped(subtitle, small, room), small, FAINT)
        return end + (8 if end > margin else 0)

    def write(self, corner: tuple[int, int], lines: Iterable[str], face: Font, ink: tuple[int, int, int] = INK) -> int:
        """Place lines one below the other from `corner` (x, y) on, and return the y below the last one."""
        x, y = corner
        for line in lines:
            self.lines.append(Line((x, y), line, face, ink))
            y += line_height(face)
        return y

    def image(self) -> Image.Image:
        """Return the page as a picture."""
        whole = Image.new("RGB", (self.width, self.height), "white")
        for corner, picture in self.pictures:
            whole.paste(picture, corner)
        draw = ImageDraw.Draw(whole)
        for line in self.lines:
            if line.upright:
                turned = _turned(line)
                x, y = line.place
                whole.paste(turned, (round(x), round(y - turned.height / 2)))
            else:
                put(draw, *line[:-1])
        return whole

    def figure(self) -> Any:
        """Return the page as a figure of matplotlib, whose text stays text. Raises MissingExtraError without it."""
        try:
            from matplotlib.figure import Figure
        except ImportError as problem:
            raise MissingExtraError(
                "figures need matplotlib: pip install 'onnxplain[plot]' (pictures as PNG do not need it)"
            ) from problem
        figure = Figure(figsize=(self.width / DPI, self.height / DPI), dpi=DPI, facecolor="white")
        for (x, y), picture in self.pictures:
            box = x / self.width, 1 - (y + picture.height) / self.height
            axes = figure.add_axes((*box, picture.width / self.width, picture.height / self.height))
            axes.imshow(np.asarray(picture), aspect="auto", interpolation="nearest")
            axes.set_axis_off()
        for line in self.lines:
            self._on_figure(figure, line)
        return figure

    def _on_figure(self, figure: Any, line: Line) -> None:
        from matplotlib.font_manager import FontProperties

        across = {"l": "left", "m": "center", "r": "right"}[line.anchor[0]]
        up, down = at_size(line.face.source, line.face.size).getmetrics()
        x, y = line.place
        base = y if line.upright else y + {"a": up, "m": up - (up + down) / 2, "d": -down}[line.anchor[1]]
        for source, part in line.face.runs(line.text):
            scale = _AS_WIDE if source == OWN else 1.0
            figure.text(
                x / self.width,
                1 - base / self.height,
                part.replace("$", r"\$"),
                fontproperties=FontProperties(fname=source.path or None, size=scale * line.face.size * 72 / DPI),
                color=tuple(each / 255 for each in line.ink),
                ha="left" if line.upright else across,
                va="center" if line.upright else "baseline",
                rotation=90 if line.upright else 0,
            )
            x += width_of(part, line.face)


def _turned(line: Line) -> Image.Image:
    paper = Image.new("RGB", (width_of(line.text, line.face) + 2, line_height(line.face)), "white")
    put(ImageDraw.Draw(paper), (0, 0), line.text, line.face, line.ink)
    return paper.rotate(90, expand=True)
