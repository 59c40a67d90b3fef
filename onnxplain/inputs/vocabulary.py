"""The words that token ids stand for, read from the files that tokenizers leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from onnxplain.errors import BadInputError
from onnxplain.inputs.content import is_loose, name_of, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.inputs.content import Content

SPARSE = 4
"""Ids are less than this many times the number of tokens; with larger gaps the file is of another kind."""


class Vocabulary(NamedTuple):
    """The token of each id, None where none are known; and of the tokenizer that they belong to its name and JSON."""

    words: tuple[str, ...] | None
    name: str = ""
    tokenizer: str | None = None


def read_vocabulary(source: Content | Sequence[str] | None) -> Vocabulary:
    """Return the token of each id, and the tokenizer that they belong to.

    source: a list, a text file with one token a line, a JSON object from token to id, HuggingFace's tokenizer.json, or
    a tokenizer of the library that reads it. Raises BadInputError where the file has none of these forms.
    """
    if (written := written_out(source)) is not None:
        return Vocabulary(_by_id(json.loads(written)), "a tokenizer", written)
    if source is None or not (isinstance(source, (str, Path)) or is_loose(source)):
        return Vocabulary(None if source is None else tuple(cast("Sequence[str]", source)))
    given = cast("Content", source)
    text, name = text_of(given, "a vocabulary"), name_of(given, "vocabulary")
    is_json = text.lstrip().startswith("{") if is_loose(source) else Path(name).suffix.lower() == ".json"
    try:
        if not is_json:
            return Vocabulary(lines(text))
        found = json.loads(text)
        known = text if _is_tokenizer(found) else None
        return Vocabulary(_by_id(found), Path(name_of(given, "a tokenizer")).name, known)
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as problem:
        raise BadInputError(
            f"{name}: cannot read a vocabulary ({problem}); expected a text file with one token a line, "
            "a JSON object token -> id, or a tokenizer.json"
        ) from problem


def written_out(source: object) -> str | None:
    """Return the JSON of a tokenizer, as its file would hold it; None for anything else.

    source: of the library `tokenizers`, or one of the fast ones of transformers, which hold such a tokenizer.
    """
    to_str: Any = getattr(getattr(source, "backend_tokenizer", source), "to_str", None)
    return str(to_str()) if callable(to_str) else None


def lines(text: str) -> tuple[str, ...]:
    """Return the lines of a text, split at line feeds alone.

    `str.splitlines` also splits at other characters, of which tokens may consist.
    """
    found = [line.removesuffix("\r") for line in text.split("\n")]
    return tuple(found[:-1] if found[-1] == "" else found)


def _is_tokenizer(found: Any) -> bool:
    return isinstance(found, dict) and isinstance(found.get("model"), dict)


def _by_id(found: Any) -> tuple[str, ...]:
    """Return the tokens of a JSON file in the order of their ids; an id without a token has an empty one.

    tokenizer.json keeps the tokens as an object from token to id, or as a list of (token, score).
    """
    if _is_tokenizer(found):
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
