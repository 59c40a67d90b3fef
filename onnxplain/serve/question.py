"""A question: which explanation is wanted, as it comes in the parameters of a request, in plain JSON values."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.api import parameters
from onnxplain.errors import UsageError
from onnxplain.inputs.tokens import EMPTY, ZEROS
from onnxplain.method.parameters import PIXELS
from onnxplain.serve.refusal import Refusal
from onnxplain.walk.neuron import Neuron

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_WORDS = (*EMPTY, ZEROS)
_WHOLE = "whole numbers"
"""How the range of a parameter begins that counts something."""
_TAKEN = ("self", "model")
"""Arguments of the functions that get the parameters of a request, which no method has as a parameter."""
_DEEPEST = 64
"""So many lists in one another are a parameter at most: as many axes as an array may have."""
_NEURON = ("tensor", "channel", "position")
_TYPES = {"method": (str,), "layer": (str,), "seed": (str,), "smooth": (int, float), "conditions": (dict,)}
"""Names in a request that are no parameters of a method, and what they may be; `target` and `baseline` beside them."""


@dataclass(frozen=True)
class Question:
    """What a request asks of rows.

    method: its name; None for the one that fits the model. options: further keywords of an `Explainer`.
    target, seed: see `Explainer.__call__`. key: equal where an explainer can be the same.
    """

    method: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    target: Any = None
    seed: str | None = None
    key: str = "{}"

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Question:
        """Return the question of the parameters of a request; a value of None is as one that is not given.

        method, target, seed, baseline, layer, smooth, conditions, and the method's own parameters. target: the index or
        the label of a class, a list of one for each row, or {"tensor":, "channel":, "position":} for an inner value.
        baseline: a number, an array as nested lists, a row of a table as an object, or one of a few words for token
        ids. No value is read as a path.

        Raises UsageError for a value that cannot be what its name says.
        """
        _check_depth(parameters)
        given = {name: value for name, value in parameters.items() if value is not None}
        for name, kinds in _TYPES.items():
            if name in given and (not isinstance(given[name], kinds) or isinstance(given[name], bool)):
                raise UsageError(f"{name}={_shown(given[name])}: expected {_EXPECTED[kinds[0]]}")
        options = {name: value for name, value in given.items() if name not in ("method", "target", "seed")}
        for name in _TAKEN:
            if name in options:
                raise UsageError(f"nothing has a parameter {name!r}")
        key = json.dumps([given.get("method"), options], sort_keys=True)
        if "baseline" in options:
            options["baseline"] = _baseline(options["baseline"])
        return cls(given.get("method"), options, _target(given.get("target")), given.get("seed"), key)

    def check_counts(self, method: str, most: int) -> None:
        """Raise Refusal where a parameter that counts something, or measures it in pixels, is above `most`."""
        known = parameters(method) if self.options else {}
        for name, value in self.options.items():
            about = known.get(name)
            counts = about is not None and (about.unit == PIXELS or about.range.startswith(_WHOLE))
            if (counts and name != "random_seed") or name == "smooth":
                for each in value if isinstance(value, list) else [value]:
                    if isinstance(each, (int, float)) and not -most <= each <= most:
                        raise Refusal(413, "too_much", f"{name}={_shown(value)}: a request may ask for {most} at most")

    def check_allowed(self, method: str, allowed: Collection[str] | None) -> None:
        """Raise Refusal where `method`, which the question comes down to, is not among those that may be asked for.

        The method that another one averages, its parameter `of`, has to be among them too.
        """
        for each in (method, self.options.get("of", method)):
            if allowed is not None and each not in allowed:
                offer = ", ".join(allowed)
                raise Refusal(403, "not_allowed", f"method {each!r} is not offered here; there are: {offer}")


def _check_depth(parameters: Mapping[str, Any]) -> None:
    """Raise UsageError for lists and objects that lie in one another more deeply than anything that is known."""
    inside: list[Any] = list(parameters.values())
    for _ in range(_DEEPEST):
        held = (each.values() if isinstance(each, dict) else each for each in inside if isinstance(each, (list, dict)))
        inside = list(chain.from_iterable(held))
        if not inside:
            return
    raise UsageError(f"a parameter has lists or objects within one another, {_DEEPEST} and more")


def _target(value: Any) -> Any:
    """Return a target as `Explainer` takes it. Raises UsageError for what is none."""
    if isinstance(value, dict):
        return _neuron(value)
    if isinstance(value, list):
        return [tuple(map(_entry, each)) if isinstance(each, list) else _entry(each) for each in value]
    return None if value is None else _entry(value)


def _entry(value: Any) -> int | str:
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        return value
    expected = "the index or the label of a class, or an object for an inner value"
    raise UsageError(f"target {_shown(value)}: expected {expected}")


def _neuron(value: dict[str, Any]) -> Neuron:
    unknown = [name for name in value if name not in _NEURON]
    position = value.get("position")
    if isinstance(position, list):
        position = tuple(map(_index, position))
    if unknown or not isinstance(value.get("tensor"), str) or not isinstance(position, (str, tuple, type(None))):
        raise UsageError(f"target {_shown(value)}: expected tensor, a name, channel, an index, and position, {_PLACE}")
    return Neuron(value["tensor"], _index(value.get("channel")), position)


def _index(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise UsageError(f"target: {_shown(value)} is no index; expected a whole number, 0 or more")


def _baseline(value: Any) -> Any:
    """Return a baseline as `Explainer` takes it: nested lists of numbers as an array."""
    if isinstance(value, str) and value not in _WORDS:
        raise UsageError(f"baseline={_shown(value)}: expected a number, an array, or one of {', '.join(_WORDS)}")
    if not isinstance(value, list) or any(isinstance(each, (dict, str)) for each in value):
        return value
    try:
        found = np.array(value)
    except ValueError:
        found = np.array(value, object)
    if found.dtype.kind not in "biuf":
        return _table(value)
    return found


def _table(value: list[Any]) -> list[list[Any]]:
    """Return rows of a table. Raises UsageError for anything else."""
    if all(isinstance(row, list) and not any(isinstance(each, (list, dict)) for each in row) for row in value):
        return value
    raise UsageError("baseline: expected a number, nested lists of numbers in equal lengths, or rows of a table")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_EXPECTED = {str: "text", int: "a number", dict: "an object"}
_PLACE = '"max" or a list of indices, or none'
