"""What the numbers of a method mean where the file leaves that open: quantised networks, and files in half precision.

A quantised network is a staircase, whose derivative is 0 almost everywhere: what a walk takes for it is a definition,
and is stated wherever the numbers are (Jacob et al. 2018 train networks by the same one). The sentences go by the rule
that a plan has at the quantisers, so that they hold for a composite of one's own as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.ops.quantise import CLIP, DOMAIN, RECTIFIER
from onnxplain.rules import gradient, relu
from onnxplain.rules.rule import BASELINE

if TYPE_CHECKING:
    from onnxplain.passes import Canonical
    from onnxplain.plan.plan import Plan
    from onnxplain.rules.rule import Rule

STAIRCASE = (
    "the network is quantised, a staircase whose derivative is 0 almost everywhere: as in quantisation-aware training, "
    "a quantiser is taken for a clip to the range of its integers, with the slope 1 within, and that of "
    "the scores for the identity, at the values that the file computes"
)
EXACT = (
    "the network is quantised, and what is shared out is the difference of the scores that its file computes: by "
    "quotients of differences and no derivative; what rounding adds at a quantiser is shared among the values of a line"
)
PASSED = (
    "the network is quantised: relevance is shared out by the values that the file computes, and a quantiser passes on "
    "what arrives at it"
)
GATED = "a quantiser that begins at zero is taken for the rectifier that it is, and lets through what a rectifier would"


def meaning(canonical: Canonical, plan: Plan | None) -> tuple[str, ...]:
    """Return what has to be known of a method's numbers, in sentences without a capital and a full stop.

    plan: of the method; None where it walks nothing, and so asks the file for nothing but scores.
    """
    steps = () if plan is None else plan.steps
    rules = [rule for node, rule in steps if node.op.domain == DOMAIN and node.op.name in (CLIP, RECTIFIER)]
    said = dict.fromkeys(map(_of_quantiser, rules))
    return (*said, *(_of_half(each) for each in canonical.halves))


def _of_quantiser(rule: Rule) -> str:
    """Return what a rule makes of a quantiser."""
    if BASELINE in rule.needs:
        return EXACT
    if rule in (relu.guided, relu.deconvnet):
        return GATED
    return STAIRCASE if rule is gradient.times_slope else PASSED


def _of_half(kind: str) -> str:
    return f"weights and input are those of the file in {kind}, computed with in float32: nodes round nothing"
