"""Text as people have it: a tokenizer makes token ids, a mask and types, one array for each input of the model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from onnxplain.errors import BadInputError, MissingExtraError, UsageError
from onnxplain.files import read_text
from onnxplain.inputs.table_file import ENDINGS as TABLES
from onnxplain.inputs.tokens import EMPTY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxplain.arrays import Array
    from onnxplain.inputs.shape import Shape
    from onnxplain.inputs.vocabulary import Vocabulary

    Spec: TypeAlias = tuple[Shape, np.dtype[Any]]
    """Shape and element type of an input."""

Text: TypeAlias = "str | tuple[str, str]"
"""A text, or a pair of texts, such as a premise and a hypothesis."""


class PlainText(str):
    """A text that is meant as it stands, also where it ends like the name of a file."""

    __slots__ = ()


ROLES = {"mask": "attention_mask", "type": "type_ids", "segment": "type_ids"}
"""By a part of an input's name: what of a tokenizer's encoding goes into it. The input that is left takes the ids."""
_FILE, _ARRAYS = ".txt", (".npy", ".npz", *TABLES)
"""The ending of files of text, and those of files of arrays and tables."""
_OTHERS = ("decoder", "position", "past", "bbox", "pixel")
"""Parts of the names of inputs that no tokenizer makes from a text."""


@dataclass(frozen=True)
class Made:
    """What a tokenizer made of texts.

    feeds: the array of each input by name, rows first. names, hashes: of the rows: their places, and the SHA-256 of
    their text. notes: what was done, to be shown and recorded.
    """

    feeds: dict[str, Array]
    names: tuple[str, ...]
    hashes: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class TextReader:
    """Reads texts by a tokenizer of the library `tokenizers`.

    name: of the file that it was read from, with its SHA-256; for the notes. definition: its JSON.
    """

    name: str
    definition: str = field(repr=False)

    def read(self, texts: Sequence[Text], explained: str, inputs: Mapping[str, Spec]) -> Made:
        """Return the arrays of all inputs of a model for some texts.

        explained: the input that takes the token ids. inputs: each input's shape and element type. Where the file
        states a length, shorter texts are padded to it and longer ones cut off, which the notes say; else rows are
        padded to the longest of them.

        Raises BadInputError for an input that no tokenizer makes, and for texts of several lengths without a token for
        padding.
        """
        roles = _roles(explained, inputs)
        length = inputs[explained][0][1] if len(inputs[explained][0]) == 2 else None
        tokenizer = self._fitted(length if isinstance(length, int) else None, len(texts))
        found = tokenizer.encode_batch(texts)
        feeds = {
            name: np.array([getattr(each, role) for each in found]).astype(inputs[name][1])
            for name, role in roles.items()
        }
        names = ("text",) if len(texts) == 1 else tuple(f"text[{i}]" for i in range(len(texts)))
        pairs = zip(names, found, strict=True)
        cut = (f"{name}: cut off at {sum(each.attention_mask)} tokens" for name, each in pairs if each.overflowing)
        made = f"{', '.join(map(repr, feeds))} made of text by {self.name}"
        return Made(feeds, names, tuple(map(_sha256, texts)), (made, *cut))

    def _opened(self) -> Any:
        try:
            return _tokenizers().Tokenizer.from_str(self.definition)
        except MissingExtraError:
            raise
        except Exception as problem:  # the library raises bare exceptions
            raise BadInputError(f"{self.name}: the library tokenizers cannot read it ({problem})") from problem

    def _fitted(self, length: int | None, rows: int) -> Any:
        """Return the tokenizer, which cuts off and pads to the length that the file states."""
        tokenizer = self._opened()
        cut, padding = tokenizer.truncation, tokenizer.padding or {}
        if length is not None:
            kept = {name: cut[name] for name in ("stride", "strategy", "direction") if cut and name in cut}
            tokenizer.enable_truncation(min(length, cut["max_length"]) if cut else length, **kept)
        known = (word for word in EMPTY["pad"] if tokenizer.token_to_id(word) is not None)
        token = padding.get("pad_token") or next(known, None)
        tokenizer.no_padding()
        if token is not None:
            about = {name: padding[name] for name in ("direction", "pad_type_id") if name in padding}
            tokenizer.enable_padding(pad_id=tokenizer.token_to_id(token), pad_token=token, length=length, **about)
        elif length is not None or rows > 1:
            raise BadInputError(
                f"{self.name} has no token for padding, which rows of several lengths need: pass the texts one by one, "
                "or arrays of ids"
            )
        return tokenizer


def text_reader(known: Vocabulary) -> TextReader | None:
    """Return what reads texts by the tokenizer of a vocabulary; None for one without, by which no text can be read."""
    if known.tokenizer is None:
        return None
    return TextReader(f"{known.name} (sha256 {_sha256(known.tokenizer)[:12]})", known.tokenizer)


def texts_of(source: object) -> list[Text] | None:
    """Return the texts of a source: a text, a pair of texts, the path of a .txt file, or a list of these; else None.

    A string that ends like a file of arrays is the path of one, unless it is a `PlainText`.
    """
    items = source if isinstance(source, list) else [source]
    return [_text(each) for each in items] if items and all(map(_is_text, items)) else None


def check_no_text(source: object) -> None:
    """Raise UsageError where a source is a .txt file, or a list with one, for a model that has no tokenizer."""
    for each in source if isinstance(source, list) else [source]:
        if isinstance(each, (str, Path)) and str(each).lower().endswith(_FILE):
            raise UsageError(
                f"{each} is a text, and the model has no tokenizer; nothing is guessed: pass vocabulary= "
                "(--vocabulary) with a tokenizer.json"
            )


def _is_text(item: object) -> bool:
    if isinstance(item, PlainText):
        return True
    if isinstance(item, Path):
        return item.suffix.lower() == _FILE
    if isinstance(item, tuple):
        return len(item) == 2 and all(isinstance(each, str) for each in item)
    return isinstance(item, str) and Path(item.partition(".npz:")[0] or item).suffix.lower() not in _ARRAYS


def _text(item: Any) -> Text:
    """Return the text itself, read from its file where the item is the path of one."""
    named = isinstance(item, str) and not isinstance(item, PlainText) and item.lower().endswith(_FILE)
    is_file = isinstance(item, Path) or named
    return read_text(item, "a text") if is_file else item


def _roles(explained: str, inputs: Mapping[str, Spec]) -> dict[str, str]:
    """Return for each input what of an encoding it takes, the explained one first."""
    found = {explained: "ids"}
    for name in inputs:
        lower = name.lower()
        if name == explained:
            continue
        role = next((role for part, role in ROLES.items() if part in lower), None)
        if role is None or any(part in lower for part in _OTHERS):
            raise BadInputError(
                f"a tokenizer makes nothing for the input {name!r}: pass a dict with an array for each input"
            )
        found[name] = role
    return found


def _tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError as problem:
        raise MissingExtraError("text needs the library tokenizers: pip install 'onnxplain[text]'") from problem
    return tokenizers


def _sha256(text: Text) -> str:
    return hashlib.sha256("\0".join([text] if isinstance(text, str) else text).encode()).hexdigest()
