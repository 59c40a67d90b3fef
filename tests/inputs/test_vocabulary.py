"""Words of token ids, from the files that tokenizers leave."""

import json

import pytest

from onnxplain.errors import BadInputError
from onnxplain.inputs.vocabulary import read_vocabulary

FORMS = {
    "vocab.txt": "[PAD]\nthe\ncat\n",
    "vocab.json": json.dumps({"cat": 2, "[PAD]": 0, "the": 1}),
    "tokenizer.json": json.dumps(
        {"model": {"vocab": {"the": 1, "cat": 2}}, "added_tokens": [{"content": "[PAD]", "id": 0}]}
    ),
    "added again.json": json.dumps(
        {"model": {"vocab": {"[PAD]": 3, "the": 1, "cat": 2}}, "added_tokens": [{"content": "[PAD]", "id": 0}]}
    ),
    "unigram.json": json.dumps({"model": {"vocab": [["[PAD]", 0.0], ["the", -1.5], ["cat", -2.5]]}}),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms(tmp_path, name):
    (tmp_path / name).write_text(FORMS[name])
    assert read_vocabulary(tmp_path / name).words == ("[PAD]", "the", "cat")


def test_a_list_and_nothing():
    assert read_vocabulary(["a", "b"]).words == ("a", "b")
    assert read_vocabulary(None).words is None


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": "b"}', "{}"])
def test_other_files_are_named(tmp_path, text):
    (tmp_path / "v.json").write_text(text)
    with pytest.raises(BadInputError, match=r"v\.json: cannot read a vocabulary"):
        read_vocabulary(tmp_path / "v.json")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"a": 10**12}, "id 1000000000000 of token 'a': expected a whole number from 0 to 3"),
        ({"a": 0, "b": -1}, "id -1"),
        ({"a": 0, "b": 1.5}, "id 1.5"),
        ({"a": 0, "b": True}, "id True"),
        ({"a": 0, "b": None}, "id None"),
    ],
)
def test_ids_that_are_none_are_refused(tmp_path, found, said):
    (tmp_path / "v.json").write_text(json.dumps(found))
    with pytest.raises(BadInputError, match=said):
        read_vocabulary(tmp_path / "v.json")


def test_only_line_feeds_end_a_token(tmp_path):
    """Vocabularies hold tokens of characters at which str.splitlines splits, and empty ones."""
    tokens = ("[PAD]", "\u2028", "\x85", "a\x0bb", "", " ", "\u00ad", "z")
    for ending in ("\n", "\r\n"):
        for last in ("", ending):
            (tmp_path / "vocab.txt").write_bytes((ending.join(tokens) + last).encode())
            assert read_vocabulary(tmp_path / "vocab.txt").words == tokens


def test_brackets_without_end_are_refused(tmp_path):
    (tmp_path / "v.json").write_text("[" * 10**5)
    with pytest.raises(BadInputError, match=r"v\.json: cannot read a vocabulary"):
        read_vocabulary(tmp_path / "v.json")
