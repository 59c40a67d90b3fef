"""STEP operators: y jumps. They compare, combine booleans, round, or choose by a condition that moves.

The derivative of a step is 0 wherever it exists, so that only methods which compare with a baseline x₀ walk it. The
fact `shares(xs, x0s, y, y0)` says what each operand accounts for of a difference Δy, for a unit of its own difference
Δx: the numbers q with Σ q Δx = Δy. For a function of one operand that is Δy/Δx; for a comparison of two, Δy over their
difference; for others the Shapley value of each operand. Where y stands still, nothing is shared out, even where an
operand is infinite.

Several of these operators belong to other families where they do not jump: a Where whose condition stands still
chooses, and the Cast of an integer to a float changes nothing. `find_step` tells which is which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.graph.tensors import numpy_dtype
from onnxplain.ops import STANDARD, STEPS, Family, Op, find_op, register

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace

Shares = tuple["AnyArray", ...]
"""For each operand, Δy for a unit of Δx that it accounts for."""


def step(name: str, shares: Callable[..., Shares], operands: tuple[int, ...] = (0, 1)) -> None:
    """Register a STEP operator by its fact."""
    register(Op(name, Family.STEP, operands=operands, facts={"shares": shares}, domain=STEPS))


def _quotient(xp: Namespace, y: AnyArray, y0: AnyArray, dx: AnyArray) -> AnyArray:
    return xp.quotient(y - y0, dx, y == y0, xp.const(0.0))


def _alone(xp: Namespace, xs: Shares, x0s: Shares, y: AnyArray, y0: AnyArray) -> Shares:
    return (_quotient(xp, y, y0, xs[0] - x0s[0]),)


def _compared(xp: Namespace, xs: Shares, x0s: Shares, y: AnyArray, y0: AnyArray) -> Shares:
    (a, b), (a0, b0) = xs, x0s
    q = _quotient(xp, y, y0, (a - a0) - (b - b0))
    return q, -q


def _middle(xs: Shares, x0s: Shares) -> list[AnyArray]:
    return [(x + x0) / 2 for x, x0 in zip(xs, x0s, strict=True)]


def _and(xs: Shares, x0s: Shares) -> Shares:
    a, b = _middle(xs, x0s)
    return b, a


def _or(xs: Shares, x0s: Shares) -> Shares:
    a, b = _middle(xs, x0s)
    return 1 - b, 1 - a


def _xor(xs: Shares, x0s: Shares) -> Shares:
    a, b = _middle(xs, x0s)
    return 1 - 2 * b, 1 - 2 * a


def _where(xp: Namespace, xs: Shares, x0s: Shares) -> Shares:
    """Return the shares of y = c a + (1 - c) b. A branch that is -∞ counts only where the condition moves."""
    c, a, b = _middle(xs, x0s)
    return xp.where(xs[0] == x0s[0], 0.0, a - b), c, 1 - c


for _name in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal"):
    step(_name, _compared)
for _name in ("Cast", "Ceil", "Floor", "IsInf", "IsNaN", "Not", "Round", "Sign"):
    step(_name, _alone, operands=(0,))
step("And", _and)
step("Or", _or)
step("Xor", _xor)
step("Where", _where, operands=(0, 1, 2))


def find_step(node: gs.Node, moving: Collection[str]) -> Op | None:
    """Return the facts about a node for a method that compares with a baseline; None where there are none.

    moving: names of the values that differ from those of the baseline.
    """
    jumps = (node.op != "Where" or node.inputs[0].name in moving) and (node.op != "Cast" or _narrows(node))
    own = find_op(STEPS, node.op) if jumps and node.domain in (None, STANDARD, "ai.onnx") else None
    return own or find_op(node.domain, node.op)


def _narrows(cast: gs.Node) -> bool:
    """Whether a Cast rounds: to integers or booleans that cannot hold every number of the type that it reads."""
    source, target = (numpy_dtype(value) for value in (cast.inputs[0], cast.outputs[0]))
    return source is not None and target is not None and target.kind in "biu" and not np.can_cast(source, target)
