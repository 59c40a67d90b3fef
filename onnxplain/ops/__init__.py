"""Facts about operators: what an op is, never what a method does with it.

Every op belongs to a family and states one or two facts. The family is that of the function that a node computes, so
it is decided node by node when a graph is bound (`plan/bound.py`): a product with a constant is AFFINE.

    AFFINE       apply, adjoint          y = A(w) x + b
    BILINEAR     apply, adjoint per side a product of two activations; with one constant side it is AFFINE
    SUM          adjoint per side        a sum of two activations; with one constant side it is AFFINE
    ELEMENTWISE  slope                   y = f(x), dy/dx
    SELECT       winners, place          y is one of the elements of x
    SHAPE        adjoint                 y rearranges, repeats or drops elements of x
    NORMALISE    vjp, frozen             y = x / statistics(x); `frozen` is the vjp with the statistics held fixed

A fact is a plain function. Its parameters are filled by name: `xp` is the namespace of array functions, `x` and `y` are
the node's input and output, `g` is the message that arrives at the output, `w` the weight, and `like` an array that is
read for its shape only. Any other parameter is an attribute or an input of the node under its ONNX name; an input is
passed as a constant in NumPy, unless the op says that it may be computed: then the fact passes it through `xp.const`.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError

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


STANDARD = ""
"""The domain of ONNX's own operators. Files may also write it as "ai.onnx"."""

NEEDED = MappingProxyType(
    {
        Family.AFFINE: ("apply", "adjoint0"),
        Family.BILINEAR: ("apply", "adjoint0", "adjoint1"),
        Family.SUM: ("apply", "adjoint0", "adjoint1"),
        Family.ELEMENTWISE: ("slope",),
        Family.SELECT: ("winners", "place"),
        Family.SHAPE: ("adjoint",),
        Family.NORMALISE: ("vjp", "frozen"),
    }
)
"""The facts that every op of a family states. Its rules can rely on them."""


@dataclass(frozen=True)
class Op:
    """An operator: its family and its facts.

    operands: positions of the inputs that may carry relevance; None means all of them.
    weight, bias: positions of the constants of an affine op.
    mixes: whether the weights combine features (Conv, Gemm), as opposed to scaling each one (Mul).
    rectifier: whether the function is a ReLU or one of its piecewise linear kin.
    runtime: positions of further inputs that may be computed by the graph; all others have to be constants.
    limits: names what of a node's attributes the facts do not cover, "" where they cover all.
    inputs, defaults: names of the inputs and defaults of the attributes, for an op of which ONNX has no schema.
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
    domain: str = STANDARD
    inputs: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def call(self, fact: str, available: Mapping[str, Any], **given: Any) -> Any:
        """Call a fact with the arguments that it names, from `given` first and `available` second."""
        function = self.facts[fact]
        names = _parameters(function)
        supplied = {name: available[name] for name in names if name not in given and name in available}
        return function(**supplied, **{name: value for name, value in given.items() if name in names})

    @property
    def full_name(self) -> str:
        """The name with the domain in front, as error messages give it: `com.microsoft::QuickGelu`."""
        return f"{self.domain}::{self.name}" if self.domain else self.name

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the name alone: the facts are functions, which the other process has registered itself."""
        return _unpickled, (self.domain, self.name)


def _unpickled(domain: str, name: str) -> Op:
    op = find_op(domain, name)
    if op is None:
        raise UsageError(
            f"this process has no facts about {domain}::{name}: call onnxplain.register_op in it too, "
            "for example in a module that all processes import"
        )
    return op


@cache
def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


_OPS: dict[tuple[str, str], Op] = {}


def register(op: Op) -> None:
    """Add one of this package's ops. A name is registered once, with all facts of its family."""
    missing = [fact for fact in NEEDED[op.family] if fact not in op.facts]
    if missing or (op.domain, op.name) in _OPS:
        raise ValueError(f"operator {op.full_name} is registered twice, or states no {' and no '.join(missing)}")
    _OPS[op.domain, op.name] = op


def registry() -> Mapping[tuple[str, str], Op]:
    """Return all ops by domain and name."""
    _import_facts()
    return _OPS


def standard_ops() -> Mapping[str, Op]:
    """Return the ops of ONNX's own domain by name."""
    return {name: op for (domain, name), op in registry().items() if domain == STANDARD}


def find_op(domain: str | None, name: str) -> Op | None:
    """Return the op of this domain, as a node states it, and name; None for one without facts."""
    return registry().get((STANDARD if domain in (None, "ai.onnx") else str(domain), name))


@cache
def _import_facts() -> None:
    """Import the families, which register their ops, on first use."""
    for family in ("affine", "bilinear", "elementwise", "select", "shape", "resize", "normalise"):
        import_module(f"{__name__}.{family}")


def supported() -> list[tuple[str, str, str]]:
    """Return a row (operator, family, note) for each of ONNX's own operators that has facts, by family and name."""
    rows = ((op.name, op.family.value, _note(op)) for op in standard_ops().values())
    return sorted(rows, key=lambda row: (list(Family).index(Family(row[1])), row[0]))


def _note(op: Op) -> str:
    if op.family in (Family.BILINEAR, Family.SUM):
        return "AFFINE where one side is a constant"
    return "piecewise linear" if op.rectifier else ""
