"""What scores and gradient in double precision do near the inputs.

Whether one is the slope of the other, and how far the gradient moves within the rounding of float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.engines.forward import ReferenceForward

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = 1e-7, 1e-8, 1e-9, 3e-10
"""Of differences, where inputs have the size of 1: units change sides within the first, and the last is rounded."""
DIRECTIONS, NOISES, TRIES = 2, 6, 4
AIM = 0.8
"""The share of what scores may move by that is aimed at."""


def slope(model: Any, e: Any, name: str, x: Any, target: Any) -> float:
    """Return how far the gradient is from differences of the scores in double, as a share of the gradient's length.

    Along random directions v: |(f(x + h v) - f(x)) / h - v·g| / ‖g‖ for steps h to either side. The step that fits best
    counts, since a unit that changes sides within the others adds to theirs, and then the worst row of the worst
    direction. The forward run is given numbers in double, so h can be small. e: the explanation of x, [N, ...], by the
    gradient. target: a class for each row.
    """
    run, scores = ReferenceForward(model.canonical.graph), model.canonical.scores
    rng, rows, worst = np.random.default_rng(2), np.arange(len(x)), 0.0

    def f(at: Any) -> Any:
        return run.run({name: at}, [scores])[0][scores][rows, target]

    here, length = f(x), np.linalg.norm(e.attribution.reshape(len(x), -1), axis=1)
    for _ in range(DIRECTIONS):
        v = rng.standard_normal(x.shape)
        along = (e.attribution * v).reshape(len(x), -1).sum(1)
        errors = [np.abs((f(x + h * v) - here) / h - along) / length for step in STEPS for h in (step, -step)]
        worst = max(worst, float(np.min(errors, 0).max()))
    return worst


def moves(explained: Callable[[Any], Any], e: Any, x: Any, off: float) -> float:
    """Return how far the gradient in double moves within the rounding of float32, as a share of its largest value.

    off: how far the scores in float32 are from those in double, as a share of the largest. All roundings on the way to
    the scores are in it, each as much amplified as the network amplifies it. So an input whose exact scores are no
    further from those of x than `off` is one that float32 cannot tell from x, and of the gradient float32 can say no
    more than what holds at all such inputs: this is the backward error of numerical analysis (Higham, Accuracy and
    Stability of Numerical Algorithms, 1.5). The inputs that are tried are x (1 + s n), with n normal and from fixed
    seeds; s is at most `off`, and less where the network amplifies, so that the exact scores move by `off` or less.
    The largest movement of a few such inputs counts.

    explained: returns the explanation, in double, of inputs like x; None where there is none. e: that of x.
    """
    rng, worst, size = np.random.default_rng(3), 0.0, off
    for _ in range(NOISES):
        noise = rng.standard_normal(x.shape)
        for _ in range(TRIES):
            near = explained((x * (1 + size * noise)).astype(x.dtype))
            if near is None:
                return worst
            far = relative(near.prediction, e.prediction)
            size = min(off, size * AIM * off / max(far, 1e-30))  # scores move in proportion, but for kinks
            if far <= off:
                worst = max(worst, relative(near.attribution, e.attribution))
                break
    return worst


def relative(found: Any, true: Any) -> float:
    """Return the largest difference as a share of the largest value, each row for itself; the worst row counts."""
    a, b = (np.asarray(each, "float64").reshape(len(each), -1) for each in (found, true))
    size = np.abs(b).max(1)
    return float((np.abs(a - b).max(1) / np.where(size, size, 1.0)).max())
