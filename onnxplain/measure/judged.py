"""The explanations that are judged: methods by name, functions of one's own, and noise as the control."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeAlias
from zlib import crc32

import numpy as np

from onnxplain.errors import BadInputError, UsageError
from onnxplain.explainer import Explainer
from onnxplain.explanation import Explanation
from onnxplain.method.naming import is_method, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from onnxplain.arrays import Array
    from onnxplain.inputs.batch import Batch
    from onnxplain.measure.evaluation_set import EvaluationSet
    from onnxplain.model import Model
    from onnxplain.plan.composite import Composite

Explain: TypeAlias = "Callable[[dict[str, Array], list[int]], Explanation | Array]"
"""From all inputs by name and a class index per row to an attribution like the explained input."""
CONTROL = "random"
_EXPECTED = "expected a name, a composite, a named function of a model, a list of these, or a dict of names for these"


@dataclass(frozen=True)
class Maps:
    """Attributions of some rows, and Σ attribution - what it should sum to, where the method says."""

    attribution: Array
    delta: Array | None = None


@dataclass
class Judged:
    """One method: `make` builds its `Explain` for a model, and for copies of it whose weights are random.

    name: what it is called in the results. method: its name in `methods()`, or else the same.
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
        """Explanations of the data's rows."""
        return self.at(self.data.batch, list(self.data.target))

    def at(self, batch: Batch, target: list[int], explain: Explain | None = None) -> Maps:
        """Explanations of other rows, or by the method on another model."""
        found = (explain or self.explain)(batch.feeds, target)
        maps = Maps(found.attribution, found.delta) if isinstance(found, Explanation) else Maps(self._array(found))
        if not np.isfinite(maps.attribution).all():
            raise BadInputError(f"method {self.name!r}: NaN or Inf in its attributions; nothing can be judged by them")
        plane = self.data.plane
        have, due = plane(maps.attribution).shape, plane(batch.x).shape
        if have != due:
            raise BadInputError(f"method {self.name!r}: relevance of shape {have} for inputs of shape {due}")
        return maps

    def _array(self, found: Any) -> Array:
        try:
            array = np.asarray(found)
        except (TypeError, ValueError, RuntimeError):
            array = np.asarray("")
        if array.dtype.kind not in "fiub":
            raise BadInputError(
                f"method {self.name!r} gave {type(found).__name__} for attributions: expected numbers or an Explanation"
            )
        return array

    @cached_property
    def relevance(self) -> Array:
        """Attribution per position, channels summed, in float64."""
        return self.data.plane(self.maps.attribution.astype(np.float64))


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


def judges(methods: Ways, data: EvaluationSet) -> tuple[Judged, ...]:
    """Each method with its name, the control last.

    methods: names of `methods()`, composites, functions that build an `Explain` for a model, or a dict of names for
    such. Raises UsageError for anything else, and where two would have one name.
    """
    ways = _named(methods)
    if not ways:
        raise UsageError("methods= is empty; name what is to be judged, such as 'gradient'")
    noise = partial(Noise, random_seed=data.random_seed)
    judged = [Judged(name, _own(way, name), _maker(way, name, data), data) for name, way in ways.items()]
    return (*judged, Judged(CONTROL, CONTROL, noise, data))


def _named(methods: Any) -> dict[str, Any]:
    """Each way by its name; the control, which is always judged, is not among them."""
    found = named(methods, lambda way: is_method(way) or callable(way), _EXPECTED)
    if not isinstance(found.pop(CONTROL, CONTROL), str):
        raise UsageError(f"methods= has two called {CONTROL!r}: pass a dict, with a name of its own for each")
    return found


def _own(way: Any, name: str) -> str:
    return way if isinstance(way, str) else name


def _maker(way: Any, name: str, data: EvaluationSet) -> Callable[[Model], Explain]:
    def make(model: Model) -> Explain:
        if is_method(way):
            return Explainer(model, way, baseline=data.baseline)
        made: Explain = way(model)
        if not callable(made):
            raise UsageError(f"method {name!r} made {made!r} of the model: expected a function of inputs and targets")
        return made

    return make
