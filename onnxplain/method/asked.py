"""What is asked of several methods at once: keywords for all of them, and keywords for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.method.registry import find, reads_baseline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.plan.composite import Composite

FOR_ALL = ("baseline", "layer", "smooth", "seed")
"""Keywords of an explainer and of its call that do not depend on the method."""


def asked_of_each(
    ways: Mapping[str, str | Composite], own: Mapping[str, Mapping[str, Any]], common: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the keywords for each method by its name.

    own: of single methods, which win. common: of all; a parameter goes to every method that has it, and a baseline to
    every one that reads it.
    Raises UsageError for an unknown method, for keywords of one that is not among `ways`, and for a parameter that none
    of them has.
    """
    known = {name: find(way).parameters for name, way in ways.items()}
    for name in own:
        if name not in ways:
            raise UsageError(f"options= is for {name!r}, which is not compared; compared are: {', '.join(ways)}")
    for name in common:
        if name not in FOR_ALL and not any(name in each for each in known.values()):
            raise UsageError(f"{name!r} is no parameter of any method that is compared: {', '.join(ways)}")
    taken = {
        way: {**{n: v for n, v in common.items() if n in FOR_ALL or n in known[way]}, **own.get(way, {})}
        for way in ways
    }
    for name, way in ways.items():
        if "baseline" not in own.get(name, {}) and not reads_baseline(find(way), taken[name]):
            taken[name].pop("baseline", None)
    return taken
