"""Feature visualisation: an input that a class or a neuron responds to most, found by gradient ascent.

It starts from weak noise. In each step the input is rolled by a random shift, so that nothing hangs by the grid of the
strides, and goes along the gradient, scaled to a mean magnitude of 1, of

    F(x) - tv · mean (∇x)²

where F is the explained number, and the second term, a total variation, keeps neighbours alike. Source: Olah et al.
2017.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from onnxplain import checks
from onnxplain.errors import NumericalError, UsageError
from onnxplain.explainer import Explainer
from onnxplain.feeds import Feeds
from onnxplain.inputs.shape import static
from onnxplain.progress import progress
from onnxplain.resample import in_proportion

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.model import Model
    from onnxplain.walk.objective import Target

JITTER = 8
"""The largest shift in pixels, for pictures of 224 pixels a side."""
START = 0.01
"""The standard deviation of the first noise, as a share of the range of the input."""


@dataclass(frozen=True, eq=False)
class Visualisation:
    """What was found.

    picture: the input [*in] in the model's own range. scores: F of it before each step and after the last [steps + 1].
    """

    picture: Array
    scores: Array


def visualise(
    model: Model,
    target: Target,
    *,
    steps: int = 128,
    rate: float = 0.02,
    tv: float = 0.0,
    jitter: int | None = None,
    random_seed: int = 0,
) -> Visualisation:
    """Return an input for which the score of a class, or the value of a `Neuron`, is high, and how it rose.

    target: a class index, a label, or a Neuron. steps: of the ascent. rate: the mean step of an element, as a share of
    the range that the input may have: that of the preprocessing where there is one, which is kept to, else 1.
    tv: the weight of the total variation, in units of the score. jitter: the largest shift along each axis of
    positions, by default 8 at 224 pixels, in proportion at other sizes. random_seed: of the noise and the shifts; the
    same seed gives the same picture.

    Raises UsageError for an input whose size the file leaves open or that holds no floats, and for no single target.
    """
    checks.whole(steps=steps)
    checks.whole(0, jitter=0 if jitter is None else jitter)
    checks.real(rate=rate, tv=tv)
    checks.seed(random_seed=random_seed)
    if target is None or isinstance(target, (list, tuple)):
        raise UsageError(f"target={target!r}: expected one class, by its index or label, or a Neuron")
    shape, channel_axis = _shape(model), Feeds(model, None).channel_axis(model.input_shape)[0]
    places = [axis for axis in range(1, len(shape)) if axis != channel_axis] if len(shape) > 2 else []
    ascent = _Ascent(model, target, places, rate, tv)
    rng, reach = np.random.default_rng(random_seed), _reach(shape, places, jitter)
    x, scores = ascent.start(shape, rng), []
    with progress("visualise", steps + 1, "step") as bar:
        for _ in range(steps):
            x, score = ascent.step(x, [int(rng.integers(-each, each + 1)) for each in reach])
            scores.append(score)
            bar.update(1)
        scores.append(ascent.step(x, [0] * len(reach))[1])
    return Visualisation(x[0].astype(np.float32), np.array(scores))


class _Ascent:
    """Steps along the gradient of the explained number, within the bounds of the input where these are known."""

    def __init__(self, model: Model, target: Target, places: list[int], rate: float, tv: float) -> None:
        self._explain = Explainer(replace(model, preprocess=None), "gradient")  # it is asked about no user's picture
        self._target, self._places, self._rate, self._tv = target, places, rate, tv
        self._low, self._high = _bounds(model)
        self._bounded = model.preprocess is not None

    def start(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Return weak noise around the middle of the range."""
        low, high = self._low, self._high
        return np.asarray((low + high) / 2 + START * (high - low) * rng.standard_normal(shape))

    def step(self, x: Array, shifts: list[int]) -> tuple[Array, float]:
        """Return x one step further, and the explained number of x as it was shifted.

        Raises NumericalError where the gradient is NaN or infinite.
        """
        moved = np.roll(x, shifts, self._places)
        found = self._explain(moved.astype(np.float32), self._target)
        slope = found.attribution.astype(np.float64) - self._tv * _roughness(moved, self._places)
        size = np.abs(slope).mean()
        if not np.isfinite(size):
            raise NumericalError("the gradient is NaN or Inf; a smaller rate= stays within what the model can bear")
        moved = moved + self._rate * (self._high - self._low) * slope / (size or 1.0)
        x = np.roll(moved, [-each for each in shifts], self._places)
        return (np.clip(x, self._low, self._high) if self._bounded else x), float(found.score[0])


def _roughness(x: Array, places: list[int]) -> Array:
    """Return the gradient of the mean of squared differences between neighbours, along all axes of positions."""
    found = np.zeros_like(x)
    for axis in places:
        apart = np.diff(x, axis=axis)
        before, behind = ([slice(None)] * x.ndim for _ in range(2))
        before[axis], behind[axis] = slice(None, -1), slice(1, None)
        found[tuple(behind)] += 2 * apart / x.size
        found[tuple(before)] -= 2 * apart / x.size
    return found


def _reach(shape: tuple[int, ...], places: list[int], jitter: int | None) -> list[int]:
    """Return the largest shift along each axis of positions."""
    return [round(in_proportion(JITTER, shape[axis])) if jitter is None else jitter for axis in places]


def _bounds(model: Model) -> tuple[Array, Array]:
    """Return the least and the largest value that the input may have, to broadcast on it; -1/2 and 1/2 if unknown."""
    if model.preprocess is None:
        return np.array(-0.5), np.array(0.5)
    low, high = model.preprocess.bounds()
    return np.minimum(low, high).astype(np.float64), np.maximum(low, high).astype(np.float64)


def _shape(model: Model) -> tuple[int, ...]:
    """Return the shape of one row, with an axis for it. Raises UsageError where the file leaves a size open."""
    if model.root != model.explained_input.name:
        raise UsageError(f"the input {model.explained_input.name!r} holds no floats, which alone have a slope to climb")
    pre, sizes = model.preprocess, [static(each) for each in model.input_shape]
    if pre is not None and pre.size is not None:
        height = 1 if pre.layout == "NHWC" else 2
        sizes[height : height + 2] = pre.size
    known = [each for each in sizes[1:] if each is not None]
    if len(known) < len(sizes) - 1:
        raise UsageError(f"the input has the shape {list(model.input_shape)}: a picture needs its size, by preprocess=")
    return (1, *known)
