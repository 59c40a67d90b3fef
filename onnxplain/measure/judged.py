"""The methods that are judged: methods by name, composites, functions of one's own, and noise as the control."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeAlias
from zlib import crc32

import numpy as np

from onnxplain.errors import BadInputError, UsageError
from onnxplain.explainer import Explainer
from onnxplain.explanation import Explanation
from onnxplain.method.naming import is_method, named
from onnxplain.method.registry import find, reads_baseline
from onnxplain.plan.composite import Composite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from onnxplain.arrays import Array
    from onnxplain.inputs.batch import Batch
    from onnxplain.measure.evaluation_set import EvaluationSet
    from onnxplain.model import Model

Explain: TypeAlias = "Callable[[dict[str, Array], list[int]], Explanation | Array]"
"""Explains rows: takes all inputs by name and a class index per row, returns attributions like the explained input."""

Way: TypeAlias = "str | Composite | Callable[[Model], Explain]"
"""One thing to judge: a name of `methods()`, a composite, or a function that builds an `Explain` for a model."""

Ways: TypeAlias = "Iterable[Way] | Mapping[str, Way]"
"""What is judged in one evaluation, each under its own name or under that of a dict."""

CONTROL = "random"
"""The name of the control, a map of noise: a method that is worth anything is better."""

_EXPECTED = "expected a name, a composite, a named function of a model, a list of these, or a dict of names for these"


@dataclass(frozen=True)
class Maps:
    """The attributions of some rows, [N, ...] like the input.

    delta: Σ attribution minus what it should sum to, per row; None where the method does not say.
    """

    attribution: Array
    delta: Array | None = None


@dataclass
class Judged:
    """One method to judge.

    name: what it is called in the results. method: its name in `methods()`, or else the same as `name`.
    make: builds its `Explain` for a model; measures call it for copies of the model whose weights are random, too.
    """

    name: str
    method: str
    make: Callable[[Model], Explain] = field(repr=False)
    data: EvaluationSet = field(repr=False)

    @cached_property
    def explain(self) -> Explain:
        """The method on the model itself, planned once."""
        return self.make(self.data.model)

    @cached_property
    def maps(self) -> Maps:
        """The explanations of the rows of the data."""
        return self.at(self.data.batch, list(self.data.target))

    def at(self, batch: Batch, target: list[int], explain: Explain | None = None) -> Maps:
        """Return the explanations of other rows, or of the method on another model where `explain` is given.

        Raises BadInputError where they are no finite numbers or do not have the shape of the input.
        """
        answer = (explain or self.explain)(self.data.model.canonical.rows.given(batch.feeds), target)
        maps = Maps(answer.attribution, answer.delta) if isinstance(answer, Explanation) else Maps(self._array(answer))
        if not np.isfinite(maps.attribution).all():
            raise BadInputError(f"method {self.name!r}: NaN or Inf in its attributions; nothing can be judged by them")
        plane = self.data.plane
        have, due = plane(maps.attribution).shape, plane(batch.x).shape
        if have != due:
            raise BadInputError(f"method {self.name!r}: relevance of shape {have} for inputs of shape {due}")
        return maps

    def _array(self, answer: object) -> Array:
        """Return what a function of the user's gave as an array. Raises BadInputError where it holds no numbers."""
        try:
            array = np.asarray(answer)
        except (TypeError, ValueError, RuntimeError):
            array = np.asarray("")
        if array.dtype.kind not in "fiub":
            raise BadInputError(
                f"method {self.name!r} gave {type(answer).__name__} for attributions: "
                "expected numbers or an Explanation"
            )
        return array

    @cached_property
    def relevance(self) -> Array:
        """The attribution per position, channels summed, in float64."""
        return self.data.plane(self.maps.attribution.astype(np.float64))


class Noise:
    """The control: an `Explain` that gives standard normal noise, which means nothing.

    The noise follows from the bytes of model and input, so that a changed weight or pixel gives other noise. Every
    measure of the control therefore shows what chance gives.
    """

    def __init__(self, model: Model, random_seed: int) -> None:
        self._model = model
        self._random_seed = random_seed

    def __call__(self, feeds: dict[str, Array], target: list[int]) -> Array:
        """Return a map of noise like each row."""
        name, known = self._model.explained_input.name, self._model.known_by["sha256"] or self._model.name
        own = crc32(known.encode())
        x = np.moveaxis(feeds[name], self._model.canonical.rows.axis(name), 0)
        seeds = ([self._random_seed, own, crc32(np.ascontiguousarray(row).tobytes()), of]
                 for row, of in zip(x, target, strict=True))  # fmt: skip
        return np.stack([np.random.default_rng(seed).standard_normal(x.shape[1:]) for seed in seeds])


def judges(methods: Ways, data: EvaluationSet) -> tuple[Judged, ...]:
    """Return what is to be judged, each with its name, and the control last.

    Raises UsageError for what is no method, and where two would have the same name.
    """
    ways = _named(methods)
    if not ways:
        raise UsageError("methods= is empty; name what is to be judged, such as 'gradient'")
    noise = partial(Noise, random_seed=data.random_seed)
    judged = [
        Judged(name, way if isinstance(way, str) else name, _maker(way, name, data), data) for name, way in ways.items()
    ]
    return (*judged, Judged(CONTROL, CONTROL, noise, data))


def _named(methods: Ways) -> dict[str, Way]:
    """Return each method by its name, without the control, which is always judged and need not be named."""
    ways: dict[str, Way] = named(methods, lambda way: is_method(way) or callable(way), _EXPECTED)
    if not isinstance(ways.pop(CONTROL, CONTROL), str):
        raise UsageError(f"methods= has two called {CONTROL!r}: pass a dict, with a name of its own for each")
    return ways


def _maker(way: Way, name: str, data: EvaluationSet) -> Callable[[Model], Explain]:
    """Return the function that builds the `Explain` of one method for a model."""

    def make(model: Model) -> Explain:
        if isinstance(way, (str, Composite)):
            spec = find(way)
            return Explainer(model, way, baseline=data.baseline if reads_baseline(spec, spec.parameters) else None)
        made = way(model)
        if not callable(made):
            raise UsageError(f"method {name!r} made {made!r} of the model: expected a function of inputs and targets")
        return made

    return make
