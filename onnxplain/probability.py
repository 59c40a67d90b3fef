"""The probability that the deployed file gives to what was explained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.guard.parity import as_in_graph
from onnxplain.walk.neuron import Neuron

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.engines.base import Engine
    from onnxplain.inputs.batch import Batch
    from onnxplain.model import Model
    from onnxplain.walk.objective import Target

HALF = 0.5
"""The probability from which on a single sigmoid decides for its class."""


def probabilities_of(model: Model, engine: Engine, batch: Batch, scores: Array) -> Array | None:
    """Return the probability of each score [N, C], by the file's own head; None where the file makes none of them.

    scores: of all rows of the batch, [N, C]. engine: one that computes them.
    """
    if not model.canonical.heads:
        single = sum(each != 1 for each in model.places) <= 1
        return model.head.probabilities(scores, {}) if single else None
    parts = []
    for rows, short, feeds in batch.chunks(len(scores), model.fixed_batch):
        part = scores[rows]
        part = np.concatenate([part, *[part[-1:]] * short]) if short else part
        laid = as_in_graph(model.canonical, engine, feeds, part)
        found = model.head.probabilities(laid, model.canonical.rows.of_file(feeds))
        if found is None:
            return None
        parts.append(found[: len(part) - short])
    return np.concatenate(parts)


def stated(
    model: Model, target: Target, chosen: Array, probabilities: Array | None
) -> tuple[tuple[str, ...], Array | None]:
    """Return the name of the class that each row is explained for, and its probability [N].

    A model with a single sigmoid decides for its class or against it: where no target was asked for, it is named by
    what it decides, "not cat" say, with the probability of that.

    chosen: the class index of each row. probabilities: [N, C], or None.
    """
    if isinstance(target, Neuron):
        return (str(target),) * len(chosen), None
    names = tuple(model.label(int(index)) for index in chosen)
    if probabilities is None:
        return names, None
    found = probabilities[np.arange(len(chosen)), chosen]
    if target is not None or not decides_alone(model, probabilities.shape[1]):
        return names, found
    named = (name if p >= HALF else against(model) for name, p in zip(names, found, strict=True))
    return tuple(named), np.maximum(found, 1 - found)


def decides_alone(model: Model, scores: int) -> bool:
    """Whether a row has a single score, which is that of a class that is decided for or against."""
    return scores == 1 and model.decides


def against(model: Model) -> str:
    """Return the name of what a single sigmoid decides for below 1/2."""
    return model.absent or f"not {model.label(0)}"
