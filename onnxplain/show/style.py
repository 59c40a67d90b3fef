"""How an explanation is drawn: the keywords of `save`, `image` and `plot`, and the options of the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from onnxplain import checks
from onnxplain.errors import UsageError
from onnxplain.show.scales import table
from onnxplain.show.text import font
from onnxplain.text import offer

if TYPE_CHECKING:
    from PIL import Image

    from onnxplain.arrays import Array

SIGNS = ("all", "positive", "negative", "absolute")
BACKGROUNDS = ("photo", "grey", "none")
KINDS = ("bars", "beeswarm")
VMAX = "99%"
"""The |R| of full colour of a map where none is given."""
SIZES = 64, 16384
"""The least and the most pixels that may be asked for."""
LEVELS = (0.5, 0.9)
"""The levels of the contours where none are given, as parts of the maximum."""

Mask: TypeAlias = "Array | Image.Image | str | Path"
Box: TypeAlias = Sequence[float]


@dataclass(frozen=True, eq=False)
class Style:
    """The choices of a drawing.

    What a picture does not show, such as the opacity of bars, it has no choice for: see `onnxplain.show.choices`.

    cmap: the scale of colours: "blue_white_red", "inferno", "viridis", "grey", or a colormap of matplotlib by name;
        None takes blue-white-red for a map of both signs, and inferno for a map without negative numbers.
        Bars have the colours of its ends.
    alpha: the largest opacity of the colours over the picture, 0 to 1.
    sign: "all" numbers, the "positive" or the "negative" ones alone, or their "absolute" values.
    vmax: the |R| of full colour: a number, or a percentile of |R| such as "95%"; None takes the 99th percentile of a
        map, and the largest |R| of tokens.
    threshold: the |R| below which nothing is drawn: a number, or a percentile of |R|; None draws all.
    contours: the levels of the contour lines, as parts of the largest |R|; True is (0.5, 0.9), False draws none.
    background: what lies under a map: the "photo" in its own colours, the photo in "grey", or "none".
    masks, boxes: outlines of annotations on the picture as it came. A mask is an array [H, W], a picture or its path,
        with the annotated pixels above half of its largest value; a box is (left, top, right, bottom) in pixels. One
        list is for all pictures, a dict by the name of the input for each.
    size: the pixels of the longer side of a panel, and of a cell of a grid; None takes those of the picture itself,
        but at least 320 and at most 1280, and for a cell 160 to 280.
    kind: what all rows of a table are drawn as, "bars" of the mean |R| or a "beeswarm"; None takes bars.
    font: the path of a font for all text; None takes Pillow's own, and the system's for letters that it lacks.

    Raises UsageError, which names the choice, for a value that it cannot have.
    """

    cmap: str | None = None
    alpha: float = 0.6
    sign: str = "all"
    vmax: float | str | None = None
    threshold: float | str | None = None
    contours: bool | Sequence[float] = True
    background: str = "photo"
    masks: Sequence[Mask] | Mapping[str, Any] = ()
    boxes: Sequence[Box] | Mapping[str, Any] = ()
    size: int | None = None
    kind: str | None = None
    font: str | Path | None = None

    def __post_init__(self) -> None:
        if self.cmap is not None:
            _check(isinstance(self.cmap, str), "cmap", self.cmap, "the name of a scale")
            table(self.cmap)
        _check(_number(self.alpha) and 0 <= self.alpha <= 1, "alpha", self.alpha, "a number from 0 to 1")
        _check(self.sign in SIGNS, "sign", self.sign, f"one of {', '.join(SIGNS)}")
        _check(self.background in BACKGROUNDS, "background", self.background, f"one of {', '.join(BACKGROUNDS)}")
        if self.vmax is not None:
            limit(self.vmax, "vmax", np.ones(1))
            _check(self.vmax != 0, "vmax", self.vmax, "a number above 0, or a percentile such as '99%'")
        if self.threshold is not None:
            limit(self.threshold, "threshold", np.ones(1))
        object.__setattr__(self, "contours", self._levels())
        self._check_annotations()
        low, high = SIZES
        whole = isinstance(self.size, (int, np.integer)) and not isinstance(self.size, bool)
        sized = self.size is None or (whole and low <= self.size <= high)
        _check(sized, "size", self.size, f"a whole number from {low} to {high}, or None")
        _check(self.kind in (None, *KINDS), "kind", self.kind, f"one of {', '.join(KINDS)}")
        _check(self.font is None or Path(self.font).is_file(), "font", self.font, "the path of a font")
        font(12, self.font)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Style:
        """Return the style of keywords. Raises UsageError for one that is unknown or cannot have its value."""
        known = [each.name for each in fields(cls)]
        for name in given:
            if name not in known:
                raise UsageError(f"a picture has no choice {name!r}; {offer(name, known)}")
        return cls(**given)

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels of the contours, the lowest first."""
        return tuple(self.contours) if isinstance(self.contours, Sequence) else ()

    def _check_annotations(self) -> None:
        for name in ("masks", "boxes"):
            given = getattr(self, name)
            several = isinstance(given, (Sequence, Mapping)) and not isinstance(given, str)
            parts = given.values() if isinstance(given, Mapping) else ()
            lists = all(isinstance(part, (Sequence, np.ndarray)) and not isinstance(part, str) for part in parts)
            _check(several and lists, name, given, "a list, or a dict of lists")
        for box in _all(self.boxes):
            four = isinstance(box, (Sequence, np.ndarray)) and len(box) == 4 and all(map(_number, box))
            _check(four and box[0] < box[2] and box[1] < box[3], "boxes", box, "(left, top, right, bottom) in pixels")

    def _levels(self) -> tuple[float, ...]:
        given = self.contours
        if isinstance(given, bool):
            return LEVELS if given else ()
        valid = isinstance(given, Sequence) and all(_number(each) and 0 < each < 1 for each in given)
        _check(valid, "contours", given, "True, False, or parts of the maximum between 0 and 1")
        return tuple(sorted(map(float, given)))


def limit(given: float | str, name: str, size: Array) -> float:
    """Return a limit of |R|: the number that was given, or a percentile of `size`, |R|, where one was.

    Where the percentile is 0 although some relevance is not, since fewer pixels have any, it is the maximum of |R|.
    name: of the choice, for the message of the UsageError where the value is neither.
    """
    if isinstance(given, str) and given.endswith("%"):
        try:
            part = float(given[:-1])
        except ValueError:
            part = -1.0
        _check(0 <= part <= 100, name, given, "a number, or a percentile such as '99%'")
        return float(np.percentile(size, part)) if size.size else 0.0
    _check(_number(given) and float(given) >= 0, name, given, "a number, or a percentile such as '99%'")
    return float(given)


def _all(given: Any) -> list[Any]:
    """Return the members of a list, or of all lists of a dict."""
    return [each for part in given.values() for each in part] if isinstance(given, Mapping) else list(given)


def _number(value: object) -> bool:
    return math.isfinite(checks.number(value))


def _check(valid: object, name: str, value: object, expected: str) -> None:
    if not valid:
        raise UsageError(f"{name}={value!r}: expected {expected}")
