"""The objective: which number is explained in each row, and what the walk starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from onnxplain.errors import BadInputError, UsageError
from onnxplain.inputs.names import check_labels
from onnxplain.walk.neuron import Neuron
from onnxplain.walk.seed import SEEDS, SeedSpec, known_seed, own_probability, probabilities, seed_at

if TYPE_CHECKING:
    from onnxplain.arrays import Array

Target: TypeAlias = int | str | Neuron | Sequence[int | str | tuple[int, ...]] | None
"""A class index, a label, one of these for each row, a Neuron, or None for the class that is predicted.

Where a row of scores has several axes, such as [anchors, classes], a tuple is a place on these axes.
"""


@dataclass(frozen=True)
class Objective:
    """What a user asks about each row of a batch: a target, and the seed of the walk from it.

    seed: a word of SEEDS, an array like the scores [C] or [N, C], or None for `default`, the method's own.
    labels: names of the classes. independent: whether each score has a probability of its own (see `SeedSpec`).
    """

    target: Target
    seed: str | Array | None
    default: str
    labels: Sequence[str] | None = None
    independent: bool | None = False

    def rows(self, rows: slice, repeated: int = 0) -> Objective:
        """Return the objective of some rows, with that of the last one repeated."""
        target, seed = self.target, self.seed
        if isinstance(target, (list, tuple)):
            target = [*target[rows], *[target[rows][-1]] * repeated]
        if isinstance(seed, np.ndarray) and seed.ndim == 2:
            seed = np.concatenate([seed[rows], *[seed[rows][-1:]] * repeated])
        return replace(self, target=target, seed=seed)

    def at(self, rows: Sequence[int], chosen: Array) -> Objective:
        """Return the objective of points that were made of the rows `rows`: each is explained for its row's class.

        chosen: that class for every row. Another class may be predicted at a point beside the row.
        """
        target = self.target if isinstance(self.target, Neuron) else [int(chosen[i]) for i in rows]
        seed = self.seed[list(rows)] if isinstance(self.seed, np.ndarray) and self.seed.ndim == 2 else self.seed
        return replace(self, target=target, seed=seed)

    @property
    def seed_spec(self) -> SeedSpec | None:
        """How the seed follows from the scores; None for a Neuron or an array, whose seed no formula gives."""
        if isinstance(self.target, Neuron) or not isinstance(self.seed, str | None):
            return None
        return SeedSpec(self.default if self.seed is None else self.seed, self.default, self.independent)

    @property
    def _kind(self) -> str | Array:
        return self.default if self.seed is None else self.seed

    def classes(self, scores: Array) -> Array:
        """Return the class index of each row of `scores` [N, C]: the one asked for, or the predicted one."""
        return class_indices(self.target, scores, self.labels)

    def seen(self, value: Array) -> Array:
        """Return the target's value as it is explained: scores as [N, C], that of a Neuron with all its axes."""
        return value if isinstance(self.target, Neuron) and value.ndim > 1 else value.reshape(len(value), -1)

    def start(self, value: Array, scores: Array) -> tuple[Array, Array]:
        """Return what the walk starts from at the target's `value`, and the class index of each row.

        The index is 0 for a Neuron.
        """
        if isinstance(self.target, Neuron):
            mask = self._mask(self.target, value)
            return (mask * value if self._kind == "logit" else mask), np.zeros(len(value), np.int64)
        indices = self.classes(scores)
        return self._class_seed(self.default, scores, indices), indices

    def score(self, value: Array, start: Array, chosen: Array) -> Array:
        """Return the target's score in each row; for a Neuron or an array, the sum of what the walk starts from."""
        if self.seed_spec is None:
            return np.asarray((value * (start != 0)).reshape(len(value), -1).sum(1))
        return np.asarray(value[np.arange(len(value)), chosen])

    def number(self, value: Array, scores: Array) -> tuple[Array, Array, Array]:
        """Return the explained number in float64, the target's score, and the class index, of each row.

        The number is the target's score or probability, or the sum of scores as weighed by an array or "contrast".
        Its derivative starts from the seed that `SLOPES` names.
        """
        if isinstance(self.target, Neuron):
            score = (self._mask(self.target, value) * value).reshape(len(value), -1).sum(1)
            return score.astype(np.float64), score, np.zeros(len(value), np.int64)
        indices, precise = self.classes(scores), scores.astype(np.float64)
        score = scores[np.arange(len(scores)), indices]
        kind = self._kind
        if isinstance(kind, str) and kind in ("probability", "softmax"):
            return (
                probabilities(precise, own_probability(self.independent))[np.arange(len(scores)), indices],
                score,
                indices,
            )
        if isinstance(kind, str) and kind in ("logit", "one"):
            return score.astype(np.float64), score, indices
        return (self.weights(precise, indices) * precise).sum(1), score, indices

    def weights(self, scores: Array, indices: Array) -> Array:
        """Return how each score counts in the explained number [N, C], for the class index of each row.

        Raises UsageError where that number is no weighted sum of scores: a probability, or the value of a Neuron.
        """
        kind = self._kind
        if isinstance(self.target, Neuron) or (isinstance(kind, str) and kind in ("probability", "softmax")):
            what = "a Neuron" if isinstance(self.target, Neuron) else f"seed={kind!r}"
            raise UsageError(f'{what} is no weighted sum of scores, which the method shares out; take seed="logit"')
        alike = replace(self, seed="one") if isinstance(kind, str) and kind == "logit" else self
        return alike._class_seed("one", scores, indices)  # noqa: SLF001

    def _class_seed(self, default: str, scores: Array, indices: Array) -> Array:
        """Return the seed at `scores` [N, C] of a method that starts from `default` by itself."""
        if not isinstance(self.seed, str | None):
            return _like_scores(self.seed, scores)
        chosen = np.zeros_like(scores)
        chosen[np.arange(len(scores)), indices] = 1
        total = partial(np.sum, axis=1, keepdims=True)
        spec = SeedSpec(self.default if self.seed is None else self.seed, default, self.independent)
        return np.asarray(seed_at(spec, scores, chosen, probabilities, total))

    def _mask(self, neuron: Neuron, value: Array) -> Array:
        """Return the mask of a Neuron, which has a value, and neither a probability nor other classes beside it."""
        if not isinstance(self.seed, str | None) or self.seed not in (None, "logit", "one"):
            raise UsageError(f'seed {self.seed!r} for a Neuron: it takes "logit", "one" or None')
        return neuron.mask(value)


