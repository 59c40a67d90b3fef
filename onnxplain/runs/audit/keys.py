"""What kind of value each key of an audit's description takes; a value of another kind is refused by name."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.text import offer

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS: dict[type, str] = {str: "a text", int: "a whole number", list: "a list", dict: "a table"}
MODEL: dict[str, tuple[type, ...]] = {
    "preprocess": (str, dict),
    "labels": (str, list),
    "features": (str, list, dict),
    "vocabulary": (str, list),
    "rate": (int, dict),
    "device": (str,),
    "engine": (str,),
    "precision": (str,),
    "input": (str, list),
    "output": (str,),
    "fixed": (dict,),
    "limits": (int, dict),
    "parity": (str,),
    "providers": (str, list),
    "threads": (int,),
}
"""The keys of [model] beside "file": the options of `onnxplain.load`."""
_NOT_EXPLAIN = {
    "model": "it stands under [model]",
    "inputs": "they stand under [data]",
    "path": "the command says where the run is, by -o",
    "sign": "the command says the key, by --sign",
}
_OPTIONS: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "tuple[int, ...]": (list,)}
"""The kinds of value of a gate's option, by the type of the field of its measure."""


def check_model(given: Mapping[str, Any]) -> None:
    """Raise UsageError for a key of [model] that `load` does not take, and for a value of another kind."""
    for key, value in given.items():
        if key not in MODEL:
            raise UsageError(f"unknown key {key!r} in [model]; {offer(key, ('file', *MODEL))}")
        _check(value, MODEL[key], f"{key} in [model]")


def check_explain(given: Mapping[str, Any]) -> None:
    """Raise UsageError for a key of [explain] that is said elsewhere; the others are checked where they are used."""
    for key, where in _NOT_EXPLAIN.items():
        if key in given:
            raise UsageError(f"unknown key {key!r} in [explain]: {where}")
    if "method" in given:
        _check(given["method"], (str,), "method in [explain]")


def check_options(measure: type[Any], kind: str, given: Mapping[str, Any]) -> None:
    """Raise UsageError for an option that a gate's measure does not have, and for a value of another kind."""
    known = {each.name: str(each.type).removesuffix(" | None") for each in fields(measure)}
    for key, value in given.items():
        if key not in known:
            raise UsageError(f"{kind} has no option {key!r}; there are: {', '.join(known) or 'none'}")
        _check(value, _OPTIONS[known[key]], key)


def _check(value: Any, kinds: tuple[type, ...], name: str) -> None:
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise UsageError(f"{name}={value!r}: expected {' or '.join(_WORDS[each] for each in kinds)}")
