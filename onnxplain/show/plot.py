"""The same pictures on matplotlib axes, for notebooks and papers. It needs the optional extra `plot`."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import MissingExtraError
from onnxplain.show.bars import ends_of, strongest
from onnxplain.show.fonts import Source
from onnxplain.show.style import Style
from onnxplain.show.text import Font, whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL import Image

    from onnxplain.arrays import Array
    from onnxplain.show.bars import Inks, Row
    from onnxplain.show.view import View


_LETTERS = 84
"""How many small letters fit in one line below matplotlib's axes at their usual size."""


def plot_map(seen: View, title: str = "", *, ax: Any = None) -> Any:
    """Draw a map as in the PNG on `ax`, with a colour bar of the same scale, and return the axes.

    A new figure is made where `ax` is None. Raises MissingExtraError without matplotlib.
    """
    axes = _new_axes() if ax is None else ax
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    scale = seen.map.scale(seen.style)
    axes.imshow(np.asarray(seen.panel()), interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(title, fontsize="medium", loc="left")
    low, high = (scale.low, scale.high) if scale.top else (0.0, 1.0)
    mapped = ScalarMappable(Normalize(low, high), ListedColormap(scale.colours / 255))
    axes.figure.colorbar(mapped, ax=axes, label=seen.words.unit)
    said = "\n".join(wrap(seen.words.legend(scale, seen.style), _LETTERS))
    axes.text(0, -0.02, said, transform=axes.transAxes, fontsize="x-small", color="0.4", va="top")
    return axes


def plot_bars(
    relevance: Array,
    title: str = "",
    *,
    names: Sequence[str] | None = None,
    top: int = 20,
    ax: Any = None,
    style: Style | None = None,
) -> Any:
    """Draw the `top` strongest numbers of an array as bars on `ax`, or on new axes, and return the axes.

    names: one for each number. style: cmap, sign and threshold of it are used.
    Raises MissingExtraError without matplotlib.
    """
    axes = _new_axes() if ax is None else ax
    style = style or Style()
    rows, others = strongest(names, relevance, top, style)
    _draw_bars(axes, rows, ends_of(style))
    axes.set_xlabel(others)
    axes.set_title(title)
    return axes


def set_fonts(axes: Any, path: str | Path | None) -> None:
    """Set the text of axes in the font of a file or, without one, that which lacks letters in a font that has them.

    The sizes stay, and no text is taken for a formula.
    """
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.text import Text

    for each in axes.findobj(Text):
        each.set_parse_math(False)
        own = str(findfont(each.get_fontproperties())) if path is None else str(path)
        source, text = whole(each.get_text(), Font(20, Source(own)))
        each.set_text(text)
        if source.path != own or path is not None:
            each.set_fontproperties(FontProperties(fname=source.path, size=each.get_size()))


def show_picture(picture: Image.Image, title: str = "", *, ax: Any = None) -> Any:
    """Put a finished picture, such as coloured text or a waveform, on `ax`, and return the axes."""
    axes = _new_axes() if ax is None else ax
    axes.imshow(np.asarray(picture))
    axes.set_axis_off()
    axes.set_title(title)
    return axes


def new_figure(**options: Any) -> Any:
    """Return a new figure that shows: by `pyplot.show()`, or as the last value of a notebook's cell.

    A notebook shows each figure that pyplot knows of by itself, and would show the value of the cell once more; so
    pyplot does not know of it there. Raises MissingExtraError without matplotlib.
    """
    plt = _pyplot()
    return plt.Figure(**options) if "inline" in plt.get_backend() else plt.figure(**options)


def _new_axes() -> Any:
    """Return axes of a new figure, which pyplot knows of. Raises MissingExtraError without matplotlib."""
    plt = _pyplot()
    return plt.subplots(layout="constrained")[1]


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot as plt
    except ImportError as problem:
        raise MissingExtraError(
            "plot() needs matplotlib: pip install 'onnxplain[plot]' (PNGs, tables and JSON do not need it)"
        ) from problem
    return plt


def _draw_bars(axes: Any, rows: list[Row], inks: Inks) -> None:
    """Draw one bar for each feature, the first one at the top."""
    names, values = [name for name, _ in rows], [value for _, value in rows]
    ink = [tuple(c / 255 for c in inks[int(value >= 0)]) for value in values]
    places = range(len(rows))
    axes.barh(places, values, color=ink)
    axes.set_yticks(places, labels=names)
    axes.invert_yaxis()
    axes.axvline(0, color="0.4", linewidth=0.8)
