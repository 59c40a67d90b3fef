"""The view of one row of an explanation: which kind of picture fits it, by what the model's input is.

| the row's relevance | drawn as |
|---|---|
| a plane (two axes longer than 1) | a map over the picture as it came, or over the input itself in grey |
| a vector, of whole numbers or with a vocabulary | coloured tokens |
| a vector, of an input with more than two axes, or longer than LONG and without names | a waveform |
| anything else | bars of the strongest features, as a waterfall where they share out the score |

All rows of a table are bars of their means, or a beeswarm.

Where an input in grey or a waveform has channels, their mean is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.show.annotations import annotations_of, check_names, only
from onnxplain.show.axes import axes_of
from onnxplain.show.bars import bars
from onnxplain.show.beeswarm import beeswarm
from onnxplain.show.choices import check_taken
from onnxplain.show.panel import Map
from onnxplain.show.picture import picture
from onnxplain.show.style import Style
from onnxplain.show.tokens import tokens
from onnxplain.show.waterfall import waterfall
from onnxplain.show.wave import wave
from onnxplain.show.words import Words, number, words_of

if TYPE_CHECKING:
    from PIL import Image

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation
    from onnxplain.inputs.placement import Original, Placement
    from onnxplain.show.annotations import Annotation
    from onnxplain.show.axes import Axes
    from onnxplain.show.page import Page

LONG = 256
"""A vector without names that has more values than this is taken for a signal, and not for the columns of a table."""
FEW = 3
"""Fewer repetitions of the last token than this are shown one by one, and not as one token with their number."""


@dataclass(frozen=True)
class View:
    """What is shown of one row.

    kind: "map", "tokens", "wave" or "bars" and, for all rows of a table, "means" or "beeswarm". relevance: of the row,
    or of all rows [N, columns] for a beeswarm. ground: what lies under the relevance, the picture under a map (uint8
    RGB [H, W, 3]), the signal of a waveform, or the values of a table; None where there is nothing. names: of the
    values, for tokens and bars, and of the columns.
    words: what is said beside it. style: how it is drawn. placement: where a map lies on the picture as it came; None
    where both are of one size. notes: annotations of the picture. axes: of a map over what is no picture. rate: samples
    a second of a waveform, where that is known.
    """

    kind: str
    relevance: Array
    ground: Array | None = None
    names: tuple[str, ...] | None = None
    words: Words = field(default_factory=Words)
    style: Style = field(default_factory=Style)
    placement: Placement | None = None
    notes: tuple[Annotation, ...] = ()
    axes: Axes | None = None
    rate: float | None = None

    @property
    def map(self) -> Map:
        """The map of a row of that kind."""
        return Map(self.relevance, self.ground, self.placement, proportional=self.ground is not None)

    def draw(self) -> Image.Image:
        """Draw the picture."""
        return self.page().image()

    def page(self) -> Page:
        """Lay out the picture."""
        words = self.words.title, self.words.subtitle
        if self.kind == "map":
            return picture(self.ground, self.relevance, self.words, self.style, self.placement, self.notes, self.axes)
        if self.kind == "wave" and self.ground is not None:
            return wave(self.ground, self.relevance, self.words, self.style, self.rate)
        if self.kind == "beeswarm":
            return beeswarm(self.names, self.relevance, self.ground, self.words, self.style)
        if self.kind == "tokens":
            return tokens(self.names or (), self.relevance, *words, self.style)
        if self.words.due is not None and self.words.score is not None and self.style.sign == "all":
            ends = self.words.score - self.words.due, self.words.score
            return waterfall(self.names, self.relevance, *ends, *words, style=self.style)
        return bars(self.names, self.relevance, *words, style=self.style)

    def panel(self) -> Image.Image:
        """Draw the relevance alone, without words and colour bar."""
        if self.kind != "map":
            return replace(self, words=replace(self.words, title="", subtitle="")).draw()
        return self.map.drawn(self.map.size(self.style.size), self.map.scale(self.style), self.style, self.notes)


def view(e: Explanation, row: int | str = 0, style: Style | None = None) -> View:
    """Return how one row is shown, or "all" rows of a table. Raises UsageError for a row that does not exist."""
    if row == "all":
        return _together(e, style or Style())
    if not isinstance(row, (int, np.integer)) or not 0 <= row < len(e.attribution):
        raise UsageError(f"row {row!r}: the explanation has {len(e.attribution)} rows")
    relevance, style = e.relevance[row].squeeze(), style or Style()
    check_names(style, e.record["input"]["names"] if "input" in e.record else [_name(e, row)])
    words = words_of(e, row)
    own = e.inputs[row] if e.inputs.shape == e.attribution.shape else None
    if relevance.ndim == 2:
        return _map_view(e, row, own, View("map", relevance, words=words, style=style))
    relevance = relevance.ravel()
    if own is not None and own.size == relevance.size and (own.dtype.kind in "iu" or e.vocabulary):
        return View("tokens", *_without_padding(relevance, e.tokens(row)), words, style)
    if own is not None and _is_signal(e, own) and (signal := _plane(e, own).ravel()).size == relevance.size:
        return View("wave", relevance, signal, None, words, style, rate=(_sound(e) or {}).get("rate"))
    return View("bars", relevance, None, _named_values(e, own, relevance.size), words, style)


def cell_view(e: Explanation, style: Style) -> View:
    """Return how the first row is shown among others, with the annotations of its own input alone."""
    names = e.record["input"]["names"] if "input" in e.record else []
    return view(e, 0, replace(style, **only({"masks": style.masks, "boxes": style.boxes}, names)))


def checked(e: Explanation, row: int | str = 0, style: Style | None = None) -> View:
    """Return what `view` does, of a style that the picture can show. Raises UsageError for one that it cannot."""
    seen = view(e, row, style)
    check_taken(seen.style, [seen.kind])
    return seen


def _together(e: Explanation, style: Style) -> View:
    """Return all rows of a table: the mean |R| of each column, or a beeswarm.

    Raises UsageError where a row is not shown as bars.
    """
    if view(e).kind != "bars":
        raise UsageError('row="all": all rows together are shown of tables alone; give the number of a row')
    count, relevance = len(e.relevance), e.relevance.reshape(len(e.relevance), -1)
    whose = e.labels[0] if len(set(e.labels)) == 1 else "each for its own class"
    if style.kind == "beeswarm":
        known = e.inputs.size == relevance.size
        words = Words(f"R of {count} rows: {whose}", e.method, words_of(e, 0).unit)
        values = e.inputs.reshape(relevance.shape) if known else None
        return View("beeswarm", relevance, values, e.features, words, style)
    words = Words(f"mean |R| of {count} rows: {whose}", e.method)
    return View("means", np.abs(relevance).mean(0), None, e.features, words, style)


def _map_view(e: Explanation, row: int, own: Array | None, bare: View) -> View:
    """Return a view of a map with what lies under it: the picture as it came, where that is known."""
    came = _original(e, row, bare.relevance)
    if came is None:
        ground = _ground(e, row, own)
        size = bare.relevance.shape if ground is None else ground.shape[:2]
        notes = annotations_of(bare.style, _name(e, row), (size[0], size[1]))
        axes = _axes(e, row, own)
        words = replace(bare.words, noted=bool(notes), where=axes.said if axes else "")
        return replace(bare, ground=ground, words=words, notes=notes, axes=axes)
    place, (height, width) = came.placement, came.placement.original
    notes = annotations_of(bare.style, _name(e, row), place.original)
    unseen = place.seen() != (slice(0, height), slice(0, width))
    words = replace(bare.words, unseen=unseen, noted=bool(notes))
    return replace(bare, ground=came.picture, placement=place, words=words, notes=notes)


def _original(e: Explanation, row: int, relevance: Array) -> Original | None:
    """Return the picture of a row as it came; None where it is not known, or the map is not over the model's input."""
    came = e.originals[row] if e.channel_axis is not None and e.originals else None
    return came if came is not None and came.placement.size == relevance.shape else None


