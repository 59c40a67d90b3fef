"""The words of a picture: what was decided, by what it is explained, in which unit, and what colours and lines mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.show.style import VMAX

if TYPE_CHECKING:
    from onnxplain.explanation import Explanation
    from onnxplain.show.colour import Scale
    from onnxplain.show.style import Style

PART, SLOPE = "part of the score", "slope of the score"
_UNITS = {
    "saliency": "size of the slope of the score",
    "vargrad": "variance of the slope of the score",
    "occlusion": "fall of the score where it is hidden",
    "rise": "mean score where it is seen",
    "lime": "weight in a linear model of the score",
    "meaningful_perturbation": "how much the score needs it, 0 to 1",
    "extremal_perturbation": "how much the score needs it, 0 to 1",
    "guided_grad_cam": "slope times activation",
    **dict.fromkeys(("gradient", "smoothgrad", "deconvnet", "guided_backprop"), SLOPE),
    **dict.fromkeys(("cam", "grad_cam", "grad_cam_pp", "layer_cam", "hires_cam", "score_cam"), "weighted activation"),
}
"""What one number says, by the name of the method; those of all other methods are parts of the score."""


@dataclass(frozen=True)
class Words:
    """What is said beside a picture.

    title: class, probability and score. subtitle: the method, the target and, in a line below, how much of the
    explained number arrived. unit: of the numbers. due: the number that is shared out, of which the numbers are parts,
    and `of`, what it is, in words; None where nothing is shared out. unseen: whether the model sees a part of the
    picture alone. noted: whether annotations are outlined. score: of the target, where the
    numbers are its parts; None else. each: what one number is of. where: a sentence on what lies where, if any.
    """

    title: str = ""
    subtitle: str = ""
    unit: str = PART
    due: float | None = None
    of: str = "the score"
    unseen: bool = False
    noted: bool = False
    score: float | None = None
    each: str = "pixel"
    where: str = ""

    def share(self, number: float, signed: str = "") -> str:
        """Return a number in per cent of what is shared out; "" where nothing is, or 0. signed: "+" for its sign."""
        if not self.due:
            return ""
        part = 100 * number / self.due
        return f"{('-' if part < 0 else '+') if signed else ''}{people(abs(part))} %"

    def legend(self, scale: Scale, style: Style) -> str:
        """Return in sentences what colours, lines and hatches mean."""
        if scale.top == 0:
            return "All relevance is 0."
        sign = "±" if scale.low and scale.high else "-" if scale.low else ""
        share = self.share(scale.top)
        of = f", {share} of {self.of}" if share else ""
        below = f" Below {scale.threshold:.3g} nothing is drawn." if scale.threshold else ""
        full = f"Full colour: {sign}{scale.top:.3g} per {self.each}{of} ({how_scaled(style)}).{below}"
        return " ".join(filter(None, (full, lines_said(style, unseen=self.unseen, noted=self.noted), self.where)))


def how_scaled(style: Style) -> str:
    """Return in words which |R| has full colour."""
    vmax = VMAX if style.vmax is None else style.vmax
    if not isinstance(vmax, str):
        return "given"
    return "largest |R|" if vmax == "100%" else f"{vmax.removesuffix('%')}th percentile of |R|"


def lines_said(style: Style, *, unseen: bool, noted: bool) -> str:
    """Return in sentences what contours, hatches and outlines mean, of those that are drawn."""
    parts = " and ".join(f"{100 * level:.3g} %" for level in style.levels)
    said = [f"Lines: {parts} of the largest |R|, smoothed." if parts else ""]
    said += ["Hatched: the model does not see it." if unseen else "", "Green: annotation." if noted else ""]
    return " ".join(filter(None, said))


def number(value: float, signed: str = "") -> str:
    """Return a number in three digits, without an exponent where it can be read without one.

    >>> number(1234.5), number(0.012345, "+"), number(1.2e-7), number(-0.0, "+")
    ('1234', '+0.0123', '1.2e-07', '0')
    """
    text = f"{value:{signed}.3g}" if value else "0"
    return f"{value:{signed}.0f}" if "e" in text and 1 <= abs(value) < 1e6 else text


def people(share: float) -> str:
    """Return a number of at least 0 in two digits, or in whole numbers where it has more.

    >>> people(0.01234), people(3.456), people(123.4)
    ('0.012', '3.5', '123')
    """
    return f"{share:.0f}" if share >= 99.5 else f"{share:.2g}"


def words_of(e: Explanation, row: int, *, unseen: bool = False) -> Words:
    """Return what is said of one row of an explanation."""
    kept = e.conservation
    arrived = "" if kept is None else f"\n{kept.line(row)}"
    due = None if kept is None or not np.isfinite(kept.due[row]) else float(kept.due[row])
    return Words(
        title_of(e, row),
        f"{e.method}; {target_of(e, row)}{arrived}",
        _UNITS.get(e.method, PART),
        due or None,
        "the score" if kept is None else kept.of,
        unseen,
        score=None if kept is None or kept.of == "the seed" else float(e.score[row]),
    )


def title_of(e: Explanation, row: int) -> str:
    """Return the class of a row, its probability by the file's own head where it gives one, and its score.

    What a single sigmoid decided against stands beside the score of its one class, which is what is explained.
    """
    score = f"score {e.score[row]:.4g}"
    return f"{e.labels[row]}: {score if e.probability is None else f'{chance(float(e.probability[row]))}, {score}'}"


def chance(probability: float) -> str:
    """Return a probability in per cent; what rounds to none or to all is said to be less or more than that.

    >>> chance(0.4567), chance(0.99998), chance(1.0), chance(0.00001)
    ('45.7 %', '> 99.9 %', '100 %', '< 0.1 %')
    """
    if 0 < probability < 0.0005 or 0.9995 <= probability < 1:
        return "< 0.1 %" if probability < 0.5 else "> 99.9 %"
    return f"{100 * probability:.3g} %" if probability in (0, 1) else f"{100 * probability:.1f} %"


def target_of(e: Explanation, row: int) -> str:
    """Return in words what is explained: the class and the place of its score among all, or what is in the network."""
    if not isinstance(e.target, np.ndarray):
        return f"target {e.target}"
    scores, index = e.prediction[row].ravel(), int(e.target[row])
    if scores.size < 2 or index >= scores.size:
        return f"target class {index}"
    place = int((scores > scores[index]).sum()) + 1
    return f"target class {index}, {ordinal(place)} of {scores.size} scores"


def ordinal(place: int) -> str:
    """Return a place in a ranking.

    >>> ordinal(1), ordinal(2), ordinal(11), ordinal(23)
    ('the highest', 'the 2nd highest', 'the 11th highest', 'the 23rd highest')
    """
    if place == 1:
        return "the highest"
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"the {place}{ending} highest"
