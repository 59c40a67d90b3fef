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
    "unigram.json": json.dumps({"model": {"vocab": [["[PAD]", 0.0], ["the", -1.5], ["cat", -2.5]]}}),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms(tmp_path, name):
    (tmp_path / name).write_text(FORMS[name])
    assert read_vocabulary(tmp_path / name) == ("[PAD]", "the", "cat")


def test_a_list_and_nothing():
    assert read_vocabulary(["a", "b"]) == ("a", "b")
    assert read_vocabulary(None) is None


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": "b"}', "{}"])
def test_other_files_are_named(tmp_path, text):
    (tmp_path / "v.json").write_text(text)
    with pytest.raises(BadInputError, match=r"v\.json: cannot read a vocabulary"):
        read_vocabulary(tmp_path / "v.json")
