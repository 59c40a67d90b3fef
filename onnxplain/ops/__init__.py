"""Facts about operators: what an op is, never what a method does with it.

Every op belongs to a family and states one or two facts; `bind` decides the family node by node.

    AFFINE       apply, adjoint          y = A(w) x + b
    BILINEAR     apply, adjoint per side a product of two activations; with one constant side it is AFFINE
    SUM          adjoint per side        a sum of two activations; with one constant side it is AFFINE
    ELEMENTWISE  slope                   y = f(x), dy/dx
    SELECT       winners, place          y is one of the elements of x
    SHAPE        adjoint                 y rearranges, repeats or drops elements of x
    NORMALISE    vjp, frozen             y = x / statistics(x); `frozen` is the vjp with the statistics held fixed

A fact is a plain function. Its parameters are filled by name: `xp` the namespace, `x`/`y` input and output, `g` the
message, `w` the weight, `like` an array read for its shape, and any attribute or input under its ONNX name. An input
arrives as a constant, unless the op says that it may be computed: then the fact passes it through `xp.const`.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Family(StrEnum):
    """What kind of function a node computes of its operands."""

    AFFINE = "AFFINE"
    BILINEAR = "BILINEAR"
    SUM = "SUM"
    ELEMENTWISE = "ELEMENTWISE"
    SELECT = "SELECT"
    SHAPE = "SHAPE"
    NORMALISE = "NORMALISE"


@dataclass(frozen=True)
class Op:
    """An operator: its family and its facts.

    operands: positions of the inputs that may carry relevance; None means all of them.
    weight, bias: positions of the constants of an affine op.
    mixes: whether the weights combine features (Conv, Gemm), as opposed to scaling each (Mul).
    rectifier: whether the function is a ReLU or one of its piecewise linear kin.
    runtime: positions of further inputs that may be computed by the graph; all others have to be constants.
    limits: names what of a node's attributes the facts do not cover, "" where they do.
    """

    name: str
    family: Family
    operands: tuple[int, ...] | None = (0,)
    weight: int | None = None
    bias: int | None = None
    mixes: bool = False
    rectifier: bool = False
    runtime: tuple[int, ...] = ()
    limits: Callable[[Mapping[str, Any]], str] = field(default=lambda _: "", repr=False)
    facts: Mapping[str, Callable[..., Any]] = field(default_factory=dict, repr=False)

    def call(self, fact: str, available: Mapping[str, Any], **given: Any) -> Any:
        """Call a fact with the arguments it names, from `given` first and `available` second."""
        function = self.facts[fact]
        names = _parameters(function)
        supplied = {name: available[name] for name in names if name not in given and name in available}
        return function(**supplied, **{name: value for name, value in given.items() if name in names})


@cache
def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


_OPS: dict[str, Op] = {}


def register(op: Op) -> None:
    """Add an op; a name is registered once."""
    if op.name in _OPS:
        raise ValueError(f"operator {op.name} is registered twice")
    _OPS[op.name] = op


@cache
def registry() -> Mapping[str, Op]:
    """All ops by ONNX name; the families are imported on first use."""
    for family in ("affine", "bilinear", "elementwise", "select", "shape", "resize", "normalise"):
        import_module(f"{__name__}.{family}")
    return _OPS


def supported() -> list[tuple[str, str, str]]:
    """A row (operator, family, note) for each op that has facts, by family and name."""
    rows = ((op.name, op.family.value, _note(op)) for op in registry().values())
    return sorted(rows, key=lambda row: (list(Family).index(Family(row[1])), row[0]))


def _note(op: Op) -> str:
    if op.family in (Family.BILINEAR, Family.SUM):
        return "AFFINE where one side is a constant"
    return "piecewise linear" if op.rectifier else ""
