"""How a picture is to be drawn, from the fields of a form: the choices of `Style` that a client may make."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from onnxplain.serve.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST = 2048
"""The pixels of a panel's longer side that may be asked for."""
LETTERS = 10_000
"""So many letters may say one choice, such as a list of boxes."""


def style_of(fields: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the keywords of a `Style` from texts: JSON where it is some, else the text itself, such as 99%.

    Raises Refusal for a picture that would be too large, and for a choice that takes too long to tell.
    """
    for name, text in fields.items():
        if text is not None and len(text) > LETTERS:
            raise Refusal(422, "bad_request", f"{name}: {len(text)} letters, and a choice may have {LETTERS}")
    style = {name: _value(text) for name, text in fields.items() if text is not None}
    size = style.get("size")
    if isinstance(size, (int, float)) and size > LARGEST:
        raise Refusal(422, "too_large_picture", f"size={size}: a picture has at most {LARGEST} pixels a side here")
    return style


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
