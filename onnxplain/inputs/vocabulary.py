"""The words of token ids: a text file with one a line, a JSON object token -> id, or HuggingFace's tokenizer.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence


def read_vocabulary(source: str | Path | Sequence[str] | None) -> tuple[str, ...] | None:
    """Token by id. Raises BadInputError where the file is none of the known forms."""
    if source is None or not isinstance(source, (str, Path)):
        return None if source is None else tuple(source)
    try:
        text = Path(source).read_text(encoding="utf-8")
        if Path(source).suffix.lower() != ".json":
            return tuple(text.splitlines())
        return _by_id(json.loads(text))
    except (OSError, UnicodeDecodeError, ValueError, TypeError, AttributeError, IndexError) as problem:
        raise BadInputError(
            f"{source}: cannot read a vocabulary ({problem}); expected a text file with one token a line, "
            "a JSON object token -> id, or a tokenizer.json"
        ) from problem


def _by_id(found: Any) -> tuple[str, ...]:
    """Tokens in the order of their ids; tokenizer.json keeps them as an object, or as a list of (token, score)."""
    if isinstance(found, dict) and isinstance(found.get("model"), dict):
        added = {each["content"]: each["id"] for each in found.get("added_tokens", ())}
        listed = found["model"]["vocab"]
        if isinstance(listed, list):
            listed = {token: i for i, (token, _) in enumerate(listed)}
        found = listed | added
    words = [""] * (1 + max(found.values()))
    for token, i in found.items():
        words[i] = token
    return tuple(words)