def as_seed(seed: Any, rows: int, target: Target = None) -> str | Array | None:
    """Return a seed as a word or None, or as an array of numbers, one for all rows or one for each.

    Raises UsageError for an unknown word, and where the seeds are not as many as the rows. The words that fit a Neuron
    as `target` are fewer; it refuses the others itself.
    """
    if seed is None or isinstance(seed, str):
        return seed if seed is None or isinstance(target, Neuron) else known_seed(seed)
    try:
        array = np.asarray(seed)
    except ValueError as problem:
        raise UsageError(f"seed={seed!r}: {problem}; expected a word or an array like the scores") from problem
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UsageError(f"seed={seed!r}: NaN or Inf is no weight of a score; expected finite numbers")
    if array.ndim == 2 and len(array) != rows:
        raise UsageError(f"{len(array)} seeds for {rows} rows; give one seed, or one per row")
    return array


def class_indices(target: Any, scores: Array, labels: Sequence[str] | None) -> Array:
    """Return one class index per row of `scores` [N, C]: the given one (as of `as_target`), or the predicted one.

    Raises UsageError for a class that the model does not have, BadInputError where it has none.
    """
    check_labels(labels, scores.shape[1])
    if not scores.shape[1]:
        raise BadInputError(f"the model gives no scores: the output has the shape {list(scores.shape)}")
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


def _like_scores(seed: Any, scores: Array) -> Array:
    """Return an array of one seed [C], or of one for each row [N, C], as [N, C] in the type of the scores."""
    try:
        array = np.asarray(seed, scores.dtype)
    except (TypeError, ValueError) as problem:
        raise UsageError(f"seed {seed!r}: expected one of {', '.join(SEEDS)}, or an array like the scores") from problem
    if array.shape not in (scores.shape, scores.shape[1:]):
        raise UsageError(f"seed of shape {array.shape} for scores of shape {scores.shape}")
    return np.broadcast_to(array, scores.shape)
