"""Inputs as they come in requests: text stays text, and no word of a client is ever read as a path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.inputs.text import PlainText

if TYPE_CHECKING:
    from onnxplain.model import Model


def safe(given: Any, model: Model) -> Any:
    """Return inputs as an explainer takes them: a text, a pair of texts or a list of these only for a model of texts.

    given: arrays, nested lists of numbers, bytes of files, pictures, lists or dicts of these, rows of a table.
    Raises UsageError for text that comes to a model without a tokenizer; rows of a table may hold words.
    """
    if model.reader is not None and _is_text(given):
        return _plain(given)
    if model.table is not None and not isinstance(given, str):
        return given
    if _has_words(given):
        raise UsageError("the model takes no text; send numbers, or the content of a file")
    return given


def _is_text(given: Any) -> bool:
    """Whether something is a text, a list of texts, or a list of pairs of texts."""
    items = given if isinstance(given, list) else [given]
    return bool(items) and all(isinstance(each, str) or _is_pair(each) for each in items)


def _is_pair(each: Any) -> bool:
    return isinstance(each, (list, tuple)) and len(each) == 2 and all(isinstance(part, str) for part in each)


def _plain(given: Any) -> Any:
    if isinstance(given, str):
        return PlainText(given)
    if isinstance(given, tuple):
        return given
    return [PlainText(each) if isinstance(each, str) else tuple(each) for each in given]


def _has_words(given: Any) -> bool:
    """Whether there is text anywhere in what was given."""
    if isinstance(given, dict):
        return any(map(_has_words, given.values()))
    if isinstance(given, (list, tuple)):
        return any(map(_has_words, given))
    return isinstance(given, str) or (isinstance(given, np.ndarray) and given.dtype.kind in "OSU")
