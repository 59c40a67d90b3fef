"""Facts about operators: what an operator computes, never what a method does with it.

Every operator belongs to a family and states the facts of that family, which are a few functions. A node's family is
decided when the graph is bound (`plan/bound.py`), because it depends on which inputs are constants: Mul is BILINEAR,
but a node that multiplies by a constant is AFFINE.

    AFFINE       apply, adjoint           y = A(w) x + b
    BILINEAR     apply, adjoint per side  a product of two activations; AFFINE where one side is a constant
    SUM          apply, adjoint per side  a sum of two activations; AFFINE where one side is a constant
    ELEMENTWISE  slope                    y = f(x), element by element; the slope is dy/dx
    SELECT       winners, place           each element of y is one of the elements of x
    SHAPE        adjoint                  y rearranges, repeats or drops elements of x
    NORMALISE    vjp, frozen              y = x / statistics(x)
    STEP         shares                   y jumps; it is walked where a method compares with a baseline, see `steps`

The adjoint of a linear map is its transpose. `vjp` is the vector-Jacobian product Jᵀ g, where J is the Jacobian dy/dx,
and `frozen` is the same product with the statistics treated as constants.

A fact is a plain function whose parameters are filled by name. `xp` is the namespace of array functions; `x` and `y`
are the node's input and output; `g` is the message (a gradient, relevance or a multiplier) that arrives at the output;
`w` is the weight; `like` is an array of which only the shape is read. Every other parameter is an attribute or an input
of the node, under its ONNX name. Such an input is a constant and is passed as a NumPy array or a Python number. Only
where the operator allows it to be computed by the graph (`Op.runtime`) may it be an array of the engine, and the fact
converts it with `xp.const`.
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
    """The kind of function that a node computes of the inputs that carry messages; see the module's docstring."""

    AFFINE = "AFFINE"
    BILINEAR = "BILINEAR"
    SUM = "SUM"
    ELEMENTWISE = "ELEMENTWISE"
    SELECT = "SELECT"
    SHAPE = "SHAPE"
    NORMALISE = "NORMALISE"
    STEP = "STEP"


STANDARD = ""
"""The domain of ONNX's own operators. Files may also write it as "ai.onnx"."""

STEPS = "onnxplain.steps"
"""The domain under which the facts of ONNX's own operators as STEP operators are registered."""

NEEDED = MappingProxyType(
    {
        Family.AFFINE: ("apply", "adjoint0"),
        Family.BILINEAR: ("apply", "adjoint0", "adjoint1"),
        Family.SUM: ("apply", "adjoint0", "adjoint1"),
        Family.ELEMENTWISE: ("slope",),
        Family.SELECT: ("winners", "place"),
        Family.SHAPE: ("adjoint",),
        Family.NORMALISE: ("vjp", "frozen"),
        Family.STEP: ("shares",),
    }
)
"""The facts that every operator of a family states, by the names under which they are called.

`adjoint0` and `adjoint1` are the transposes in the first and the second side; an AFFINE operator has the first only.
"""


