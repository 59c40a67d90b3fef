"""Tokens that stand for nothing: the ones that a vocabulary has for padding and for what is masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

EMPTY = {"pad": ("[PAD]", "<pad>", "<PAD>", "[pad]"), "mask": ("[MASK]", "<mask>", "<MASK>", "[mask]")}
"""By a word for a baseline: what tokenizers call the token. The first word that a vocabulary knows is the default."""
ZEROS = "zeros"
"""The word for a baseline of zeros in the space of the embedding."""


def empty_token(vocabulary: Sequence[str] | None) -> str | None:
    """Return the word for the token that a vocabulary has for nothing: "pad", else "mask"; None where it has none."""
    return next((word for word in EMPTY if id_of(word, vocabulary) is not None), None)


def id_of(word: str, vocabulary: Sequence[str] | None) -> int | None:
    """Return the id of the token that a word of EMPTY stands for; None where the vocabulary has none."""
    known = list(vocabulary or ())
    return next((known.index(name) for name in EMPTY[word] if name in known), None)


def known_id(word: str, vocabulary: Sequence[str] | None) -> int:
    """Return the same id. Raises BadInputError for another word, and where the id is not known."""
    if word not in EMPTY:
        words = ", ".join(map(repr, (*EMPTY, ZEROS)))
        raise BadInputError(f"baseline={word!r}: expected a number, an array or, for token ids, one of {words}")
    found = id_of(word, vocabulary)
    if found is None:
        names = " or ".join(EMPTY[word][:2])
        missing = "vocabulary= was not given at load" if vocabulary is None else f"the vocabulary has no {names}"
        raise BadInputError(f"baseline={word!r}: {missing}; pass the id of the token itself")
    return found
