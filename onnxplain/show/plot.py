"""The same pictures on matplotlib axes, for notebooks and papers. It needs the optional extra `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import MissingExtraError
from onnxplain.show.bars import strongest
from onnxplain.show.colour import NEGATIVE, POSITIVE, colours, heatmap, overlay, robust_maximum
from onnxplain.show.picture import scale_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from onnxplain.arrays import Array
    from onnxplain.show.bars import Row


def plot(
    relevance: Array,
    image: Array | None = None,
    title: str = "",
    *,
    names: Sequence[str] | None = None,
    vmax: float | None = None,
    top: int = 20,
    ax: Any = None,
) -> Any:
    """Draw a map [H, W] on `ax`, or the bars of an array of any other shape, and return the axes.

    A new figure is made where `ax` is None. image: what lies under the map, uint8 RGB [H, W, 3]. names: one for each
    bar. vmax: the |R| of full colour; None takes the 99th percentile of |R|. top: how many bars are drawn at most.
    Raises MissingExtraError without matplotlib.
    """
    axes = _new_axes() if ax is None else ax
    if relevance.ndim == 2 and min(relevance.shape) > 1:
        _draw_map(axes, relevance, image, vmax)
    else:
        rows, others = strongest(names, relevance, top)
        _draw_bars(axes, rows)
        axes.set_xlabel(others)
    axes.set_title(title)
    return axes


def show_picture(picture: Image.Image, title: str = "", *, ax: Any = None) -> Any:
    """Put a finished picture, such as coloured text or a waveform, on `ax`, and return the axes."""
    axes = _new_axes() if ax is None else ax
    axes.imshow(np.asarray(picture))
    axes.set_axis_off()
    axes.set_title(title)
    return axes


def _new_axes() -> Any:
    """Return the axes of a new figure. Raises MissingExtraError without matplotlib."""
    try:
        from matplotlib import pyplot as plt
    except ImportError as problem:
        raise MissingExtraError(
            "plot() needs matplotlib: pip install 'onnxplain[plot]' (pictures as PNG do not need it)"
        ) from problem
    return plt.subplots()[1]


def _draw_map(axes: Any, relevance: Array, image: Array | None, vmax: float | None) -> None:
    """Draw the overlay or the heatmap, with a colour bar of the same scale."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    top = robust_maximum(relevance) if vmax is None else vmax
    shown = heatmap(relevance, top) if image is None else overlay(image, relevance, top)
    axes.imshow(shown, interpolation="nearest")
    axes.set_axis_off()
    ramp = ListedColormap(colours(np.linspace(-1, 1, 255)) / 255)
    scale = ScalarMappable(Normalize(-top, top) if top else Normalize(-1, 1), ramp)
    axes.figure.colorbar(scale, ax=axes, label=scale_text(top, given=vmax is not None))


def _draw_bars(axes: Any, rows: list[Row]) -> None:
    """Draw one bar for each feature, the first one at the top."""
    names, values = [name for name, _ in rows], [value for _, value in rows]
    ink = [tuple(c / 255 for c in (NEGATIVE if value < 0 else POSITIVE)) for value in values]
    places = range(len(rows))
    axes.barh(places, values, color=ink)
    axes.set_yticks(places, labels=names)
    axes.invert_yaxis()
    axes.axvline(0, color="0.4", linewidth=0.8)
