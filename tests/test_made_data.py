"""The bundled classifiers of made-up reviews and drawn sounds: what decides is known, and explanations point there."""

from __future__ import annotations

import json

import numpy as np
import pytest
from nets import BUNDLED

import onnxplain as ox

GOOD, BAD = ("good", "lovely", "friendly", "clever"), ("bad", "boring", "rude", "dirty")
AROUND = (
    "honestly the film was {} very {} on monday",
    "the food is {} {} in the end",
    "in short our guide seemed {} quite {}",
)
REVIEWS = [
    (" ".join(around.format(negation, adjective).split()), (adjective in GOOD) != bool(negation), {negation, adjective})
    for around, negation in zip(AROUND * 2, ("not", "never", "hardly", "", "", ""), strict=True)
    for adjective in (*GOOD, *BAD)
]
"""Sentences, whether each is positive, and the words that decide it."""


@pytest.fixture(scope="module")
def reviews():
    pytest.importorskip("tokenizers", reason="text needs the library tokenizers")
    files = {"vocabulary": BUNDLED / "reviews.tokenizer.json", "labels": BUNDLED / "reviews.labels.txt"}
    return ox.load(BUNDLED / "reviews_transformer_torch.onnx", **files)


@pytest.mark.parametrize(("method", "least"), [("occlusion", 0.95), ("deeplift", 0.85), ("attnlrp", 0.85)])
def test_the_words_that_decide_a_review_have_the_most_relevance(reviews, method, least):
    explainer, found = ox.Explainer(reviews, method), []
    for text, positive, decisive in REVIEWS:
        e = explainer(text)
        wanted, sizes = decisive - {""}, np.abs(e.relevance[0])
        assert e.labels == ("positive" if positive else "negative",), text
        found.append({e.tokens(0)[i] for i in np.argsort(-sizes)[: len(wanted)]} == wanted)
    assert np.mean(found) >= least


@pytest.fixture(scope="module")
def sounds():
    return ox.load(BUNDLED / "sounds_cnn_torch.onnx", rate=8000, labels=BUNDLED / "sounds.labels.txt")


@pytest.mark.parametrize("method", ["integrated_gradients", "deeplift", "lrp.epsilon", "occlusion"])
def test_the_relevance_of_a_chirp_lies_where_the_chirp_is(sounds, method):
    begins, ends = json.loads((BUNDLED / "sounds" / "events.json").read_text())["chirp.wav"]
    inside = np.zeros((1, 4000), bool)
    inside[:, begins:ends] = True
    options = {"window": 100, "stride": 50} if method == "occlusion" else {}
    e = ox.explain(sounds, BUNDLED / "sounds" / "chirp.wav", method, **options)
    assert e.labels == ("chirp",) and inside[0, np.abs(e.relevance[0]).argmax()]
    assert ox.region(e, inside).absolute[0] > 0.95 > 2 * inside.mean()
