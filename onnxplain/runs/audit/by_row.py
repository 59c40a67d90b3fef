"""Measures of gates that read a run alone: what each row says of its scores and its relevance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from onnxplain import checks
from onnxplain.errors import UsageError
from onnxplain.measure.localisation import pointing_game, relevance_mass, relevance_rank
from onnxplain.runs.audit.masks import Border, Box, Files, check_pattern
from onnxplain.text import offer

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.arrays import Array
    from onnxplain.runs.audit.audited import Audited
    from onnxplain.runs.audit.masks import Where
    from onnxplain.runs.read import Row


@dataclass(frozen=True)
class Accuracy:
    """Whether the class that the model says is the true one: 1 or 0."""

    unit: ClassVar[str] = "share that is classified rightly"
    missing: ClassVar[str] = "without a true label"

    def start(self, audited: Audited) -> Callable[[Row], float | None]:
        """Return what compares a row with its label. Raises UsageError where no labels are known."""
        truth = audited.truth
        if truth is None:
            raise UsageError('accuracy needs true labels: truth = "folders" or a .csv, under [data]')
        names, absent = audited.model.labels, audited.model.absent

        def right(row: Row) -> float | None:
            label = truth.of(row.name)
            if label is None or label == _said(row, names, absent):
                return None if label is None else 1.0
            if label not in (known := _classes(row, names, absent)):
                raise UsageError(f"the true label {label!r} of {row.name} is no class; {offer(label, known)}")
            return 0.0

        return right


def _classes(row: Row, names: tuple[str, ...] | None, absent: str | None) -> list[str]:
    """Return all labels that the model can say."""
    if len(row.scores) == 1:
        return [_said(replace(row, scores=np.array([score])), names, absent) for score in (-1.0, 1.0)]
    return list(names or map(str, range(len(row.scores))))


def _said(row: Row, names: tuple[str, ...] | None, absent: str | None) -> str:
    """Return the label of the class that the model says; of a single sigmoid, whether it is its class."""
    if len(row.scores) == 1:
        present = names[-1] if names else "1"
        return present if row.scores[0] > 0 else absent or (f"not {present}" if names else "0")
    best = int(np.argmax(row.scores))
    return names[best] if names else str(best)


@dataclass(frozen=True)
class Completeness:
    """The gap |Σ attribution - due| as a share of |due|, the number that the attributions should sum to."""

    unit: ClassVar[str] = "gap as a share of what the attributions should sum to"
    missing: ClassVar[str] = "by a method that shares no number out"

    def start(self, audited: Audited) -> Callable[[Row], float | None]:  # noqa: ARG002
        """Return what measures a row."""
        return lambda row: row.gap


@dataclass(frozen=True)
class Probability:
    """The probability of the explained class, by the file's own head."""

    unit: ClassVar[str] = "probability of the explained class"
    missing: ClassVar[str] = "without a probability, since the file gives scores alone"

    def start(self, audited: Audited) -> Callable[[Row], float | None]:  # noqa: ARG002
        """Return what reads it of a row."""
        return lambda row: row.probability


_SHARES: dict[str, Callable[[Array], Array]] = {
    "positive": lambda relevance: np.maximum(relevance, 0),
    "absolute": np.abs,
}


@dataclass(frozen=True)
class Region:
    """The share of relevance that lies in a part of the map: in masks, in a box, or along the border.

    masks: the path of a mask for each input, with {stem} or {name} in it. box: (x0, y0, x1, y1) in pixels of the map.
    border: how many pixels of the map from its edge on. share: of the "positive" relevance, or of the "absolute" one.
    """

    masks: str | None = None
    box: tuple[int, ...] | None = None
    border: int | None = None
    share: str = "positive"
    missing: ClassVar[str] = "without a mask or relevance"

    def __post_init__(self) -> None:
        if self.share not in _SHARES:
            raise UsageError(f"share = {self.share!r}: expected {' or '.join(_SHARES)}")
        if sum(each is not None for each in (self.masks, self.box, self.border)) != 1:
            raise UsageError("expected one of masks, box and border")
        if self.border is not None:
            Border(self.border)
        if self.masks is not None:
            check_pattern(self.masks)

    def start(self, audited: Audited) -> Callable[[Row], float | None]:
        """Return what measures a row."""
        return partial(_inside, self._where(audited), _SHARES[self.share])

    @property
    def unit(self) -> str:
        """What the share is of, and where it lies."""
        where = "in the mask" if self.masks is not None else "in the box" if self.box is not None else "at the border"
        return f"share of the {self.share} relevance {where}"

    def _where(self, audited: Audited) -> Where:
        if self.box is not None:
            return Box(self.box)
        return Border(self.border) if self.border is not None else files(self.masks or "", audited)


def files(masks: str, audited: Audited) -> Files:
    """Return the masks of an audit by their pattern."""
    folder = audited.data if audited.data.is_dir() else audited.data.parent
    return Files(masks, audited.base, audited.model.preprocess, folder)


def _inside(where: Where, measured: Callable[[Array], Array], row: Row) -> float | None:
    mask = where.mask(row.name, row.relevance.shape)
    if mask is None:
        return None
    values = measured(row.relevance.astype(np.float64))
    total = values.sum()
    return float(values[mask].sum() / total) if total else None


@dataclass(frozen=True)
class PointingGame:
    """Whether the largest relevance lies inside the mask: 1 or 0; see `onnxplain.measure.localisation`."""

    masks: str
    tolerance: int = 0
    unit: ClassVar[str] = "share with the largest relevance inside the mask"
    missing: ClassVar[str] = "without a mask"

    def __post_init__(self) -> None:
        checks.whole(0, tolerance=self.tolerance)
        check_pattern(self.masks)

    def start(self, audited: Audited) -> Callable[[Row], float | None]:
        """Return what measures a row."""
        return partial(_against, files(self.masks, audited), partial(pointing_game, tolerance=self.tolerance))


@dataclass(frozen=True)
class RelevanceMass:
    """The share of the positive relevance inside the mask; see `onnxplain.measure.localisation`."""

    masks: str
    unit: ClassVar[str] = "share of the positive relevance in the mask"
    missing: ClassVar[str] = "without a mask"

    def __post_init__(self) -> None:
        check_pattern(self.masks)

    def start(self, audited: Audited) -> Callable[[Row], float | None]:
        """Return what measures a row."""
        return partial(_against, files(self.masks, audited), relevance_mass)


@dataclass(frozen=True)
class RelevanceRank:
    """The share of the K most relevant positions in the mask of K positions; see `onnxplain.measure.localisation`."""

    masks: str
    unit: ClassVar[str] = "share of the most relevant positions inside the mask"
    missing: ClassVar[str] = "without a mask"

    def __post_init__(self) -> None:
        check_pattern(self.masks)

    def start(self, audited: Audited) -> Callable[[Row], float | None]:
        """Return what measures a row."""
        return partial(_against, files(self.masks, audited), relevance_rank)


def _against(where: Files, measured: Callable[[Array, Array], float], row: Row) -> float | None:
    mask = where.mask(row.name, row.relevance.shape)
    return None if mask is None else measured(row.relevance.astype(np.float64), mask)
