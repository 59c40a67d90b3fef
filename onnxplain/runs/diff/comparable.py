"""Whether the maps of two runs can be compared: they have to be made by one method, and stored in one way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from onnxplain.runs.read import Run

_SAME = ("name", "parameters", "layer", "smooth", "conditions", "baseline", "seed")
"""What two runs have to be asked of their method alike. The plan is that of each model."""


def check_comparable(a: Run, b: Run, names: tuple[str, str]) -> None:
    """Raise UsageError, which names what differs, where the maps of two runs say different things.

    What a method reads from the model may differ: the name of the layer that it takes by itself and, where the models
    have two preprocessings, the range of the input.
    """
    one, two = a.job.asked, b.job.asked
    differs = [
        f"{each}: {_said(one['method'][each])} and {_said(two['method'][each])}"
        for each in _SAME
        if _asked(one, two, each)[0] != _asked(one, two, each)[1]
    ]
    if one["store"] != two["store"]:
        differs.append(f"what is stored: {one['store']} and {two['store']}")
    if differs:
        raise UsageError(
            f"{names[0]} and {names[1]} hold maps that are not comparable, by", *differs, "explain both in the same way"
        )


def _asked(one: dict[str, Any], two: dict[str, Any], what: str) -> tuple[Any, Any]:
    """Return what both runs were asked of their method, without what follows from two models."""
    a, b = one["method"][what], two["method"][what]
    if what != "parameters":
        return a, b
    own = ("layer",) if one["preprocess"] == two["preprocess"] else ("layer", "low", "high")
    return {k: v for k, v in a.items() if k not in own}, {k: v for k, v in b.items() if k not in own}


def _said(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
