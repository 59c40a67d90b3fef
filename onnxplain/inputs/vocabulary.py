"""The words of token ids: a text file with one a line, a JSON object token -> id, or HuggingFace's tokenizer.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

SPARSE = 4
"""Ids go up to this many times the number of tokens: more gaps than words mean another kind of file."""


def read_vocabulary(source: str | Path | Sequence[str] | None) -> tuple[str, ...] | None:
    """Token by id. Raises BadInputError where the file is none of the known forms."""
    if source is None or not isinstance(source, (str, Path)):
        return None if source is None else tuple(source)
    try:
        text = Path(source).read_bytes().decode("utf-8")
        return _by_id(json.loads(text)) if Path(source).suffix.lower() == ".json" else lines(text)
    except (OSError, UnicodeDecodeError, ValueError, TypeError, AttributeError, IndexError) as problem:
        raise BadInputError(
            f"{source}: cannot read a vocabulary ({problem}); expected a text file with one token a line, "
            "a JSON object token -> id, or a tokenizer.json"
        ) from problem


def lines(text: str) -> tuple[str, ...]:
    """The lines of a text, by line feeds alone: str.splitlines also splits at characters that tokens consist of."""
    found = [line.removesuffix("\r") for line in text.split("\n")]
    return tuple(found[:-1] if found[-1] == "" else found)


def _by_id(found: Any) -> tuple[str, ...]:
    """Tokens in the order of their ids; tokenizer.json keeps them as an object, or as a list of (token, score)."""
    if isinstance(found, dict) and isinstance(found.get("model"), dict):
        added = {each["content"]: each["id"] for each in found.get("added_tokens", ())}
        listed = found["model"]["vocab"]
        if isinstance(listed, list):
            listed = {token: i for i, (token, _) in enumerate(listed)}
        found = listed | added
    most = SPARSE * len(found)
    for token, i in found.items():
        if not isinstance(token, str) or isinstance(i, bool) or not isinstance(i, int) or not 0 <= i < most:
            raise ValueError(f"id {i!r} of token {token!r}: expected a whole number from 0 to {most - 1}")
    words = [""] * (1 + max(found.values()))
    for token, i in found.items():
        words[i] = token
    return tuple(words)
