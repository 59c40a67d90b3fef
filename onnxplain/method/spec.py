"""What is declared of every method. Each kind of method stands in a file of its own, beside how it runs."""

from __future__ import annotations

import inspect
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.method.hints import parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True)
class MethodSpec:
    """A method as it is declared, for any model.

    make: builds what the method runs by from its parameters, a composite or a dataclass of settings; its signature is
    the list of parameters. about: one line for people, where the docstring of `make` does not say it.
    seed: the seed that the method starts from by itself. baseline: whether the method reads a baseline.
    conserves: whether its attributions should sum to the seed, or to the difference from the baseline.
    """

    name: str
    make: Callable[..., Any]
    _: KW_ONLY
    about: str = ""
    seed: str = "one"
    baseline: bool = False
    conserves: bool = False

    @property
    def compares(self) -> bool:
        """Whether a walk of the method starts at points beside the input, or compares with one."""
        return False

    @property
    def background(self) -> bool:
        """Whether a baseline of several rows is a background for every row, and not one baseline for each row."""
        return False

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

    def check(self, given: Iterable[str], known: Mapping[str, Any]) -> None:
        """Raise UsageError for a keyword that is none of the `known` parameters: the method's own and its walk's."""
        for name in given:
            if name not in known:
                hint = parameter(name, known)
                offer = ", ".join(known) or "none"
                said = f"method {self.name!r} has no parameter {name!r}{hint and f': {hint}'}"
                raise UsageError(f"{said}{'' if said.endswith('?') else ';'} it takes: {offer}")

    def build(self, **parameters: Any) -> Any:
        """Return what `make` builds. Raises UsageError for a parameter that is unknown or missing."""
        self.check(parameters, self.parameters)
        missing = [name for name in self.required if name not in parameters]
        if missing:
            raise UsageError(f"method {self.name!r} needs {' and '.join(missing)}")
        return self.make(**parameters)
