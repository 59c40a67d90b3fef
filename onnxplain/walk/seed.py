"""Seeds: the message that a walk starts from at the scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.arrays import AnyArray, Array

SEEDS = ("logit", "one", "probability", "contrast", "softmax")
SLOPES = {"logit": "one", "probability": "softmax"}
"""For a seed that is itself a number to be explained: the seed whose gradient walk gives the number's derivative."""


class SeedSpec(NamedTuple):
    """A seed that follows from the scores by a formula.

    kind: one of SEEDS. default: the seed that the method starts from by itself; "contrast" depends on it.
    independent: whether each score has a probability of its own, by a sigmoid, and not one beside the others, by a
    softmax. A single score, C = 1, always has one of its own. None where the scores of a row lie on several axes, so
    that a probability is not the softmax of all of them, or are probabilities themselves.
    """

    kind: str
    default: str
    independent: bool | None = False


def seed_at(
    spec: SeedSpec,
    scores: AnyArray,
    chosen: AnyArray,
    probabilities: Callable[[AnyArray, bool], AnyArray],
    total: Callable[[AnyArray], AnyArray],
) -> AnyArray:
    """Return the seed [N, C] at `scores` [N, C], with `chosen` one-hot at the target, in arrays of any engine.

        one          1 at the target
        logit        the score at the target
        probability  the target's probability p
        softmax      the derivative of p: p (chosen - softmax) or, behind a sigmoid, p (1 - p) at the target
        contrast     1 at the target, -1/(C - 1) at the others; times the scores for a method that starts from "logit"

    probabilities: of scores, independent or not. total: the sum over the classes, [N, 1].
    """
    kind, default, independent = spec
    if kind == "one":
        return chosen
    if kind == "logit":
        return chosen * scores
    if kind in ("probability", "softmax"):
        independent = scores.shape[1] == 1 or own_probability(independent)
        p = probabilities(scores, independent)
        own = chosen * p
        return own if kind == "probability" else own - p * (own if independent else total(own))
    contrast = chosen - (1 - chosen) / max(scores.shape[1] - 1, 1)
    return contrast * scores if default == "logit" else contrast


def own_probability(independent: bool | None) -> bool:
    """Return whether each score has a probability of its own. Raises UsageError for scores that have none of a row."""
    if independent is None:
        raise UsageError(
            "the scores of a row lie on several axes or are probabilities already, and a probability is not the "
            'softmax of all of them; seed="logit" explains the score itself'
        )
    return independent


def probabilities(scores: Array, independent: bool) -> Array:
    """Return the sigmoid of `scores` [N, C] where they are independent or there is one alone, else the softmax."""
    if independent or scores.shape[1] == 1:
        return np.asarray(0.5 * (1 + np.tanh(scores / 2)))
    odds = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(odds / odds.sum(1, keepdims=True))


def known_seed(kind: str) -> str:
    """Return `kind` where it is one of SEEDS. Raises UsageError for another word."""
    if kind not in SEEDS:
        raise UsageError(f"unknown seed {kind!r}; known: {', '.join(SEEDS)}")
    return kind
