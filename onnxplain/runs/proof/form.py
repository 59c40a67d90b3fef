"""Forms: which keys and types an object of JSON has, for files that anyone may have written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SHA = "a sha256 in hexadecimal digits"
COUNT = "a whole number, 0 or more"
TEXT = "a text"
OBJECT = "an object"
LIST = "a list"
_SHA = re.compile(r"[0-9a-f]{64}")
_LARGEST = 2**63


def misfit(found: Any, form: Any, name: str = "") -> str | None:
    """Return the first thing in which a value is not as its form says, in words; None where it fits.

    form: a dict of forms by key, all of which are needed and beside which there are no others, unless it has the key
    "..."; or one of the constants above.

    >>> misfit({"rows": {"done": -1}}, {"rows": {"done": COUNT}})
    "'rows.done' is not a whole number, 0 or more"
    """
    if not isinstance(form, dict):
        return None if _FITS[form](found) else f"{name!r} is not {form}"
    if not isinstance(found, dict):
        return f"{name!r} is not an object"
    inside = f"{name}." if name else ""
    wanted = form.keys() - {"..."}
    for key in sorted(wanted - found.keys()):
        return f"{inside + key!r} is missing"
    for key in sorted(found.keys() - wanted) if "..." not in form else ():
        return f"{inside + key!r} does not belong there"
    told = (misfit(found[key], form[key], inside + key) for key in sorted(wanted))
    return next((each for each in told if each is not None), None)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


_FITS: Mapping[str, Any] = {
    SHA: lambda value: isinstance(value, str) and _SHA.fullmatch(value) is not None,
    COUNT: _is_count,
    TEXT: lambda value: isinstance(value, str),
    OBJECT: lambda value: isinstance(value, dict),
    LIST: lambda value: isinstance(value, list),
}
