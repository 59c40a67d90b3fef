"""DeepLIFT: the message is a multiplier m, such that m Δx is what a difference Δx from the baseline contributes.

At every node Σ m_in Δx = m_out Δy, with the sum over the operands. AFFINE nodes take the rule of the gradient, which
DeepLIFT calls the Linear rule. An infinity that both runs have, such as a masked score of -∞, is no difference: what is
masked takes nothing. Sources: Shrikumar et al. 2017; products and maxima as in Lundberg & Lee 2017.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from onnxplain.ops import Family
from onnxplain.plan.selector import made_by
from onnxplain.rules.rule import BASELINE, Rule, rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import AnyArray
    from onnxplain.plan.bound import Bound
    from onnxplain.plan.network import Network
    from onnxplain.plan.selector import Selector
    from onnxplain.walk.site import Site

NEAR = 1e-6
"""Where |Δx| <= NEAR (1 + |x|) the quotient Δy/Δx would be rounding noise, and the slope at the midpoint is taken."""


@rule(Family.ELEMENTWISE, needs=(BASELINE,))
def rescale(s: Site, m: AnyArray) -> AnyArray:
    """ELEMENTWISE: m Δy/Δx."""
    dx, near = _moved(s)
    slope = s.slope_at((s.x + s.x0) / 2, (s.y + s.y0) / 2)
    if s.node.lacks("value"):  # a root has no slope at 0, where nothing differs and any number shares out nothing
        slope = s.xp.where(s.xp.isfinite(slope), slope, 0.0)
    return m * s.xp.quotient(s.y - s.y0, dx, near, slope)


@rule(Family.ELEMENTWISE, needs=(BASELINE, "value"))
def rescale_rounded(s: Site, m: AnyArray) -> AnyArray:
    """ELEMENTWISE y = f(x) + r, r being what rounding adds: m q + q Δx Σ m Δr / Σ q Δx², q = Δf/Δx.

    Where |Δx| is less than a step of the integers, Δy/Δx would be huge or 0. What Δr contributes is shared out instead
    in proportion to q Δx², which is the smallest change of the multipliers m q that completes. The sums run over a
    line of the last axis that is longer than 1: no axis in front is needed, on which rows may lie.
    """
    dx, near = _moved(s)
    q = s.xp.quotient(s.value_at(s.x) - s.value_at(s.x0), dx, near, s.slope_at((s.x + s.x0) / 2, s.y))
    line = _line(dx.shape)
    added = s.xp.sum(m * (s.y - s.y0 - q * dx), line)
    spread = s.xp.sum(q * dx * dx, line)
    return m * q + q * dx * s.xp.quotient(added, spread, ~(spread > 0), s.xp.const(0.0))


def _moved(s: Site) -> tuple[AnyArray, AnyArray]:
    """Return Δx, and where it is too small to divide by."""
    dx = s.x - s.x0
    return dx, ~(s.xp.abs(dx) > NEAR * (1 + s.xp.abs(s.x)))  # holds for the NaN of two equal infinities too


def _line(shape: Sequence[Any]) -> tuple[int]:
    """Return the last axis that is longer than 1; the last one, where only the first is."""
    return (next((axis for axis in range(len(shape) - 1, 0, -1) if shape[axis] != 1), len(shape) - 1),)


@rule(Family.SELECT, needs=(BASELINE,))
def cross_max(s: Site, m: AnyArray) -> tuple[AnyArray, ...]:
    """SELECT: Δy = (top - y₀) + (y - top), top = max(y, y₀): the first to the winner of x, the second to x₀'s."""
    top = s.xp.maximum(s.y, s.y0)
    gained = s.place(m * (top - s.y0), s.winners)
    given_up = s.place(m * (s.y - top), s.baseline.winners)
    parts = zip(gained, given_up, s.active_xs, s.baseline.active_xs, strict=True)
    return tuple(s.xp.quotient(a + b, x - x0, x == x0, s.xp.const(0.0)) for a, b, x, x0 in parts)


@rule(Family.BILINEAR, needs=(BASELINE,))
def shapley(s: Site, m: AnyArray) -> tuple[AnyArray, ...]:
    """BILINEAR: the Shapley value of each operand, which is its transpose at the midpoint of the other.

    ½[f(1,1) - f(0,1) + f(1,0) - f(0,0)], where 1 stands for the input and 0 for the baseline.
    """
    return s.adjoints(m, *((x + x0) / 2 for x, x0 in zip(s.xs, s.baseline.xs, strict=True)))


@dataclass(frozen=True)
class Quotient(Rule):
    """BILINEAR y = a r with r = 1/d: the Shapley value of a = y d, solved for y: Δy = (Δa - ȳ Δd)/d̄, with means ȳ, d̄.

    At a baseline where d is nearly 0, as that of a norm of nothing, 1/d is huge while y is not. In the shares of a
    and of 1/d it would cancel; here it does not occur. inverse: the nodes that make r.
    """

    inverse: Selector
    side: int = -1
    families = frozenset({Family.BILINEAR})
    needs = frozenset({BASELINE})

    def placed(self, network: Network, node: Bound) -> tuple[Bound, Quotient]:
        """Return the rule with the position of r."""
        return node, replace(self, side=next(i for i in (1, 0) if made_by(network, node, i, self.inverse)))

    def __call__(self, s: Site, m: AnyArray) -> tuple[AnyArray, ...]:
        r, r0 = s.xs[self.side], s.baseline.xs[self.side]
        held = [(s.y + s.y0) / (r + r0), 2 * r * (r0 / (r + r0))]
        return s.adjoints(m, *(held if self.side else held[::-1]))


@rule(Family.STEP, needs=(BASELINE,))
def jump(s: Site, m: AnyArray) -> tuple[AnyArray, ...]:
    """STEP: m q, where q Δx is what each operand accounts for of Δy."""
    return tuple(m * q for q in s.shares())
