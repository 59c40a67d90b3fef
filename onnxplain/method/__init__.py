"""All methods by name: how each is planned, seeded and read out."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.method import backward
from onnxplain.method.composite import Composite
from onnxplain.method.readout import contribution, magnitude, message, times_input

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Method:
    """A method that walks backward.

    composite: builds the composite from the method's parameters. seed: what the walk starts from by default.
    readout: (input, baseline, message at the input) -> attribution. baseline: whether a second tape is needed, and
    NORMALISE operators in primitive steps. conserves: whether the attributions should sum to the seed. about: one line,
    where the composite's own does not say it.
    """

    name: str
    composite: Callable[..., Composite]
    seed: str = "one"
    readout: Callable[..., Any] = message
    baseline: bool = False
    conserves: bool = False
    about: str = ""

    @property
    def summary(self) -> str:
        """One line for people."""
        return self.about or (self.composite.__doc__ or "").strip().splitlines()[0]

    @property
    def parameters(self) -> dict[str, Any]:
        """Names of the parameters with their defaults; `inspect.Parameter.empty` where one is required."""
        return {name: p.default for name, p in inspect.signature(self.composite).parameters.items()}

    def build(self, **parameters: Any) -> Composite:
        """The composite, with a clear error for a parameter that is unknown or missing."""
        known = self.parameters
        for name in parameters:
            if name not in known:
                offer = ", ".join(known) or "none"
                raise UsageError(f"method {self.name!r} has no parameter {name!r}; it takes: {offer}")
        missing = [n for n, default in known.items() if default is inspect.Parameter.empty and n not in parameters]
        if missing:
            raise UsageError(f"method {self.name!r} needs {' and '.join(missing)}")
        return self.composite(**parameters)


def _lrp(name: str, composite: Callable[..., Composite]) -> Method:
    return Method(name, composite, seed="logit", conserves=True)


METHODS = {
    method.name: method
    for method in (
        Method("gradient", backward.gradient),
        Method("saliency", backward.gradient, readout=magnitude, about="The magnitude of the gradient."),
        Method("input_x_gradient", backward.gradient, readout=times_input, about="The gradient times the input."),
        Method("deconvnet", backward.deconvnet),
        Method("guided_backprop", backward.guided_backprop),
        _lrp("lrp.zero", backward.lrp_zero),
        _lrp("lrp.epsilon", backward.lrp_epsilon),
        _lrp("lrp.gamma", backward.lrp_gamma),
        _lrp("lrp.alpha_beta", backward.lrp_alpha_beta),
        _lrp("lrp.z_plus", backward.lrp_z_plus),
        _lrp("lrp.epsilon_plus", backward.lrp_epsilon_plus),
        _lrp("lrp.epsilon_plus_flat", backward.lrp_epsilon_plus_flat),
        _lrp("lrp.epsilon_gamma_box", backward.lrp_epsilon_gamma_box),
        _lrp("lrp.epsilon_alpha2_beta1", backward.lrp_epsilon_alpha2_beta1),
        _lrp("lrp.epsilon_alpha2_beta1_flat", backward.lrp_epsilon_alpha2_beta1_flat),
        _lrp("excitation_backprop", backward.excitation_backprop),
        Method("deeplift", backward.deeplift, readout=contribution, baseline=True, conserves=True),
    )
}


def find(name: str | Composite) -> Method:
    """The method of this name, or an error that offers the nearest names; a composite of one's own walks relevance."""
    if isinstance(name, Composite):
        return _lrp("composite", lambda: name)
    if name in METHODS:
        return METHODS[name]
    near = get_close_matches(name, METHODS, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {', '.join(METHODS)}"
    raise UsageError(f"unknown method {name!r}; {hint}")
