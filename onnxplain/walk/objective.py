"""Targets and seeds: which number is explained, and what the walk starts from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.inputs.names import check_labels

if TYPE_CHECKING:
    from onnxplain.arrays import Array


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
        channel: Any = slice(None) if self.channel is None else self.channel
        if self.channel is not None and not _is_index(self.channel, value.shape[1]):
            raise UsageError(f"channel {self.channel!r} of {self.tensor!r}: it has {value.shape[1]} channels")
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
            except (IndexError, TypeError) as problem:
                raise UsageError(
                    f"position {self.position!r} of {self.tensor!r}, which has shape {value.shape}"
                ) from problem
        return mask


def _is_index(value: Any, size: int) -> bool:
    """Whether it says one of `size` places, from either end."""
    return isinstance(value, Integral) and not isinstance(value, bool) and -size <= int(value) < size


Target = int | str | Neuron | Sequence[int | str] | None


def as_target(target: Any, rows: int) -> Any:
    """A target as a `Neuron`, an index, a label or None, or as a list of one for each row.

    Raises UsageError for targets that are not as many as the rows.
    """
    target = target.tolist() if isinstance(target, np.ndarray) else target
    if isinstance(target, (list, tuple)) and len(target) != rows:
        raise UsageError(f"{len(target)} targets for {rows} rows; give one target, or one per row")
    return target


def as_seed(seed: Any, rows: int) -> Any:
    """A seed as a word or None, or as an array of numbers, one for all rows or one for each."""
    if seed is None or isinstance(seed, str):
        return seed
    try:
        array = np.asarray(seed)
    except ValueError as problem:
        raise UsageError(f"seed={seed!r}: {problem}; expected a word or an array like the scores") from problem
    if array.ndim == 2 and len(array) != rows:
        raise UsageError(f"{len(array)} seeds for {rows} rows; give one seed, or one per row")
    return array


def class_indices(target: Any, scores: Array, labels: Sequence[str] | None) -> Array:
    """One class index per row of `scores` [N, C]: the given one (as of `as_target`), or the predicted one."""
    check_labels(labels, scores.shape[1])
    if target is None:
        return np.asarray(scores.argmax(1))
    given = list(target) if isinstance(target, (list, tuple)) else [target] * len(scores)
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


class Formula(NamedTuple):
    """What gives a seed at any scores: its kind, the method's default, and whether each score has a probability alone.

    alone: behind a sigmoid. A single score, C = 1, has one alone whatever the head.
    """

    kind: str
    default: str
    alone: bool = False


def seed_at(
    formula: Formula,
    scores: Any,
    chosen: Any,
    odds: Callable[[Any, bool], Any],
    total: Callable[[Any], Any],
) -> Any:
    """The seed at `scores` [N, C] with `chosen` one-hot, in arrays of any engine; `total` sums classes, [N, 1].

    odds: probabilities of scores, alone or not. "softmax" is the derivative of the target's probability p, which is
    p (chosen - softmax) or, behind a sigmoid, p (1 - p) chosen.
    """
    kind, default, alone = formula
    alone = alone or scores.shape[1] == 1
    if kind == "one":
        return chosen
    if kind == "logit":
        return chosen * scores
    if kind in ("probability", "softmax"):
        p = odds(scores, alone)
        own = chosen * p
        return own if kind == "probability" else own - p * (own if alone else total(own))
    contrast = chosen - (1 - chosen) / max(scores.shape[1] - 1, 1)
    return contrast * scores if default == "logit" else contrast


def probabilities(scores: Array, alone: bool) -> Array:
    """Of `scores` [N, C]: the sigmoid where each has one alone, as a single score always has, else the softmax."""
    if alone or scores.shape[1] == 1:
        return np.asarray(0.5 * (1 + np.tanh(scores / 2)))
    odds = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(odds / odds.sum(1, keepdims=True))


def _known(kind: str) -> str:
    if kind not in SEEDS:
        raise UsageError(f"unknown seed {kind!r}; known: {', '.join(SEEDS)}")
    return kind


def _given(seed: Any, scores: Array, rows: int) -> Array:
    """An array of one seed, or of one for each of the real rows, as [N, C]; the last is repeated in filled ones."""
    try:
        array = np.asarray(seed, scores.dtype)
    except (TypeError, ValueError) as problem:
        raise UsageError(f"seed {seed!r}: expected one of {', '.join(SEEDS)}, or an array like the scores") from problem
    if array.shape not in ((rows, *scores.shape[1:]), scores.shape[1:]):
        raise UsageError(f"seed of shape {array.shape} for scores of shape {(rows, *scores.shape[1:])}")
    if array.ndim == scores.ndim:
        array = array[np.minimum(np.arange(len(scores)), rows - 1)]
    return np.broadcast_to(array, scores.shape)


@dataclass(frozen=True)
class Question:
    """What is asked of a batch: a target and a seed, and the method's default seed.

    rows: how many rows are real; a batch filled up to a fixed size repeats the last. alone: as of a `Formula`.
    """

    target: Any
    kind: Any
    default: str
    labels: Sequence[str] | None
    rows: int
    alone: bool = False

    @property
    def formula(self) -> Formula | None:
        """What gives the seed; None for a Neuron or an array, where no formula gives it."""
        if isinstance(self.target, Neuron) or not isinstance(self.kind, str | None):
            return None
        return self._formula(self.default)

    def _formula(self, default: str) -> Formula:
        return Formula(_known(self.default if self.kind is None else self.kind), default, self.alone)

    def classes(self, scores: Array) -> Array:
        """Class index of each row of `scores` [N, C]."""
        target = self.target
        if isinstance(target, (list, tuple)):
            target = [*target, *[target[-1]] * (len(scores) - self.rows)]
        return class_indices(target, scores, self.labels)

    def seed(self, value: Array, scores: Array) -> tuple[Array, Array]:
        """What the walk starts from at the target's `value`, and the class index of each row (0 for a Neuron)."""
        if isinstance(self.target, Neuron):
            mask = self._mask(value)
            kind = self.default if self.kind is None else self.kind
            return (mask * value if kind == "logit" else mask), np.zeros(len(value), np.int64)
        indices = self.classes(scores)
        return self._class_seed(self.default, scores, indices), indices

    def _class_seed(self, default: str, scores: Array, indices: Array) -> Array:
        """What the walk starts from at `scores` [N, C], for a method whose default seed is `default`."""
        if not isinstance(self.kind, str | None):
            return _given(self.kind, scores, self.rows)
        chosen = np.zeros_like(scores)
        chosen[np.arange(len(scores)), indices] = 1
        total = partial(np.sum, axis=1, keepdims=True)
        return np.asarray(seed_at(self._formula(default), scores, chosen, probabilities, total))

    def _mask(self, value: Array) -> Array:
        """Of a Neuron, which has a value and no probability, and no other classes."""
        if not isinstance(self.kind, str | None) or self.kind not in (None, "logit", "one"):
            raise UsageError(f'seed {self.kind!r} for a Neuron: it takes "logit", "one" or None')
        mask: Array = self.target.mask(value)
        return mask

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
            score = (self._mask(value) * value).reshape(len(value), -1).sum(1)
            return score.astype(np.float64), score, np.zeros(len(value), np.int64)
        indices, precise = self.classes(scores), scores.astype(np.float64)
        score = scores[np.arange(len(scores)), indices]
        kind = self.default if self.kind is None else self.kind
        if isinstance(kind, str) and _known(kind) in ("probability", "softmax"):
            return probabilities(precise, self.alone)[np.arange(len(scores)), indices], score, indices
        if isinstance(kind, str) and kind in ("logit", "one"):
            return score.astype(np.float64), score, indices
        weights = self._class_seed("one", precise, indices)
        return (weights * precise).sum(1), score, indices


def known_value(graph: Any, name: str) -> str:
    """The name of a value of the graph, or an error that offers the nearest."""
    values = [each for each, tensor in graph.tensors().items() if not hasattr(tensor, "values")]
    if name not in values:
        near = ", ".join(map(repr, get_close_matches(str(name), values, n=3, cutoff=0.0)))
        raise UsageError(f"the model has no value {name!r}; the nearest names: {near}")
    return name
