"""Pieces of words are joined to the text that their tokenizer was given."""

import pytest

from onnxplain.show.pieces import pieces


def text(tokens):
    return "".join(piece.text if piece.joined or not i else f" {piece.text}" for i, piece in enumerate(pieces(tokens)))


@pytest.mark.parametrize(
    ("tokens", "whole"),
    [
        (["[CLS]", "un", "##believ", "##able", "film", "[SEP]"], "[CLS] unbelievable film [SEP]"),
        (["▁un", "believ", "able", "▁film", "</s>"], "unbelievable film </s>"),
        (["<s>", "un", "believ", "able", "Ġfilm", "Ġna", "Ã¯ve", "</s>"], "<s> unbelievable film naïve </s>"),
        (["Ġ", "Ċ", "a"], " \na"),
        (["a", "b"], "a b"),
        (["##", "a##"], "## a##"),
        (["▁", "a"], " a"),
        ([], ""),
    ],
)
def test_tokens_spell_their_text(tokens, whole):
    assert text(tokens) == whole


def test_a_part_of_a_letter_stays_as_it_is():
    assert [each.text for each in pieces(["Ġa", "Ã"])] == ["a", "Ã"]
