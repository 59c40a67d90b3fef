"""Tokens as the text that they are: pieces of words lose the marks of their tokenizer, and are joined to words.

| tokenizer | mark |
|---|---|
| WordPiece | a piece that goes on a word begins with ## |
| SentencePiece | a piece that begins a word begins with ▁ |
| byte-level BPE | a piece that begins a word begins with Ġ, and each letter stands for one byte of UTF-8 |
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

GOES_ON, SPACE, BYTE_SPACE = "##", "▁", "Ġ"


class Piece(NamedTuple):
    """What is shown of a token. joined: whether it goes on the word of the token before it."""

    text: str
    joined: bool = False


def pieces(tokens: Sequence[str]) -> list[Piece]:
    """Return what is shown of each token, by the marks that some of them have.

    A token in brackets, such as [CLS] or <s>, is a word of its own.

    >>> pieces(["[CLS]", "un", "##believ", "##able"])[1:]
    [Piece(text='un', joined=False), Piece(text='believ', joined=True), Piece(text='able', joined=True)]
    >>> "".join(piece.text for piece in pieces(["ĠcafÃ©", "s"]))
    'cafés'
    """
    for mark in (SPACE, BYTE_SPACE):
        if any(each.startswith(mark) for each in tokens):
            return [_marked(tokens, i, mark) for i in range(len(tokens))]
    if any(each.startswith(GOES_ON) and len(each) > 2 for each in tokens):
        parts = [(each.removeprefix(GOES_ON) or each, each.startswith(GOES_ON)) for each in tokens]
        return [Piece(text, goes_on and i > 0) for i, (text, goes_on) in enumerate(parts)]
    return [Piece(each) for each in tokens]


def _marked(tokens: Sequence[str], i: int, mark: str) -> Piece:
    """Return a piece of a tokenizer that marks where words begin."""
    token = tokens[i]
    if _is_special(token):
        return Piece(token)
    text = token.removeprefix(mark)
    text = (_of_bytes(text) if mark == BYTE_SPACE else text.replace(mark, " ")) or " "
    return Piece(text, i > 0 and not token.startswith(mark) and not _is_special(tokens[i - 1]))


def _is_special(token: str) -> bool:
    return len(token) > 2 and (token[0], token[-1]) in (("[", "]"), ("<", ">"))


def _of_bytes(text: str) -> str:
    """Return the text that a byte-level token spells; the token itself where its bytes are a part of a letter alone."""
    try:
        return bytes(_bytes()[each] for each in text).decode()
    except (KeyError, UnicodeDecodeError):
        return text


@cache
def _bytes() -> dict[str, int]:
    """Return the byte that each letter stands for: those that print stand for themselves, others for U+0100 and on."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + i): byte for i, byte in enumerate(others)}
