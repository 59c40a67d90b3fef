"""What a function body of our own is written from, and the lines of one in ONNX's text format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from onnxplain.arrays import Array


@dataclass(frozen=True)
class Given:
    """What a body depends on.

    shape: of the node's first input, as far as it is known. attrs: values of its attributes by name, defaults included.
    inputs: names, as in the operator's schema, of the inputs that the node has. constants: values of those among them
    that are constants. shapes: of the inputs by name. read: names of the outputs that something reads. `given[name]` is
    an attribute.
    """

    shape: Sequence[int | str | None]
    attrs: Mapping[str, Any]
    inputs: frozenset[str]
    constants: Mapping[str, Array] = field(default_factory=dict)
    shapes: Mapping[str, Sequence[int | str | None] | None] = field(default_factory=dict)
    read: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> Any:
        return self.attrs[name]

    @property
    def rank(self) -> int:
        """The number of axes of the node's first input."""
        return len(self.shape)

    @property
    def last(self) -> range:
        """The axes from the attribute `axis` to the last one."""
        return range(self["axis"] % self.rank, self.rank)

    def length(self, axis: int) -> int | None:
        """Return the length of an axis of the first input; None where the file leaves it open, or it is 0."""
        length = self.shape[axis]
        return length if isinstance(length, int) and length > 0 else None


class Lines:
    """The lines of a body. Calling it adds a node, and returns the name of what the node computes.

    like: the value, an input of the operator, whose dtype the numbers of the body have.
    """

    def __init__(self, like: str) -> None:
        self._like = like
        self._lines: list[str] = []

    def __call__(self, op: str, *inputs: str, **attrs: Any) -> str:
        """Add a node of one output."""
        name = f"V{len(self._lines)}"
        given = ", ".join(f"{key} = {_written(value)}" for key, value in attrs.items())
        self._lines.append(f"{name} = {op} {f'<{given}> ' if given else ''}({', '.join(inputs)})")
        return name

    def ints(self, values: Iterable[int]) -> str:
        """Add a vector of integers."""
        return self("Constant", value_ints=list(map(int, values)))

    def number(self, value: float) -> str:
        """Add a number in the dtype of `like`."""
        return self("CastLike", self("Constant", value_float=float(value)), self._like)

    def cut(self, x: str, axis: int, start: int, stop: int, step: int = 1) -> str:
        """Add a slice along one axis."""
        return self("Slice", x, *(self.ints([each]) for each in (start, stop, axis, step)))

    def text(self, **outputs: str) -> str:
        """Return the body, in which the outputs of these names have the values of these names."""
        ends = [f"{name} = Identity ({value})" for name, value in outputs.items()]
        return "\n".join([*self._lines, *ends])


def _written(value: Any) -> str:
    """Return the value of an attribute as ONNX's text format writes it."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (list, tuple, range)):
        return f"[{', '.join(map(_written, value))}]"
    return repr(value)
