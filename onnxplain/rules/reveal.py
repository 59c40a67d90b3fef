"""RevealCancel: DeepLIFT in which what raises an activation's input and what lowers it do not hide each other.

A linear node makes z, and Δz = z₊ + z₋ by the sign of the contributions wΔx. The multipliers m₊ and m₋ of the two parts
walk through that node as their mean μ and half their difference δ:

    Δx > 0: W₊ᵀm₊ + W₋ᵀm₋,  Δx < 0: W₋ᵀm₊ + W₊ᵀm₋,  Δx = 0: ½Wᵀ(m₊ + m₋)  =  Wᵀμ + sign(Δx) |W|ᵀδ

So μ is the message to z, which the linear node hands on by its own rule, and what δ adds goes past it, from the
activation straight to the linear node's operands. The parts follow from z₊ - z₋ = |W| |Δx|.
Source: Shrikumar et al. 2017.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from onnxplain.ops import Family
from onnxplain.rules.deeplift import NEAR
from onnxplain.rules.parts import total
from onnxplain.rules.rule import BASELINE, Rule

if TYPE_CHECKING:
    from onnxplain.arrays import AnyArray
    from onnxplain.plan.bound import Bound
    from onnxplain.plan.network import Network
    from onnxplain.walk.site import Site


@dataclass(frozen=True)
class RevealCancel(Rule):
    """ELEMENTWISE, y = f(z): m₊ = m Δy₊/z₊, Δy₊ = ½[f(z₀+z₊) - f(z₀) + f(z₀+z₋+z₊) - f(z₀+z₋)], m₋ the mirror image.

    linear: the node that adds z up, then those that scale, shift or rearrange the sums; found by `placed`.
    """

    linear: tuple[Bound, ...] = field(default=(), repr=False, compare=False)
    families = frozenset({Family.ELEMENTWISE})
    needs = frozenset({"value", BASELINE})

    def placed(self, network: Network, node: Bound) -> tuple[Bound, RevealCancel]:
        """Return the node with the operands of the linear node beside its own, since they receive a message too."""
        linear = network.feeding(node, node.operands[0], lambda each: each.transparent)[::-1]
        ends = tuple(linear[0].inputs[i] for i in linear[0].operands)
        places = range(len(node.inputs), len(node.inputs) + len(ends))
        return replace(node, inputs=(*node.inputs, *ends), operands=(*node.operands, *places)), RevealCancel(linear)

    def __call__(self, s: Site, m: AnyArray) -> tuple[AnyArray, ...]:
        linear = [s.at(node) for node in self.linear]
        dz, spread = s.x - s.x0, _spread(linear)
        up, down = (dz + spread) / 2, (dz - spread) / 2
        with_up, with_down = s.value_at(s.x0 + up), s.value_at(s.x0 + down)
        above = m * _quotient(s, (s.y - s.y0 + with_up - with_down) / 2, up)
        below = m * _quotient(s, (s.y - s.y0 + with_down - with_up) / 2, down)
        return (above + below) / 2, *_unspread(linear, (above - below) / 2)


def _quotient(s: Site, dy: AnyArray, dz: AnyArray) -> AnyArray:
    """Return dy / dz; where dz is next to nothing its limit, the mean of the slopes at x and at the baseline."""
    near = s.xp.abs(dz) <= NEAR * (1 + s.xp.abs(s.x))
    return s.xp.quotient(dy, dz, near, (s.slope + s.baseline.slope) / 2)


def _spread(linear: list[Site]) -> AnyArray:
    """Return z₊ - z₋ = |W| |Δx|."""
    first, *others = linear
    spread = total(first.apply(first.xp.abs(move), _size(first)) for move in _moves(first))
    for s in others:
        spread = s.apply(spread, _size(s))
    return spread


def _unspread(linear: list[Site], d: AnyArray) -> tuple[AnyArray, ...]:
    """Return sign(Δx) |W|ᵀ δ for each operand."""
    first, *others = linear
    for s in reversed(others):
        back = s.adjoint(d, _size(s))
        d = s.xp.unbroadcast(back[0] if isinstance(back, tuple) else back, s.like(s.node.operands[0]))
    return tuple(first.xp.sign(move) * first.adjoint(d, _size(first)) for move in _moves(first))


def _size(s: Site) -> AnyArray | None:
    """Return |w|; None for a node without a weight."""
    return None if s.w is None else s.xp.abs(s.w)


def _moves(s: Site) -> list[AnyArray]:
    """Return Δx of each operand."""
    return [x - x0 for x, x0 in zip(s.active_xs, s.baseline.active_xs, strict=True)]
