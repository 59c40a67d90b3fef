"""The id of a request, which is in its answer, in the log, and in each record that is sent."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnxplain.explanation import Explanation

_KNOWN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ID: ContextVar[str] = ContextVar("the id of the request", default="")


def request_id() -> str:
    """Return the id of the request that is being answered; "" outside of one."""
    return _ID.get()


def begin(given: str | None) -> str:
    """Let a request begin, and return its id: the one that the client gave, where it is a plain word, or a new one."""
    known = given if given and _KNOWN.fullmatch(given) else uuid.uuid4().hex
    _ID.set(known)
    return known


def for_client(e: Explanation) -> Explanation:
    """Return an explanation whose record has the id of the request, and of the model's path the file's name alone."""
    known: Any = e.record
    path = known["model"].get("path")
    model = {**known["model"], "path": None if path is None else Path(path).name}
    found = copy(e)
    vars(found)["record"] = {**known, "model": model, "request_id": request_id()}
    return found


def sent_record(e: Explanation, row: int | None = None) -> dict[str, Any]:
    """Return what is sent of an explanation, or of one of its rows, beside the numbers, in plain JSON types.

    It is `Explanation.to_dict()` of what is `for_client`. That of a row of token ids has `tokens`, what each number of
    the attribution is of; that of several rows, of each row.
    """
    one = e if row is None else e[row]
    found = for_client(one).to_dict()
    if len(one.parts) == 1 and one.vocabulary is not None:
        tokens = [list(one.tokens(i)) for i in range(len(one))]
        found["tokens"] = tokens if row is None else tokens[0]
    return found
