"""Relevance in attention: at the Softmax, and at the product of its weights with the values.

Sources: Achtibat et al. 2024 (AttnLRP), Ali et al. 2022 (conservative propagation).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from onnxplain.ops import Family
from onnxplain.plan.selector import made_by
from onnxplain.rules.parts import EPS, Stabilised, share_out
from onnxplain.rules.rule import rule

if TYPE_CHECKING:
    from onnxplain.arrays import AnyArray
    from onnxplain.plan.bound import Bound
    from onnxplain.plan.network import Network
    from onnxplain.plan.selector import Selector
    from onnxplain.walk.site import Site


@rule(Family.NORMALISE, needs=("gathered",), takes=("bias",))
def taylor(s: Site, R: AnyArray) -> AnyArray:
    """Softmax: x (R - y ΣR), its Taylor expansion at x. A masked x of -∞ takes nothing."""
    arriving = s.xp.where(s.xp.isfinite(s.x), s.x, 0.0)
    leaving = arriving * (R - s.y * s.gathered(R))
    s.absorb("bias", lambda: R - leaving)
    return leaving


@dataclass(frozen=True)
class Held(Stabilised):
    """BILINEAR: all of R, by ε, to the operand that no node of `weights` makes; the other one is a constant."""

    weights: Selector
    eps: float = EPS
    families = frozenset({Family.BILINEAR})

    def placed(self, network: Network, node: Bound) -> tuple[Bound, Held]:
        """Return the node without the operands that are held."""
        kept = tuple(i for i in node.operands if not made_by(network, node, i, self.weights))
        return replace(node, operands=kept), self

    def __call__(self, s: Site, R: AnyArray) -> tuple[AnyArray, ...]:
        shares = s.adjoints(share_out(s, R, self.eps), *s.xs)
        return tuple(x * share for x, share in zip(s.active_xs, shares, strict=True))
