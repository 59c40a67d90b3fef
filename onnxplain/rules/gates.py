"""Relevance at the products of a recurrent cell, in which a gate lets a signal through.

A gate decides how much of a signal passes, and says nothing about the class by itself. So the signal takes all of the
relevance and the gate, which is the side that a sigmoid makes, takes nothing. Sources: Arras et al. 2017, 2019.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from onnxplain.ops import Family
from onnxplain.plan.selector import made_by, op
from onnxplain.rules.lrp import Half
from onnxplain.rules.parts import EPS, Stabilised
from onnxplain.rules.rule import rule

if TYPE_CHECKING:
    from onnxplain.arrays import AnyArray
    from onnxplain.plan.bound import Bound
    from onnxplain.plan.network import Network
    from onnxplain.rules.rule import Rule
    from onnxplain.walk.site import Site

SIGMOID = op("Sigmoid", "HardSigmoid")
"""What makes a gate: its values lie between 0 and 1."""


@rule(Family.BILINEAR)
def signal_takes_all(s: Site, R: AnyArray) -> tuple[AnyArray, ...]:
    """BILINEAR: R as it is to the signal, nothing to the gate."""
    return (R,) * len(s.node.operands)


@dataclass(frozen=True)
class Product(Stabilised):
    """BILINEAR: within a recurrence all of R to a signal that a sigmoid gates; half to each operand elsewhere."""

    eps: float = EPS
    families = frozenset({Family.BILINEAR})

    def placed(self, network: Network, node: Bound) -> tuple[Bound, Rule]:
        """Return the rule that holds for the node; of a gated product, the node with the signal as its only operand."""
        signals = tuple(i for i in node.operands if not made_by(network, node, i, SIGMOID))
        gated = node.loop is not None and not node.op.mixes and len(signals) == 1
        return (replace(node, operands=signals), signal_takes_all) if gated else (node, Half(self.eps))

    def __call__(self, s: Site, R: AnyArray) -> tuple[AnyArray, ...]:
        return Half(self.eps)(s, R)
