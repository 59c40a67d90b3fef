"""Standard forms of operators that onnxruntime has beside those of ONNX, and what a form may ask of its node.

A form is a function that returns the lines of a function body in ONNX's text format, in which the inputs and outputs of
the node have the names that `standard` states:

    @standard("QuickGelu", "X -> Y", alpha=1.702)
    def _quick(n: Fused) -> str:
        return f"Y = Swish <alpha: float = {n['alpha']}> (X)"

Where a node has no such form, the function raises CannotError, which says why. The node then stays as it is, and what
has to walk through it says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.passes.edit import producer, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array

    Make = Callable[["Fused"], str]

MICROSOFT = "com.microsoft"


class CannotError(Exception):
    """A node has no standard form; the message completes the sentence "it has no standard form, because ..."."""


@dataclass(frozen=True)
class Form:
    """How an operator is written in standard ones: the names of its inputs and outputs, its defaults, and its body."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    defaults: Mapping[str, Any]
    make: Make


FORMS: dict[tuple[str, str], Form] = {}
"""By domain and operator."""


def standard(op: str, signature: str, domain: str = MICROSOFT, **defaults: Any) -> Callable[[Make], Make]:
    """Register the decorated function as the form of an operator.

    signature: "inputs -> outputs", by name and in order. defaults: the values of attributes that a node may leave out;
    for the others a form asks `n.attrs`.
    """
    inputs, outputs = (tuple(each.split()) for each in signature.split("->"))

    def register(make: Make) -> Make:
        FORMS[domain, op] = Form(inputs, outputs, defaults, make)
        return make

    return register


@dataclass(frozen=True)
class Fused:
    """What a form may ask of its node. `n[name]` is an attribute or its default, `name in n` whether an input is there.

    results: ids of the outputs of the graph. weights: constants that take the place of inputs, by the name of the
    input; a form adds to it.
    """

    node: gs.Node
    form: Form
    results: Collection[int] = ()
    weights: dict[str, Array] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.node.attrs.get(name, self.form.defaults.get(name))

    def __contains__(self, name: str) -> bool:
        return self._input(name) is not None

    def _input(self, name: str) -> gs.Tensor | None:
        place = self.form.inputs.index(name)
        found = self.node.inputs[place] if place < len(self.node.inputs) else None
        return None if found is None or found.is_empty() else found

    @property
    def attrs(self) -> Mapping[str, Any]:
        """The attributes that the node states."""
        return self.node.attrs

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs that are read."""
        pairs = zip(self.form.outputs, self.node.outputs, strict=False)
        return tuple(name for name, value in pairs if value.outputs or id(value) in self.results)

    def shape(self, name: str) -> list[Any]:
        """Return the shape of an input. Raises CannotError where not even the number of axes is known."""
        found = self._input(name)
        if found is None or found.shape is None:
            raise CannotError(f"the shape of its input {name!r} is not known")
        return list(found.shape)

    def size(self, name: str, axis: int) -> int:
        """Return the length of an axis of an input. Raises CannotError where it is not known."""
        found = self.shape(name)[axis]
        if not isinstance(found, (int, np.integer)):
            raise CannotError(f"the size of its input {name!r} is not known")
        return int(found)

    def values(self, name: str) -> Array:
        """Return the values of an input. Raises CannotError where it is no constant."""
        found = self._input(name)
        known = None if found is None else values_of(found)
        if known is None:
            raise CannotError(f"its input {name!r} is computed")
        return known

    def made_by(self, name: str, op: str) -> bool:
        """Return whether an input is the output of ONNX's operator `op`, which may be reshaped behind it."""
        found = self._input(name)
        while found is not None and (reshape := producer(found, "Reshape")):
            found = reshape.inputs[0]
        return found is not None and producer(found, op) is not None

    def unused(self, *names: str) -> None:
        """Raise CannotError where something reads one of these outputs."""
        for name in names:
            if name in self.outputs:
                raise CannotError(f"its output {name!r} is read")

    def absent(self, *names: str) -> None:
        """Raise CannotError where the node has one of these inputs."""
        for name in names:
            if name in self:
                raise CannotError(f"it has the input {name!r}")

    def passed(self, *names: str) -> str:
        """Return those of these attributes that the node has or that have a default, as they are written in a body."""
        given = {name: self[name] for name in names if self[name] not in (None, [])}
        return f"<{', '.join(f'{name} = {_written(value)}' for name, value in given.items())}>" if given else ""


def _written(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def number(name: str, value: float, like: str) -> str:
    """Return lines that define `name`, a scalar in the dtype of the value `like`."""
    return f"""
        {name}_f32 = Constant <value_float: float = {float(value)!r}> ()
        {name} = CastLike ({name}_f32, {like})"""


def integers(name: str, *values: int) -> str:
    """Return a line that defines `name`, a vector of integers."""
    return f"""
        {name} = Constant <value_ints: ints = {list(values)}> ()"""
