"""The explanations that are judged: methods by name, functions of one's own, and noise as the control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias
from zlib import crc32

import numpy as np

from onnxplain.errors import BadInputError, UsageError
from onnxplain.explanation import Explanation
from onnxplain.method.composite import Composite
from onnxplain.run.explainer import Explainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from onnxplain.measure.subject import Subject
    from onnxplain.model import Model
    from onnxplain.run.feeds import Batch

Array = np.ndarray[Any, Any]
Explain: TypeAlias = "Callable[[dict[str, Array], list[int]], Explanation | Array]"
"""From all inputs by name and a class index per row to an attribution like the explained input."""
CONTROL = "random"


@dataclass(frozen=True)
class Maps:
    """Attributions of some rows, and Σ attribution - what it should sum to, where the method says."""

    attribution: Array
    delta: Array | None = None


@dataclass
class Judged:
    """One method: `make` builds its `Explain` for a model, and for copies of it whose weights are random."""

    name: str
    make: Callable[[Model], Explain] = field(repr=False)
    subject: Subject = field(repr=False)

    @cached_property
    def explain(self) -> Explain:
        """The method on the model itself, planned once."""
        return self.make(self.subject.model)

    @cached_property
    def maps(self) -> Maps:
        """Explanations of the subject's rows."""
        return self.at(self.subject.batch, list(self.subject.target))

    def at(self, batch: Batch, target: list[int], explain: Explain | None = None) -> Maps:
        """Explanations of other rows, or by the method on another model."""
        found = (explain or self.explain)(batch.feeds, target)
        maps = Maps(found.attribution, found.delta) if isinstance(found, Explanation) else Maps(np.asarray(found))
        if not np.isfinite(maps.attribution).all():
            raise BadInputError(f"method {self.name!r}: NaN or Inf in its attributions; nothing can be judged by them")
        plane = self.subject.plane
        have, due = plane(maps.attribution).shape, plane(batch.x).shape
        if have != due:
            raise BadInputError(f"method {self.name!r}: relevance of shape {have} for inputs of shape {due}")
        return maps

    @cached_property
    def relevance(self) -> Array:
        """Attribution per position, channels summed, in float64."""
        return self.subject.plane(self.maps.attribution.astype(np.float64))


class Noise:
    """The control: standard normal noise that follows from the bytes of model and input, and means nothing.

    A changed weight or pixel gives other noise, so each measure shows what chance gives.
    """

    def __init__(self, model: Model, random_seed: int) -> None:
        self._model = model
        self._random_seed = random_seed

    def __call__(self, feeds: dict[str, Array], target: list[int]) -> Array:
        """One map like each row."""
        x, own = feeds[self._model.explained_input.name], crc32(self._model.sha256.encode())
        seeds = ([self._random_seed, own, crc32(np.ascontiguousarray(row).tobytes()), of]
                 for row, of in zip(x, target, strict=True))  # fmt: skip
        return np.stack([np.random.default_rng(seed).standard_normal(x.shape[1:]) for seed in seeds])


Ways: TypeAlias = "Iterable[str | Composite | Callable[[Model], Explain]] | Mapping[str, Any]"


def judges(methods: Ways, subject: Subject) -> tuple[Judged, ...]:
    """Each method with its name, the control last.

    methods: names of `methods()`, composites, functions that build an `Explain` for a model, or a dict of names for
    such.
    """
    if isinstance(methods, str):
        methods = (methods,)
    named = dict(methods) if isinstance(methods, Mapping) else {_name(each): each for each in methods}
    named = {name: way for name, way in named.items() if way != CONTROL}
    if not named:
        raise UsageError("methods= is empty; name what is to be judged, such as 'gradient'")
    seed = subject.random_seed
    ways = {name: _maker(way, subject) for name, way in named.items()} | {CONTROL: lambda model: Noise(model, seed)}
    return tuple(Judged(name, make, subject) for name, make in ways.items())


def _name(way: Any) -> str:
    if isinstance(way, (str, Composite)):
        return way if isinstance(way, str) else "composite"
    name = getattr(way, "__name__", "")
    if not callable(way) or not name:
        raise UsageError(f"methods={way!r}: give a name, a composite, a named function, or a dict of names for these")
    return str(name)


def _maker(way: Any, subject: Subject) -> Callable[[Model], Explain]:
    if not isinstance(way, (str, Composite)):
        made: Callable[[Model], Explain] = way
        return made
    return lambda model: Explainer(model, way, baseline=subject.baseline)
