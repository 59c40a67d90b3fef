"""Measures: numbers that say how good an explanation is.

A measure is a frozen dataclass in a file of its own, and its fields are its options. It is called with the data to
judge on (an `EvaluationSet`) and one method to judge (a `Judged`), and returns a `MeasureResult`: one number per sample
for each of its quantities, and for some measures curves. This module lists the measures by name and builds them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING

from onnxplain.errors import UsageError
from onnxplain.measure.completeness import Completeness
from onnxplain.measure.concentration import Complexity, Sparseness
from onnxplain.measure.infidelity import Infidelity
from onnxplain.measure.insertion_deletion import InsertionDeletion
from onnxplain.measure.localisation import PointingGame, RelevanceMass, RelevanceRank
from onnxplain.measure.model_randomisation import ModelRandomisation
from onnxplain.measure.pixel_flipping import PixelFlipping
from onnxplain.measure.road import Road
from onnxplain.measure.sensitivity import Sensitivity
from onnxplain.text import offer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.measure.result import Measure

MEASURES: dict[str, type[Measure]] = {
    measure.name: measure
    for measure in (
        *(PixelFlipping, InsertionDeletion, Road, ModelRandomisation, Completeness, Sensitivity, Infidelity),
        *(Sparseness, Complexity, PointingGame, RelevanceMass, RelevanceRank),
    )
}

DEFAULT = PixelFlipping.name
"""The measure where none is asked for."""


def options(measure: type[Measure] | Measure) -> dict[str, object]:
    """Return the options of a measure by name: the defaults of a class, or the values of an instance."""
    if isinstance(measure, type):
        return {each.name: each.default for each in fields(measure)}  # type: ignore[arg-type]
    return {each.name: getattr(measure, each.name) for each in fields(measure)}  # type: ignore[arg-type]


def needs_masks(measure: type[Measure] | Measure) -> bool:
    """Whether a measure compares with annotations, see `masks=` of `onnxplain.evaluate`."""
    return bool(getattr(measure, "needs_masks", False))


def build(names: Iterable[str | Measure] | str, given: Mapping[str, object]) -> tuple[Measure, ...]:
    """Build the measures of these names, each with those of the options `given` that it has.

    An instance among the names stays as it is. Raises UsageError for an unknown measure, for one that is asked for
    twice, and for an option that none of the measures to build has.
    """
    asked = [names] if isinstance(names, str) or not isinstance(names, Iterable) else list(names)
    if not asked:
        raise UsageError(f"measures= is empty; known: {', '.join(MEASURES)}")
    kinds = [_find(each) for each in asked]
    twice = [name for name, count in Counter(kind.name for kind in kinds).items() if count > 1]
    if twice:
        raise UsageError(f"measures= has {', '.join(map(repr, twice))} more than once; evaluate them one at a time")
    known = {name for kind in kinds if isinstance(kind, type) for name in options(kind)}
    for name in given:
        if name not in known:
            raise UsageError(f"no measure asked for has an option {name!r}; there are: {', '.join(sorted(known))}")
    return tuple(
        kind(**{name: value for name, value in given.items() if name in options(kind)})
        if isinstance(kind, type)
        else kind
        for kind in kinds
    )


def _find(name: str | Measure) -> type[Measure] | Measure:
    """Return the class of this name; a measure that was built is returned as it is."""
    if isinstance(name, str):
        if name in MEASURES:
            return MEASURES[name]
        raise UsageError(f"unknown measure {name!r}; {offer(name, MEASURES)}")
    if callable(name) and hasattr(name, "quantities"):
        return name
    raise UsageError(f"measures={name!r}: expected a name or a measure; known: {', '.join(MEASURES)}")