@dataclass(frozen=True)
class Op:
    """An operator with its family and its facts.

    operands: positions of the inputs that may carry a message; None means all of them.
    weight, bias: positions of the weight and the bias among the inputs of an AFFINE operator.
    mixes: whether the weights combine features (Conv, Gemm), rather than scale each one by itself (Mul).
    rectifier: whether the function is a ReLU or a piecewise linear relative of it.
    rounds: whether the function is the identity but for rounding and the range of numbers, as a quantiser is.
    held: positions of inputs through which nothing is walked, whatever they are computed from. Those that are in
    `runtime` too are read by the facts; the others by nobody.
    runtime: positions of further inputs that the graph may compute; all inputs named nowhere here must be constants.
    beside: positions of further outputs that the facts read, each under its ONNX name.
    limits: a function of a node's attributes; it says in words which of them the facts do not cover, or returns "".
    facts: the functions of the family by name, see `NEEDED`; an operator may state more.
    domain: ONNX's domain of the operator, "" for ONNX's own.
    stands_for: name of ONNX's operator that it is but for further inputs, so that selectors of that find it.
    inputs, defaults: names of the inputs and default values of the attributes, for an operator without an ONNX schema.
    """

    name: str
    family: Family
    operands: tuple[int, ...] | None = (0,)
    weight: int | None = None
    bias: int | None = None
    mixes: bool = False
    rectifier: bool = False
    rounds: bool = False
    held: tuple[int, ...] = ()
    runtime: tuple[int, ...] = ()
    beside: tuple[int, ...] = ()
    limits: Callable[[Mapping[str, Any]], str] = field(default=lambda _: "", repr=False)
    facts: Mapping[str, Callable[..., Any]] = field(default_factory=dict, repr=False)
    domain: str = STANDARD
    stands_for: str = ""
    inputs: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def call(self, fact: str, available: Mapping[str, Any], **given: Any) -> Any:
        """Call a fact with the arguments that its signature names.

        Each is taken from `given` or else from `available`; one that is in neither keeps its default.
        """
        function = self.facts[fact]
        names = _parameters(function)
        supplied = {name: available[name] for name in names if name not in given and name in available}
        return function(**supplied, **{name: value for name, value in given.items() if name in names})

    @property
    def full_name(self) -> str:
        """The name with its domain, as error messages give it: `com.microsoft::QuickGelu`."""
        return self.name if self.standard else f"{self.domain}::{self.name}"

    @property
    def standard(self) -> bool:
        """Whether it is an operator of ONNX's own, whose schema names its inputs and attributes."""
        return self.domain in (STANDARD, STEPS)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle domain and name only. The facts are functions, which the other process has to have registered."""
        return _unpickled, (self.domain, self.name)


def _unpickled(domain: str, name: str) -> Op:
    """Return the operator of this process. Raises UsageError where it has not been registered."""
    op = find_op(domain, name)
    if op is None:
        raise UsageError(
            f"this process has no facts about {domain}::{name}: call onnxplain.register_op in it too, "
            "for example in a module that all processes import"
        )
    return op


@cache
def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a function's parameters."""
    return tuple(inspect.signature(function).parameters)


_OPS: dict[tuple[str, str], Op] = {}


def register(op: Op) -> None:
    """Add an operator of this package.

    Raises ValueError where the name is registered already or a fact of the family is missing.
    """
    missing = [fact for fact in NEEDED[op.family] if fact not in op.facts]
    if missing or (op.domain, op.name) in _OPS:
        raise ValueError(f"operator {op.full_name} is registered twice, or states no {' and no '.join(missing)}")
    _OPS[op.domain, op.name] = op


def registry() -> Mapping[tuple[str, str], Op]:
    """Return all operators by (domain, name)."""
    _import_facts()
    return _OPS


def standard_ops() -> Mapping[str, Op]:
    """Return the operators of ONNX's own domain by name."""
    return {name: op for (domain, name), op in registry().items() if domain == STANDARD}


def find_op(domain: str | None, name: str) -> Op | None:
    """Return the operator of this name, or None where there are no facts about it. `domain` is as a node states it."""
    return registry().get((STANDARD if domain in (None, "ai.onnx") else str(domain), name))


@cache
def _import_facts() -> None:
    """Import the modules that register operators. Later calls do nothing."""
    families = ("affine", "bilinear", "elementwise", "select", "shape", "normalise", "steps")
    for name in (*families, "resize", "fourier", "quantise"):
        import_module(f"{__name__}.{name}")


def supported() -> list[tuple[str, str, str]]:
    """Return a row (operator, family, note) for each of ONNX's own operators that has facts.

    The rows are in the order of the families and, within a family, of the names.
    """
    rows = ((op.name, op.family.value, _note(op)) for op in standard_ops().values())
    return sorted(rows, key=lambda row: (list(Family).index(Family(row[1])), row[0]))


def _note(op: Op) -> str:
    """Return what a table of operators adds in words, or ""."""
    if op.family in (Family.BILINEAR, Family.SUM):
        return "AFFINE where one side is a constant"
    return "piecewise linear" if op.rectifier else ""
