"""Strict JSON, as RFC 8259 defines it: it has no NaN and no infinity, and other programs refuse a text with them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A value that JSON can hold."""

LOST = "not_finite"
"""The key under which an object says which of its numbers are null because they were NaN or infinite."""
MOST = 16
"""So many of them are named; of the others, their number is."""


def dumps(value: object) -> str:
    """Return a value as strict JSON text, indented by one blank."""
    return json.dumps(value if _is_strict(value) else strict(value), indent=1, allow_nan=False)


def strict(value: Any) -> Any:
    """Return a value in JSON's types with None for each number that is NaN or infinite.

    An object in which there were any names them under `LOST`, as `delta[0]` or `a.b`; so does each object of a list.

    >>> strict({"delta": [0.5, math.inf]})
    {'delta': [0.5, None], 'not_finite': ['delta[1]']}
    """
    if isinstance(value, dict) and _is_strict(value):
        return value
    if isinstance(value, (list, tuple)):
        return [strict(each) for each in value]
    lost: list[str] = []
    found = _finite(value, "", lost)
    if lost and isinstance(found, dict):
        more = [f"and {len(lost) - MOST} more"] if len(lost) > MOST else []
        found[LOST] = [*found.get(LOST, []), *lost[:MOST], *more]
    return found


def _is_strict(value: object) -> bool:
    """Whether a value can be written as it is; the encoder finds that out faster than a look at each number."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def _finite(value: Any, path: str, lost: list[str]) -> Any:
    """Return a value with None for NaN and infinity, and add the paths of these to `lost`."""
    if isinstance(value, Mapping):
        inside = f"{path}." if path else ""
        return {name: _finite(each, f"{inside}{name}", lost) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each, f"{path}[{i}]", lost) for i, each in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        lost.append(path)
        return None
    return value
