"""What is said of a request whose form or query is not what the description of the service says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.serve.forms import Asked
from onnxplain.text import offer

if TYPE_CHECKING:
    from collections.abc import Mapping


def misfit(problem: Mapping[str, Any]) -> str:
    """Return one sentence on an error of pydantic, with the name of the field as it was sent.

    >>> misfit({"loc": ("body", "file"), "type": "value_error"})
    'file: expected the content of a file, and not text; curl sends it by -F file=@PATH'
    """
    name = str((problem.get("loc") or ("the request",))[-1])
    if problem.get("type") == "extra_forbidden":
        where = "what a method takes stands in the field parameters, as a JSON object"
        return f"unknown field {name!r}; {where}; {offer(name, Asked.model_fields)}"
    if name == "file":
        return "file: expected the content of a file, and not text; curl sends it by -F file=@PATH"
    if name == "row":
        return "row: expected the number of a row of the file, from 0, or all"
    if problem.get("type") == "string_type":
        return f"{name}: expected text, and not a file"
    return f"{name}: {problem.get('msg', 'it cannot be read')}"
