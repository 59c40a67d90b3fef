"""Texts: the arrays of each input, by its name, are those that the library `tokenizers` makes."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.errors import BadInputError, MissingExtraError, UsageError

tokenizers = pytest.importorskip("tokenizers", reason="the extra 'text' is not installed")

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "good", "bad", "film", "##s")
TEXTS = ["a good film", "a bad bad bad film", "good films"]


def tokenizer():
    """A WordPiece tokenizer as BERT has it, of nine words."""
    words = {word: i for i, word in enumerate(WORDS)}
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(words, unk_token="[UNK]"))  # noqa: S106
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def classifier(names=("input_ids", "attention_mask", "token_type_ids"), length="L"):
    """The mean embedding of the tokens that the mask shows, with that of their types, and a dense layer."""
    rng = np.random.default_rng(0)
    weights = {
        "e": rng.normal(size=(len(WORDS), 4)).astype("f"),
        "t": rng.normal(size=(2, 4)).astype("f"),
        "w": rng.normal(size=(4, 3)).astype("f"),
        "one": np.array([1]),
        "two": np.array([2]),
    }
    ids, mask, types = names
    nodes = [
        node("Gather", f"e {ids}", "words"), node("Gather", f"t {types}", "kinds"), node("Add", "words kinds", "x"),
        node("Cast", mask, "m", to=TensorProto.FLOAT), node("Unsqueeze", "m two", "shown"),
        node("Mul", "x shown", "seen"), node("ReduceSum", "seen one", "sum", keepdims=0),
        node("ReduceSum", "m one", "count", keepdims=1), node("Div", "sum count", "mean"),
        node("MatMul", "mean w", "y"),
    ]  # fmt: skip
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["N", length]) for name in names]
    return network(nodes, None, weights, inputs=inputs)


def encoded(texts, length=None):
    """What the library makes of texts: ids, mask and types."""
    own = tokenizer()
    own.enable_padding(length=length)
    if length:
        own.enable_truncation(length)
    found = own.encode_batch(texts)
    return [np.array([getattr(each, name) for each in found]) for name in ("ids", "attention_mask", "type_ids")]


@pytest.mark.parametrize("source", ["file", "object"])
def test_texts_become_what_the_library_makes_of_them(source, tmp_path):
    tokenizer().save(str(tmp_path / "tokenizer.json"))
    model = ox.load(classifier(), vocabulary=str(tmp_path / "tokenizer.json") if source == "file" else tokenizer())
    e = ox.explain(model, TEXTS, "gradient", target=0)
    ids, mask, types = encoded(TEXTS)
    np.testing.assert_array_equal(e.inputs, ids)
    wanted = ox.explain(
        model, {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}, "gradient", target=0
    )
    np.testing.assert_array_equal(e.attribution, wanted.attribution)
    assert e.tokens(2)[:4] == ("[CLS]", "good", "film", "##s")
    assert e.record["input"]["names"] == ["text[0]", "text[1]", "text[2]"]
    assert "made of text by" in e.record["input"]["notes"][0]


def test_a_pair_of_texts_has_two_types():
    model = ox.load(classifier(), vocabulary=tokenizer())
    e = ox.explain(model, [("a good film", "bad film")], "gradient", target=0)
    assert e.inputs.tolist() == [[2, 4, 5, 7, 3, 6, 7, 3]]
    types = np.array([[0, 0, 0, 0, 0, 1, 1, 1]])
    feeds = {"input_ids": e.inputs, "attention_mask": np.ones_like(types), "token_type_ids": types}
    np.testing.assert_array_equal(e.prediction, ox.explain(model, feeds, "gradient", target=0).prediction)


@pytest.mark.parametrize("names", [("input_word_ids", "input_mask", "segment_ids"), ("ids", "mask", "input_type_ids")])
def test_inputs_are_known_by_the_names_that_exporters_give_them(names):
    model = ox.load(classifier(names), vocabulary=tokenizer())
    plain = ox.load(classifier(), vocabulary=tokenizer())
    found, wanted = (ox.explain(each, TEXTS, "gradient", target=1) for each in (model, plain))
    np.testing.assert_array_equal(found.attribution, wanted.attribution)


def test_a_stated_length_pads_and_cuts_off_and_says_so():
    model = ox.load(classifier(length=6), vocabulary=tokenizer())
    e = ox.explain(model, TEXTS, "gradient", target=0)
    np.testing.assert_array_equal(e.inputs, encoded(TEXTS, 6)[0])
    assert "text[1]: cut off at 6 tokens" in e.record["input"]["notes"]
    assert not any("text[0]: cut" in note for note in e.record["input"]["notes"])


def test_a_tokenizer_that_cuts_off_at_a_shorter_length_does_so():
    own = tokenizer()
    own.enable_truncation(4)
    e = ox.explain(ox.load(classifier(length=6), vocabulary=own), TEXTS, "gradient", target=0)
    own.enable_padding(length=6)
    np.testing.assert_array_equal(e.inputs, [each.ids for each in own.encode_batch(TEXTS)])
    assert "text[0]: cut off at 4 tokens" in e.record["input"]["notes"]


def test_a_file_of_text_is_one_text(tmp_path):
    (tmp_path / "review.txt").write_text("a good film")
    model = ox.load(classifier(), vocabulary=tokenizer())
    found = ox.explain(model, tmp_path / "review.txt", "gradient", target=0)
    np.testing.assert_array_equal(found.inputs, encoded(["a good film"])[0])


def test_a_file_of_text_without_a_tokenizer_is_named(tmp_path):
    (tmp_path / "review.txt").write_text("a good film")
    model = ox.load(classifier(), vocabulary=list(WORDS))
    for given in (str(tmp_path / "review.txt"), [tmp_path / "review.txt"]):
        with pytest.raises(UsageError, match=r"review.txt is a text, and the model has no tokenizer.*--vocabulary"):
            ox.explain(model, given, "gradient", target=0)


def test_a_rate_of_a_model_of_texts_is_refused():
    with pytest.raises(UsageError, match="rate= is for models of sounds, and vocabulary= for those of texts"):
        ox.load(classifier(), vocabulary=tokenizer(), rate=8000)


def test_rows_of_several_lengths_need_a_token_for_padding():
    words = {"good": 0, "film": 1, "?": 2}
    bare = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="?"))  # noqa: S106
    bare.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    model = ox.load(classifier(), vocabulary=bare)
    assert ox.explain(model, "good film", "gradient", target=0).inputs.tolist() == [[0, 1]]
    with pytest.raises(BadInputError, match="no token for padding"):
        ox.explain(model, ["good", "good film"], "gradient", target=0)


def test_an_input_that_no_tokenizer_makes_is_named():
    model = ox.load(classifier(("input_ids", "attention_mask", "bbox")), vocabulary=tokenizer(), input="input_ids")
    with pytest.raises(BadInputError, match="'bbox'"):
        ox.explain(model, "good", "gradient", target=0)


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    tokenizer().save(str(tmp_path / "tokenizer.json"))
    model = ox.load(classifier(), vocabulary=str(tmp_path / "tokenizer.json"))
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(MissingExtraError, match=r"onnxplain\[text\]"):
        ox.explain(model, "good", "gradient", target=0)
    assert model.vocabulary == WORDS


def test_a_baseline_takes_the_padding_of_the_tokenizer():
    e = ox.explain(ox.load(classifier(), vocabulary=tokenizer()), TEXTS, "deeplift", target=0)
    assert np.abs(e.delta).max() < 1e-5
    assert "pad" in str(e.record["baseline"]).lower()
