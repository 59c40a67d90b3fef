"""Measures that judge explanations, by name; one file each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.measure.completeness import Completeness
from onnxplain.measure.infidelity import Infidelity
from onnxplain.measure.insertion_deletion import InsertionDeletion
from onnxplain.measure.model_randomisation import ModelRandomisation
from onnxplain.measure.pixel_flipping import PixelFlipping
from onnxplain.measure.sensitivity import Sensitivity

if TYPE_CHECKING:
    from onnxplain.measure.result import Measure

MEASURES: dict[str, type[Measure]] = {
    measure.name: measure
    for measure in (PixelFlipping, InsertionDeletion, ModelRandomisation, Completeness, Sensitivity, Infidelity)
}


def options(measure: type[Measure] | Measure) -> dict[str, Any]:
    """Names of a measure's options with their defaults, or with the values that one was built with."""
    if isinstance(measure, type):
        return {each.name: each.default for each in fields(measure)}  # type: ignore[arg-type]
    return {each.name: getattr(measure, each.name) for each in fields(measure)}  # type: ignore[arg-type]


def build(names: Iterable[str | Measure] | str, given: dict[str, Any]) -> tuple[Measure, ...]:
    """The measures, each with those of the options given that it has; a measure that is built already stays.

    Raises UsageError for an unknown measure, one that is asked for twice, or an option that none of them has.
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


def _find(name: Any) -> type[Measure] | Measure:
    if callable(name) and hasattr(name, "quantities"):
        found: Measure = name
        return found
    if not isinstance(name, str):
        raise UsageError(f"measures={name!r}: expected a name or a measure; known: {', '.join(MEASURES)}")
    if name in MEASURES:
        return MEASURES[name]
    near = get_close_matches(name, MEASURES, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {', '.join(MEASURES)}"
    raise UsageError(f"unknown measure {name!r}; {hint}")
