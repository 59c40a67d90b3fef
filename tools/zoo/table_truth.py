"""What is known of a model of tables: its library's scores, their slopes, and Shapley values by brute force."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np
from kept import Truth

if TYPE_CHECKING:
    from collections.abc import Callable

FEATURES, CLASSES, BACKGROUND = 5, 3, 6
STEP = 1e-4


def data(classes: int = CLASSES, rows: int = 300, seed: int = 0) -> tuple[Any, Any]:
    """Return a table that is learnable but not trivial, and the class of each of its rows."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, FEATURES)).astype(np.float32)
    weights = rng.standard_normal((FEATURES, classes))
    noise = rng.standard_normal((rows, classes))
    y = (x @ weights + np.sin(2 * x[:, :1]) * weights[:1] + 0.3 * noise).argmax(1)
    return x, y


def truth(functions: dict[str, Callable[[Any], Any]], *, smooth: bool, name: str = "X", seed: int = 5) -> Truth:
    """Return what is known of a model by the functions that score rows of double precision, each [N, classes].

    smooth: whether the model has slopes. Shapley values are computed of all, since what has slopes may be refused.
    """
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, FEATURES)).astype(np.float32)
    background = rng.standard_normal((BACKGROUND, FEATURES)).astype(np.float32)
    by: dict[str, Any] = {}
    for kind, function in functions.items():
        by[f"{kind}:scores"] = function(x.astype(np.float64))
        if smooth:
            by[f"{kind}:slopes"] = slopes(function, x.astype(np.float64))
        by[f"{kind}:shapley"] = shapley(function, x, background)
    return Truth({name: x}, background=background, by=by)


def slopes(function: Callable[[Any], Any], x: Any) -> Any:
    """Return the derivatives [N, classes, features] by central differences of fourth order."""
    found = []
    for feature in range(x.shape[1]):
        step = np.zeros(x.shape[1])
        step[feature] = STEP
        near = (function(x + step) - function(x - step)) / (2 * STEP)
        far = (function(x + 2 * step) - function(x - 2 * step)) / (4 * STEP)
        found.append((4 * near - far) / 3)
    return np.stack(found, -1)


def shapley(function: Callable[[Any], Any], x: Any, background: Any) -> Any:
    """Return interventional Shapley values [N, classes, features], by all coalitions of features."""
    count = x.shape[1]
    values = {}
    for size in range(count + 1):
        for shown in combinations(range(count), size):
            mixed = np.repeat(background[None].astype(np.float64), len(x), 0)
            mixed[:, :, list(shown)] = x[:, None, list(shown)]
            scores = function(mixed.reshape(-1, count))
            values[shown] = scores.reshape(len(x), len(background), -1).mean(1)
    found = np.zeros((*values[()].shape, count))
    for shown, value in values.items():
        for feature in set(range(count)) - set(shown):
            weight = 1 / (count * comb(count - 1, len(shown)))
            found[:, :, feature] += weight * (values[tuple(sorted((*shown, feature)))] - value)
    return found


def pair(scores: Any) -> Any:
    """Return scores [N, classes] of what has one score a row where there are two classes."""
    scores = np.asarray(scores, np.float64)
    return scores.reshape(len(scores), -1)


def logit(p: Any) -> Any:
    """Return ln p of probabilities, which no class is left without."""
    return np.log(np.clip(p, 1e-300, None))
