"""Reviews made of templates, positive and negative, half of them with a negation, and the tokenizer for their words.

A review is a sentence with one adjective, such as "honestly the food was not very good on monday". It is positive where
the adjective is good and not negated, or bad and negated. Every other word says nothing. A review is made from the
number of its set and its own, so that each can be made again alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

CLASSES = ("negative", "positive")
TRAIN, HELD_OUT = 0, 1
SIZES = {TRAIN: 4000, HELD_OUT: 800}
"""The number of each set, and how many reviews it has."""
GOOD = ("good", "great", "lovely", "funny", "clever", "charming", "fresh", "friendly")
BAD = ("bad", "awful", "dull", "boring", "rude", "dirty", "stale", "silly")
NEGATIONS = ("not", "never", "hardly")
OPENERS = ("", "", "honestly", "last night", "i must say", "in short")
SUBJECTS = ("the film", "the food", "the plot", "this book", "the music", "our guide", "the room", "the service")
VERBS = ("was", "is", "seemed")
ADVERBS = ("", "", "really", "very", "quite", "so")
CLOSERS = ("", "", "on monday", "with my sister", "in the end", "for a friend", "at that price")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class Review(NamedTuple):
    """A sentence, its class, and the words that decide it: the adjective, behind its negation if there is one."""

    text: str
    label: int
    decisive: tuple[str, ...]


def review(which: int, index: int) -> Review:
    """Make one review of a set."""
    rng = np.random.default_rng([which, index])
    good, negated = bool(rng.integers(2)), bool(rng.integers(2))
    adjective = str(rng.choice(GOOD if good else BAD))
    negation = str(rng.choice(NEGATIONS)) if negated else ""
    opener, subject, verb, adverb, closer = (
        str(rng.choice(words)) for words in (OPENERS, SUBJECTS, VERBS, ADVERBS, CLOSERS)
    )
    parts = (opener, subject, verb, negation, adverb, adjective, closer)
    return Review(" ".join(filter(None, parts)), int(good != negated), tuple(filter(None, (negation, adjective))))


def reviews(which: int) -> list[Review]:
    """Make all reviews of a set; of those held out, none has the text of one to train on."""
    made = [review(which, index) for index in range(SIZES[which])]
    known = {each.text for each in reviews(TRAIN)} if which == HELD_OUT else set()
    return [each for each in made if each.text not in known]


def tokenizer() -> Tokenizer:
    """Return the tokenizer of all words that a review may have, one token a word."""
    phrases = (*OPENERS, *SUBJECTS, *VERBS, *NEGATIONS, *ADVERBS, *GOOD, *BAD, *CLOSERS)
    words = [*SPECIAL, *sorted({word for phrase in phrases for word in phrase.split()})]
    made = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))  # noqa: S106
    made.normalizer = Lowercase()
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(each, words.index(each)) for each in ("[CLS]", "[SEP]")]
    )
    made.add_special_tokens(list(SPECIAL))
    return made


def encoded(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the token ids and the mask of texts, int64 [N, L], padded to the longest."""
    made = tokenizer()
    made.enable_padding(pad_id=SPECIAL.index("[PAD]"), pad_token="[PAD]")  # noqa: S106
    found = made.encode_batch(texts)
    return np.array([each.ids for each in found]), np.array([each.attention_mask for each in found])
