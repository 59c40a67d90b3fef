"""The methods that walk backward: each is a table from families to rules, which changes a few entries of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain import checks
from onnxplain.method.readout import contribution, magnitude, times_input
from onnxplain.method.walk_method import WalkSpec
from onnxplain.ops import Family
from onnxplain.plan.composite import Composite, Refuse
from onnxplain.plan.selector import (
    activation,
    attending,
    family,
    fed_by,
    first,
    made_of,
    op,
    rectifier,
    rounding,
    scaled_by,
    units,
    weighted,
)
from onnxplain.rules import attention, gates, lrp, relu
from onnxplain.rules import deeplift as dl
from onnxplain.rules import gradient as grad
from onnxplain.rules.parts import EPS
from onnxplain.rules.reveal import RevealCancel

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.plan.composite import Table
    from onnxplain.plan.selector import Selector
    from onnxplain.rules.rule import Rule

GRADIENT: dict[Family, Rule] = {
    Family.AFFINE: grad.transpose,
    Family.SUM: grad.copy,
    Family.ELEMENTWISE: grad.times_slope,
    Family.SELECT: grad.route,
    Family.BILINEAR: grad.product,
    Family.SHAPE: grad.unshape,
    Family.NORMALISE: grad.vjp,
}
DEEPLIFT: dict[Family, Rule] = GRADIENT | {
    Family.ELEMENTWISE: dl.rescale,
    Family.SELECT: dl.cross_max,
    Family.BILINEAR: dl.shapley,
    Family.STEP: dl.jump,
    Family.NORMALISE: Refuse("DeepLIFT needs this operator in primitive steps, and it could not be expanded"),
}
WHOLE = op("TopK"), Refuse("which element differs is found by sorting in steps, which needs a known length and K")


def _preset(base: Table, *rules: tuple[Selector, Rule]) -> Composite:
    return Composite(base, rules, preset=True)


CONVOLUTION = op("Conv", "ConvTranspose") & weighted
SOFTMAX = op("Softmax")
ROOT = op("Sqrt")
NORM = op("Reciprocal") & made_of(ROOT | op("Clip", "Max") & made_of(ROOT))
"""What divides by the root of a mean or a sum of squares, which may be kept from 0 by a lower bound."""


ROUNDED = op("onnxplain::FakeQuantize", "onnxplain::FakeQuantizeRelu"), dl.rescale_rounded
BY_NORM = scaled_by(NORM), dl.Quotient(NORM)


def gradient() -> Composite:
    """The derivative of the score with respect to the input."""
    return _preset(GRADIENT)


def gated(rule: Rule, force: bool = False) -> Composite:
    """The gradient with `rule` at every rectifier; smooth activations refuse unless `force` takes their gradient."""
    rules: list[tuple[Selector, Rule]] = [(rectifier, rule)]
    checks.flag(force=force)
    if not force:
        refusal = Refuse("undefined on an activation that is no rectifier; force=True uses its gradient there")
        rules.append((family(Family.ELEMENTWISE) & ~rounding, refusal))
    return _preset(GRADIENT, *rules)


def deconvnet(force: bool = False) -> Composite:
    """The gradient with the ReLU applied to the message instead of its slope."""
    return gated(relu.deconvnet, force)


def guided_backprop(force: bool = False) -> Composite:
    """The gradient that keeps only positive messages through active ReLUs."""
    return gated(relu.guided, force)


def deeplift() -> Composite:
    """Multipliers of the difference from a baseline: Linear, Rescale, cross-max and two-input Shapley rules."""
    return _preset(DEEPLIFT, WHOLE, BY_NORM, ROUNDED)


def reveal_cancel(everywhere: bool = False) -> Composite:
    """DeepLIFT that keeps apart what raises and what lowers an activation, behind dense layers or everywhere.

    Everywhere: behind convolutions and sums too. Behind anything else, such as a pool, there is nothing to keep apart.
    """
    checks.flag(everywhere=everywhere)
    linear = weighted | family(Family.SUM) if everywhere else weighted & ~CONVOLUTION
    return _preset(DEEPLIFT, WHOLE, BY_NORM, (activation & fed_by(linear), RevealCancel()), ROUNDED)


def table_lrp(eps: float) -> dict[Family, Rule]:
    """The LRP table: the ε rule wherever contributions add up, activations pass."""
    return GRADIENT | {
        Family.AFFINE: lrp.Epsilon(eps),
        Family.SUM: lrp.Split(eps),
        Family.ELEMENTWISE: lrp.keep,
        Family.BILINEAR: gates.Product(eps),
        Family.NORMALISE: lrp.Frozen(eps),
    }


def on_input(rule: Rule, where: Selector = first) -> tuple[tuple[Selector, Rule], ...]:
    """The pairs for a rule at the first layer: what it gives to the input passes a normalisation in the file as it is.

    There ε would give x/(x - μ) times the relevance to x, and the rest to the shift.
    """
    return (units, lrp.keep), (where, rule)


def on_pixels(eps: float) -> tuple[tuple[Selector, Rule], ...]:
    """Flat at a first convolution; a first dense layer would give the same to every column of a table."""
    return on_input(lrp.Flat(eps), first & CONVOLUTION)


def lrp_zero() -> Composite:
    """LRP-0: relevance in proportion to contributions, nothing stabilised; 0/0 = 0."""
    return _preset(table_lrp(0.0))


def lrp_epsilon(eps: float = EPS) -> Composite:
    """LRP-ε: in proportion to contributions, the denominator kept from 0 by eps."""
    return _preset(table_lrp(eps))


def lrp_gamma(gamma: float = lrp.Gamma.gamma, eps: float = EPS) -> Composite:
    """LRP-γ at every weighted node: contributions of the output's sign are favoured."""
    return _preset(table_lrp(eps), (weighted, lrp.Gamma(gamma, eps)))


