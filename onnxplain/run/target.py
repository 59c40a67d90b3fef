"""Targets and seeds: which number is explained, and what the walk starts from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from onnxplain.errors import UsageError

Array = np.ndarray[Any, Any]
SEEDS = ("logit", "one", "probability", "contrast", "softmax")
SLOPES = {"logit": "one", "probability": "softmax"}
"""The seed whose gradient walk gives the derivative of a number that is itself a seed."""


@dataclass(frozen=True)
class Neuron:
    """A target inside the network: any float value by name, with a channel and a position.

    channel: index on axis 1; None sums all channels. position: indices on the axes behind, "max" for the largest
    value of the channel in each row, None to sum all positions.
    """

    tensor: str
    channel: int | None = None
    position: tuple[int, ...] | str | None = None

    def mask(self, value: Array) -> Array:
        """1 at the explained elements of `value` [N, C, ...], else 0."""
        mask = np.zeros_like(value)
        channel = slice(None) if self.channel is None else self.channel
        if self.channel is not None and not -value.shape[1] <= self.channel < value.shape[1]:
            raise UsageError(f"channel {self.channel} of {self.tensor!r}: it has {value.shape[1]} channels")
        if self.position == "max":
            rows = value[:, channel].reshape(len(value), -1)
            ones = np.zeros_like(rows)
            ones[np.arange(len(rows)), rows.argmax(1)] = 1
            mask[:, channel] = ones.reshape(value[:, channel].shape)
        elif isinstance(self.position, str):
            raise UsageError(f'position {self.position!r} of {self.tensor!r}: give indices, "max" or None')
        else:
            try:
                mask[(slice(None), channel, *(self.position or ()))] = 1
            except IndexError as problem:
                raise UsageError(
                    f"position {self.position} of {self.tensor!r}, which has shape {value.shape}"
                ) from problem
        return mask


Target = int | str | Neuron | Sequence[int | str] | None


def class_indices(target: Any, scores: Array, labels: Sequence[str] | None) -> Array:
    """One class index per row of `scores` [N, C]: the given one, or the predicted one."""
    if target is None:
        return np.asarray(scores.argmax(1))
    given = list(target) if isinstance(target, (list, tuple, np.ndarray)) else [target] * len(scores)
    return np.array([_class_index(each, scores.shape[1], labels) for each in given])


def _class_index(target: Any, classes: int, labels: Sequence[str] | None) -> int:
    if isinstance(target, str):
        if not labels:
            raise UsageError(f"target {target!r} is a label, but the model was loaded without labels=")
        if target in labels:
            return labels.index(target)
        near = get_close_matches(target, labels, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {len(labels)} labels"
        raise UsageError(f"unknown label {target!r}; {hint}")
    if not isinstance(target, (int, np.integer)) or isinstance(target, bool):
        raise UsageError(f"target {target!r}: give a class index, a label, a list of them, or a Neuron")
    if not 0 <= target < classes:
        raise UsageError(f"target {target} is out of range: the model has {classes} scores, 0 to {classes - 1}")
    return int(target)


def class_seed(kind: Any, default: str, scores: Array, indices: Array) -> Array:
    """What the walk starts from at `scores` [N, C], for a method whose default seed is `default`."""
    if not isinstance(kind, str | None):
        return _given(kind, scores)
    kind = _known(kind or default)
    chosen = np.zeros_like(scores)
    chosen[np.arange(len(scores)), indices] = 1
    return np.asarray(seed_at(kind, default, scores, chosen, _softmax, lambda x: x.sum(1, keepdims=True)))


def _known(kind: str) -> str:
    if kind not in SEEDS:
        raise UsageError(f"unknown seed {kind!r}; known: {', '.join(SEEDS)}, or an array like the scores")
    return kind


def seed_at(
    kind: str, default: str, scores: Any, chosen: Any, softmax: Callable[[Any], Any], total: Callable[[Any], Any]
) -> Any:
    """The seed at `scores` [N, C] with `chosen` one-hot, in arrays of any engine; `total` sums classes, [N, 1].

    "softmax" is the derivative of the target's probability p: p (chosen - softmax).
    """
    if kind == "one":
        return chosen
    if kind == "logit":
        return chosen * scores
    if kind == "probability":
        return chosen * softmax(scores)
    if kind == "softmax":
        odds = softmax(scores)
        return chosen * odds - odds * total(chosen * odds)
    contrast = chosen - (1 - chosen) / max(scores.shape[1] - 1, 1)
    return contrast * scores if default == "logit" else contrast


def _softmax(scores: Array) -> Array:
    odds = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(odds / odds.sum(1, keepdims=True))


def _given(seed: Any, scores: Array) -> Array:
    array = np.asarray(seed, scores.dtype)
    if array.shape not in (scores.shape, scores.shape[1:]):
        raise UsageError(f"seed of shape {array.shape} for scores of shape {scores.shape}")
    return np.broadcast_to(array, scores.shape).astype(scores.dtype)


@dataclass(frozen=True)
class Question:
    """What is asked of a batch: a target and a seed, and the method's default seed.

    rows: how many rows are real; a batch filled up to a fixed size repeats the last.
    """

    target: Any
    kind: Any
    default: str
    labels: Sequence[str] | None
    rows: int

    @property
    def formula(self) -> tuple[str, str] | None:
        """Kind of the seed and the method's default; None for a Neuron or an array, where no formula gives it."""
        if isinstance(self.target, Neuron) or not isinstance(self.kind, str | None):
            return None
        return _known(self.kind or self.default), self.default

    def classes(self, scores: Array) -> Array:
        """Class index of each row of `scores` [N, C]."""
        target = self.target
        if isinstance(target, (list, tuple, np.ndarray)):
            target = [*target, *[target[-1]] * (len(scores) - self.rows)]
        return class_indices(target, scores, self.labels)

    def seed(self, value: Array, scores: Array) -> tuple[Array, Array]:
        """What the walk starts from at the target's `value`, and the class index of each row (0 for a Neuron)."""
        if isinstance(self.target, Neuron):
            mask = self.target.mask(value)
            kind = self.default if self.kind is None else self.kind
            return (mask * value if kind == "logit" else mask), np.zeros(len(value), np.int64)
        indices = self.classes(scores)
        return class_seed(self.kind, self.default, scores, indices), indices

    def score(self, value: Array, start: Array, chosen: Array) -> Array:
        """The target's score in each row; of a Neuron or an array for a seed, the sum of what the walk starts from."""
        if self.formula is None:
            return np.asarray((value * (start != 0)).reshape(len(value), -1).sum(1))
        return np.asarray(value[np.arange(len(value)), chosen])

    def number(self, value: Array, scores: Array) -> tuple[Array, Array, Array]:
        """The explained number, of which the seed in `SLOPES` is the derivative, the target's score, and the class.

        The number is the target's score or probability, or the sum of scores that an array or "contrast" weighs.
        """
        if isinstance(self.target, Neuron):
            score = (self.target.mask(value) * value).reshape(len(value), -1).sum(1)
            return score.astype(np.float64), score, np.zeros(len(value), np.int64)
        indices, precise = self.classes(scores), scores.astype(np.float64)
        score = scores[np.arange(len(scores)), indices]
        kind = self.default if self.kind is None else self.kind
        if isinstance(kind, str) and _known(kind) in ("probability", "softmax"):
            return _softmax(precise)[np.arange(len(scores)), indices], score, indices
        if isinstance(kind, str) and kind in ("logit", "one"):
            return score.astype(np.float64), score, indices
        weights = class_seed(kind, "one", precise, indices)
        return (weights * precise).sum(1), score, indices


def known_value(graph: Any, name: str) -> str:
    """The name of a value of the graph, or an error that offers the nearest."""
    values = [each for each, tensor in graph.tensors().items() if not hasattr(tensor, "values")]
    if name not in values:
        near = ", ".join(map(repr, get_close_matches(name, values, n=3, cutoff=0.0)))
        raise UsageError(f"the model has no value {name!r}; the nearest names: {near}")
    return name
