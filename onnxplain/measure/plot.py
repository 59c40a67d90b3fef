"""Measures on matplotlib figures: curves with bands, or bars; needs the extra `plot`."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import MissingExtraError
from onnxplain.measure.judged import CONTROL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.measure.result import Measure, MeasureResult


INKS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Told apart with every common colour blindness (Okabe & Ito 2008); the dashes differ too."""
GREY = "#666666"
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))


def plot(measure: Measure, found: Mapping[str, MeasureResult]) -> Any:
    """A panel a curve with a band of ± one standard error, or a panel a quantity with bars. Returns the figure."""
    try:
        from matplotlib.figure import Figure
    except ImportError as problem:
        raise MissingExtraError(
            "plot() needs matplotlib: pip install 'onnxplain[plot]' (the table and to_json() do not need it)"
        ) from problem
    first = next(iter(found.values()))
    draw, panels = (_curves, list(first.curves)) if first.curves else (_bars, list(first.values))
    figure = Figure(figsize=(4.5 * len(panels), 3.6), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, name in zip(axes, panels, strict=True):
        draw(panel, name, found)
        panel.set_title(_title(measure, name))
        panel.spines[["top", "right"]].set_visible(False)
    if first.curves:
        figure.supxlabel(measure.axes[0])
        figure.supylabel(measure.axes[1])
        axes[-1].legend(frameon=False, fontsize="small")
    figure.suptitle(measure.name)
    return figure


def _curves(panel: Any, name: str, found: Mapping[str, MeasureResult]) -> None:
    for (method, each), (ink, dash) in zip(found.items(), _looks(found), strict=True):
        steps = np.arange(each.curves[name].shape[1])
        mean = each.curves[name].mean(0)
        panel.plot(steps, mean, color=ink, linestyle=dash, label=method)
        if len(each.curves[name]) > 1:
            error = each.curves[name].std(0, ddof=1) / np.sqrt(len(each.curves[name]))
            panel.fill_between(steps, mean - error, mean + error, color=ink, alpha=0.2, linewidth=0)


def _bars(panel: Any, name: str, found: Mapping[str, MeasureResult]) -> None:
    means = [each.mean(name) if np.isfinite(each.mean(name)) else np.nan for each in found.values()]  # Inf: no bar
    errors = [0.0 if np.isnan(each.standard_error(name)) else each.standard_error(name) for each in found.values()]
    places = range(len(found))
    panel.barh(places, means, xerr=errors, color=[ink for ink, _ in _looks(found)], ecolor="0.2", height=0.7)
    panel.set_yticks(places, labels=list(found))
    panel.invert_yaxis()


def _looks(found: Mapping[str, MeasureResult]) -> list[tuple[str, Any]]:
    """Ink and dash of each method; the control is grey and dotted."""
    looks = zip(cycle(INKS), (dash for dash in cycle(DASHES) for _ in INKS), strict=False)
    return [(GREY, ":") if method == CONTROL else next(looks) for method in found]


def _title(measure: Measure, name: str) -> str:
    """A panel's name, for a quantity with what is better."""
    return f"{name}\n{measure.quantities[name]} is better" if name in measure.quantities else name
