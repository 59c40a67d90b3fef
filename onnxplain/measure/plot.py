"""Measures on matplotlib figures: curves with bands, or bars. It needs the optional extra `plot`."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.measure.judged import CONTROL
from onnxplain.show.plot import new_figure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.measure.result import Measure, MeasureResult


INKS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours that people with any common colour blindness can tell apart (Okabe & Ito 2008)."""
GREY = "#666666"
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
"""Line styles of matplotlib: the colours are used once with each, so that more methods than colours stay distinct."""


def plot(measure: Measure, results: Mapping[str, MeasureResult]) -> Any:
    """Draw the results of one measure by method, and return the matplotlib figure.

    A measure with curves gets a panel for each curve, with a band of ± one standard error; any other gets a panel with
    bars for each quantity. Raises MissingExtraError without matplotlib.
    """
    first = next(iter(results.values()))
    draw, panels = (_curves, list(first.curves)) if first.curves else (_bars, list(first.values))
    figure = new_figure(figsize=(4.5 * len(panels), 3.6), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, name in zip(axes, panels, strict=True):
        draw(panel, name, results)
        panel.set_title(_title(measure, name))
        panel.spines[["top", "right"]].set_visible(False)
    if first.curves:
        figure.supxlabel(measure.axes[0])
        figure.supylabel(measure.axes[1])
        axes[-1].legend(frameon=False, fontsize="small")
    figure.suptitle(measure.name)
    return figure


def _curves(panel: Any, name: str, results: Mapping[str, MeasureResult]) -> None:
    """Draw the mean of one curve over the samples for each method, with its band."""
    for (method, each), (ink, dash) in zip(results.items(), _looks(results), strict=True):
        steps = np.arange(each.curves[name].shape[1])
        mean = each.curves[name].mean(0)
        panel.plot(steps, mean, color=ink, linestyle=dash, label=method)
        if len(each.curves[name]) > 1:
            error = each.curves[name].std(0, ddof=1) / np.sqrt(len(each.curves[name]))
            panel.fill_between(steps, mean - error, mean + error, color=ink, alpha=0.2, linewidth=0)


def _bars(panel: Any, name: str, results: Mapping[str, MeasureResult]) -> None:
    """Draw the mean of one quantity as a bar for each method, with a line of ± one standard error."""
    means = [each.mean(name) if np.isfinite(each.mean(name)) else np.nan for each in results.values()]  # Inf: no bar
    errors = [0.0 if np.isnan(each.standard_error(name)) else each.standard_error(name) for each in results.values()]
    places = range(len(results))
    panel.barh(places, means, xerr=errors, color=[ink for ink, _ in _looks(results)], ecolor="0.2", height=0.7)
    panel.set_yticks(places, labels=list(results))
    panel.invert_yaxis()


def _looks(results: Mapping[str, MeasureResult]) -> list[tuple[str, Any]]:
    """Return the colour and the line style of each method; those of the control are grey and dotted."""
    looks = zip(cycle(INKS), (dash for dash in cycle(DASHES) for _ in INKS), strict=False)
    return [(GREY, ":") if method == CONTROL else next(looks) for method in results]


def _title(measure: Measure, name: str) -> str:
    """Return the title of a panel: the name, and for a quantity whether higher or lower is better."""
    return f"{name}\n{measure.quantities[name]} is better" if name in measure.quantities else name
