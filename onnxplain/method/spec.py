"""Kinds of methods: what is declared of each. How a kind runs is written in `run/`, one procedure a kind."""

from __future__ import annotations

import inspect
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.method.readout import message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Method:
    """What every method has.

    make: builds what the method runs by from its parameters, a composite or a dataclass of settings; its signature is
    the list of parameters. about: one line, where the docstring of `make` does not say it. seed: what a walk starts
    from by default. baseline: whether the method reads a baseline. conserves: whether its attributions should sum to
    the seed, or to the difference from the baseline.
    """

    name: str
    make: Callable[..., Any]
    _: KW_ONLY
    about: str = ""
    seed: str = "one"
    baseline: bool = False
    conserves: bool = False

    @property
    def summary(self) -> str:
        """One line for people."""
        return self.about or (self.make.__doc__ or "").strip().splitlines()[0]

    @property
    def parameters(self) -> dict[str, Any]:
        """Names of the parameters with their defaults; `inspect.Parameter.empty` where one is required."""
        return {name: p.default for name, p in inspect.signature(self.make).parameters.items()}

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the parameters without a default."""
        return tuple(name for name, default in self.parameters.items() if default is inspect.Parameter.empty)

    def build(self, **parameters: Any) -> Any:
        """What `make` gives, with a clear error for a parameter that is unknown or missing."""
        known = self.parameters
        for name in parameters:
            if name not in known:
                offer = ", ".join(known) or "none"
                raise UsageError(f"method {self.name!r} has no parameter {name!r}; it takes: {offer}")
        missing = [name for name in self.required if name not in parameters]
        if missing:
            raise UsageError(f"method {self.name!r} needs {' and '.join(missing)}")
        return self.make(**parameters)


@dataclass(frozen=True)
class Walk(Method):
    """A method that walks backward; `make` builds its composite.

    readout: (input, baseline, message at the input) -> attribution. With a baseline the walk has a second tape, and
    NORMALISE operators come in primitive steps.
    """

    _: KW_ONLY
    readout: Callable[..., Any] = message


@dataclass(frozen=True)
class Average(Method):
    """A method that averages a walk over samples; `make` builds a sampler of `method/samplers.py`."""


@dataclass(frozen=True)
class Perturbation(Method):
    """A method that perturbs the input; `make` builds a method of `onnxplain/perturb/`.

    presets: settings by name, for `preset=`; a parameter that is given too wins.
    """

    _: KW_ONLY
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        """Those of the method, and `preset` where there are any."""
        return super().parameters | ({"preset": None} if self.presets else {})

    def build(self, preset: str | None = None, **parameters: Any) -> Any:
        """As any method, on top of a preset."""
        if preset is None:
            return super().build(**parameters)
        if not isinstance(preset, str) or preset not in self.presets:
            offer = ", ".join(self.presets) or "none"
            raise UsageError(f"method {self.name!r} has no preset {preset!r}; known: {offer}")
        return super().build(**{**self.presets[preset], **parameters})


@dataclass(frozen=True)
class Cam(Method):
    """A method that weighs the channels of a grid into a map; `make` builds a weigher of `method/cam.py`.

    masks: whether a channel's weight comes from the score of the input that it masks, not from gradients.
    pooled: whether a global average pooling and one linear layer have to follow the grid.
    detail: the walk whose attribution the enlarged map is multiplied by.
    """

    _: KW_ONLY
    masks: bool = False
    pooled: bool = False
    detail: str | None = None
