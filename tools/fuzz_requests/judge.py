"""What is wrong with an answer: a status that nobody stated, a refusal of another form, or a word about the machine."""

from __future__ import annotations

import json
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from client import Answer
    from plans import Plan

STATED = frozenset({200, 400, 401, 403, 404, 405, 406, 408, 413, 415, 422, 429, 431, 501, 503, 504})
ROOT = Path(__file__).resolve().parents[2]
_FOLDERS = (ROOT, Path.home(), sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), tempfile.gettempdir())
TELLING = (
    b"Traceback",
    b'File "',
    b'.py", line',
    b"site-packages",
    b" at 0x",
    *(str(each).encode() for each in _FOLDERS),
)
"""What no answer may hold: parts of a traceback, and folders of this machine."""
_KEYS = {"error", "code", "request_id"}


def faults(plan: Plan, answers: list[Answer]) -> list[str]:
    """Return what is wrong with the answers to a plan."""
    found = [fault for each in answers for fault in _faults(each)]
    if not answers and not plan.silent:
        found.append("no answer")
    odd = {each.status for each in answers} - (plan.allowed or STATED)
    found += [f"status {status}, which it may not have" for status in sorted(odd)]
    return found


def _faults(answer: Answer) -> list[str]:
    found = []
    if answer.status >= 400:
        found += _refusal(answer)
        sent = answer.body.replace(b'\\"', b'"') + repr(answer.headers).encode()
        found += [f"tells {word.decode()!r}" for word in TELLING if word in sent]
    if not answer.headers.get("x-request-id"):
        found.append("no id of the request")
    needed = {401: "www-authenticate", 429: "retry-after", 503: "retry-after", 405: "allow"}.get(answer.status)
    if needed and needed not in answer.headers:
        found.append(f"status {answer.status} without {needed}")
    return found


def _refusal(answer: Answer) -> list[str]:
    """Return what is wrong with the form of a refusal. That of HEAD has no content."""
    if not answer.body:
        return []
    try:
        said = json.loads(answer.body)
    except ValueError:
        return [f"a refusal that is no JSON: {answer.body[:80]!r}"]
    if not isinstance(said, dict) or set(said) != _KEYS or not all(isinstance(each, str) for each in said.values()):
        return [f"a refusal of another form: {answer.body[:80]!r}"]
    if not said["error"] or not said["error"].isprintable():
        return [f"a refusal of no sentence: {said['error']!r}"]
    return []