def _name(e: Explanation, row: int) -> str:
    """Return where a row came from."""
    names = e.record["input"]["names"] if "input" in e.record else []
    return names[row] if row < len(names) else f"input {row}"


def _ground(e: Explanation, row: int, own: Array | None) -> Array | None:
    """Return what lies under a map, uint8 RGB [H, W, 3]: the picture that was read, or the input itself in grey.

    The smallest value of the input is black, and the largest white.
    """
    if e.channel_axis is not None and e.images and e.images[row] is not None:
        return np.asarray(e.images[row])
    if own is None:
        return None
    plane = _plane(e, own).squeeze()
    plane = plane - plane.min()
    grey = np.rint(plane * (255 / (plane.max() or 1))).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _sound(e: Explanation) -> dict[str, Any] | None:
    """Return what is stated of the waveforms that the model takes; None where nothing is."""
    return e.record["model"].get("sound") if "model" in e.record else None


def _axes(e: Explanation, row: int, own: Array | None) -> Axes | None:
    """Return the axes of a map over an input with two axes, or over one of a model of sounds; None over pictures."""
    sound = _sound(e)
    if own is None or (own.ndim != 2 and sound is None) or (e.images and e.images[row] is not None):
        return None
    down, across = (axis for axis, length in enumerate(own.shape, 1) if length > 1 and axis != e.channel_axis)
    size = own.shape[down - 1], own.shape[across - 1]
    return axes_of((sound or {}).get("shape", ()), (down, across), size, sound=sound is not None)


def _plane(e: Explanation, own: Array) -> Array:
    """Return the mean of the channels of a row, or the row itself where it has none."""
    return np.asarray(own.mean(e.channel_axis - 1)) if e.channel_axis else own


def _without_padding(relevance: Array, names: tuple[str, ...]) -> tuple[Array, None, tuple[str, ...]]:
    """Return a row's relevance and tokens with the repetitions of the last token joined to one.

    Padding repeats a token at the end. The joined token has the sum of their relevance, and their number in its name.
    """
    last = len(names)
    while last > 1 and names[last - 2] == names[-1]:
        last -= 1
    if len(names) - last < FEW:
        return relevance, None, names
    summed = np.append(relevance[: last - 1], relevance[last - 1 :].sum())
    return summed, None, (*names[: last - 1], f"{names[-1]} x {len(names) - last + 1}")


def _named_values(e: Explanation, own: Array | None, count: int) -> tuple[str, ...] | None:
    """Return the name of each column with its value in the row, where that is known."""
    names = e.features or tuple(f"feature {i}" for i in range(count))
    if own is None or own.size != count or len(names) != count:
        return e.features
    shown = (number(float(each)) if isinstance(each, Real) else str(each) for each in own.ravel().tolist())
    return tuple(f"{name} = {value}" for name, value in zip(names, shown, strict=True))


def _is_signal(e: Explanation, own: Array) -> bool:
    """Whether a vector is a signal in time, and not the columns of a table."""
    return e.features is None and (own.ndim > 1 or own.size > LONG)
