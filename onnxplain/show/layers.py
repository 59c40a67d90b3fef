"""The picture of a map as layers that lie on each other: the photo, the colours, and the lines.

Whoever shows them, such as a page, may change how much of the colours is seen without drawing anything anew. With the
colours at an opacity a in [0, 1] the layers give what `Map.drawn` draws with `Style(alpha=a)`, but for rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from onnxplain.show.annotations import draw_annotations
from onnxplain.show.scales import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.inputs.placement import Size
    from onnxplain.show.annotations import Annotation
    from onnxplain.show.colour import Scale
    from onnxplain.show.panel import Map
    from onnxplain.show.style import Style


@dataclass(frozen=True, eq=False)
class Layers:
    """Pictures of one size, the lowest first.

    photo: RGB. heat: the colours of the map, with the opacity that they have where the largest |R| is opaque; nothing
    where the model sees nothing. unseen: hatches over what it does not see. lines: contours. notes: the outlines of
    annotations. None stands for a layer with nothing on it.
    """

    photo: Image.Image
    heat: Image.Image
    unseen: Image.Image | None = None
    lines: Image.Image | None = None
    notes: Image.Image | None = None


def layers(shown: Map, size: Size, scale: Scale, style: Style, notes: tuple[Annotation, ...] = ()) -> Layers:
    """Return the layers of a map that lies over a picture. size: their height and width. notes: annotations."""
    rows, columns = shown.place.seen(size)
    whole = (rows, columns) == (slice(0, size[0]), slice(0, size[1]))
    return Layers(
        shown.picture(size, grey=style.background == "grey"),
        _heat(shown, size, replace(scale, alpha=1.0), style),
        None if whole else glass(size, shown.hatch),
        glass(size, lambda panel: shown.outline(panel, style)) if style.levels else None,
        glass(size, lambda panel: draw_annotations(panel, notes, shown.place.original)) if notes else None,
    )


def _heat(shown: Map, size: Size, scale: Scale, style: Style) -> Image.Image:
    """Return the colours as a picture with a palette, of which each level has its opacity; the last one has none."""
    seen = shown.place.seen(size)
    levels = np.full(size, LEVELS, np.uint8)
    levels[seen] = scale.levels(shown.at(size, style.sign)[seen])
    heat = Image.fromarray(levels, "L")
    heat.putpalette(scale.colours.tobytes() + bytes(3))
    heat.info["transparency"] = bytes([*np.rint(255 * scale.opacity).astype(int).tolist(), 0])
    return heat


def glass(size: Size, draw: Callable[[Image.Image], None]) -> Image.Image:
    """Return what a function draws on a panel as RGBA, by itself, found from what it draws on black and on white.

    draw: changes an RGB picture of this size, by laying colours over it, each with an opacity.
    """
    panels = []
    for paper in ("black", "white"):
        panel = Image.new("RGB", size[::-1], paper)
        draw(panel)
        panels.append(np.asarray(panel, np.float32))
    on_black, on_white = panels
    opacity = 255 - (on_white - on_black).mean(axis=2)
    colours = on_black * 255 / np.maximum(opacity, 1)[..., None]
    found = np.dstack([colours, opacity]).clip(0, 255)
    return Image.fromarray(np.rint(found).astype(np.uint8), "RGBA")