def lrp_alpha_beta(alpha: float = 2.0, beta: float = 1.0, eps: float = EPS) -> Composite:
    """LRP-αβ at every weighted node: positive and negative contributions apart."""
    return _preset(table_lrp(eps), (weighted, lrp.AlphaBeta(alpha, beta, eps)))


def lrp_z_plus(eps: float = EPS) -> Composite:
    """LRP-z⁺ at every weighted node: positive contributions only."""
    return _preset(table_lrp(eps), (weighted, lrp.ZPlus(eps)))


def lrp_epsilon_plus(eps: float = EPS) -> Composite:
    """z⁺ at convolutions, ε at dense layers."""
    return _preset(table_lrp(eps), (CONVOLUTION, lrp.ZPlus(eps)))


def lrp_epsilon_plus_flat(eps: float = EPS) -> Composite:
    """Flat at a first convolution, z⁺ at the others, ε at dense layers."""
    return _preset(table_lrp(eps), *on_pixels(eps), (CONVOLUTION, lrp.ZPlus(eps)))


def lrp_epsilon_alpha2_beta1(eps: float = EPS) -> Composite:
    """α2β1 at convolutions, ε at dense layers."""
    return _preset(table_lrp(eps), (CONVOLUTION, lrp.AlphaBeta(eps=eps)))


def lrp_epsilon_alpha2_beta1_flat(eps: float = EPS) -> Composite:
    """Flat at a first convolution, α2β1 at the others, ε at dense layers."""
    return _preset(table_lrp(eps), *on_pixels(eps), (CONVOLUTION, lrp.AlphaBeta(eps=eps)))


def lrp_epsilon_gamma_box(low: Any, high: Any, gamma: float = lrp.Gamma.gamma, eps: float = EPS) -> Composite:
    """zᴮ at the first layer (low and high bound the input), γ at convolutions, ε at dense layers."""
    return _preset(table_lrp(eps), *on_input(lrp.ZBox(low, high, eps)), (CONVOLUTION, lrp.Gamma(gamma, eps)))


def excitation_backprop(eps: float = EPS) -> Composite:
    """z⁺ without the bias at every weighted node: winning probabilities. Source: Zhang et al. 2018."""
    return _preset(table_lrp(eps), (weighted, lrp.ZPlus(eps, bias=False)))


def attnlrp(eps: float = EPS) -> Composite:
    """LRP-ε for attention: half to each side of a product, Softmax by its Taylor expansion, norms held fixed."""
    return _preset(table_lrp(eps), (SOFTMAX, attention.taylor))


def cp_lrp(eps: float = EPS) -> Composite:
    """LRP in which the attention weights are constants: all relevance goes by the values."""
    held = attending(SOFTMAX), attention.Held(SOFTMAX, eps)
    return _preset(table_lrp(eps), held, (SOFTMAX, attention.taylor))


def _lrp(name: str, make: Callable[..., Composite]) -> WalkSpec:
    return WalkSpec(name, make, seed="logit", conserves=True)


WALKS: dict[str, WalkSpec] = {
    spec.name: spec
    for spec in (
        WalkSpec("gradient", gradient, norm=True),
        WalkSpec("saliency", gradient, readout=magnitude, norm=True, about="The magnitude of the gradient."),
        WalkSpec("input_x_gradient", gradient, readout=times_input, about="The gradient times the input."),
        WalkSpec("deconvnet", deconvnet, norm=True),
        WalkSpec("guided_backprop", guided_backprop, norm=True),
        _lrp("lrp.zero", lrp_zero),
        _lrp("lrp.epsilon", lrp_epsilon),
        _lrp("lrp.gamma", lrp_gamma),
        _lrp("lrp.alpha_beta", lrp_alpha_beta),
        _lrp("lrp.z_plus", lrp_z_plus),
        _lrp("lrp.epsilon_plus", lrp_epsilon_plus),
        _lrp("lrp.epsilon_plus_flat", lrp_epsilon_plus_flat),
        _lrp("lrp.epsilon_gamma_box", lrp_epsilon_gamma_box),
        _lrp("lrp.epsilon_alpha2_beta1", lrp_epsilon_alpha2_beta1),
        _lrp("lrp.epsilon_alpha2_beta1_flat", lrp_epsilon_alpha2_beta1_flat),
        _lrp("excitation_backprop", excitation_backprop),
        _lrp("attnlrp", attnlrp),
        _lrp("cp_lrp", cp_lrp),
        WalkSpec("deeplift", deeplift, readout=contribution, baseline=True, conserves=True),
        WalkSpec("deeplift.reveal_cancel", reveal_cancel, readout=contribution, baseline=True, conserves=True),
    )
}
"""All methods that walk backward once, by name."""


def of_composite(composite: Composite) -> WalkSpec:
    """Return a method that walks relevance by a composite of the user's own."""
    return _lrp("composite", lambda: composite)
