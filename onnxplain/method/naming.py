"""Names for the methods that one call compares or judges: each method's own, or the keys of a dict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from onnxplain.errors import UsageError
from onnxplain.plan.composite import Composite

Methods: TypeAlias = "Iterable[str | Composite] | Mapping[str, str | Composite] | str | Composite"
"""Names of `methods()` and composites: one, several, or a dict of names for these."""


def is_method(way: Any) -> bool:
    """Whether an explainer takes this for a method."""
    return isinstance(way, (str, Composite))


def named(methods: Any, fits: Callable[[Any], bool], expected: str) -> dict[str, Any]:
    """Return the methods by name. `methods` is one, several, or a dict; `fits` tells what may be one.

    Raises UsageError, which says what was `expected`, for anything else and where two would have one name.
    """
    if fits(methods):
        methods = (methods,)
    if not isinstance(methods, Iterable):
        raise UsageError(f"methods={methods!r}: {expected}")
    pairs = list(methods.items()) if isinstance(methods, Mapping) else [(_name(each), each) for each in methods]
    found: dict[str, Any] = {}
    for name, way in pairs:
        if not isinstance(name, str) or not fits(way):
            raise UsageError(f"methods={way!r}: {expected}")
        if name in found:
            raise UsageError(f"methods= has two called {name!r}: pass a dict, with a name of its own for each")
        found[name] = way
    return found


def _name(way: Any) -> Any:
    if isinstance(way, str):
        return way
    return "composite" if isinstance(way, Composite) else getattr(way, "__name__", None)
