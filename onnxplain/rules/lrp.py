"""Layer-wise relevance propagation: the message is relevance R, which a rule shares out among the operands of a node.

z is the output of an AFFINE node with its bias, the pre-activation; v⁺ = max(v, 0) and v⁻ = min(v, 0). A rule at such a
node is a sum of redistributions, each in proportion to contributions xₖ A(wₖ), of which the bias keeps its share.
Sources: Bach et al. 2015 (ε, αβ), Montavon et al. 2017 (z⁺, zᴮ, w²) and 2019 (γ, composites), Lapuschkin et al. 2019
(flat), Achtibat et al. 2024 (products, Softmax, norms).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from onnxplain import checks
from onnxplain.errors import UsageError
from onnxplain.ops import Family
from onnxplain.rules.parts import EPS, Biased, Stabilised, filled, neg, pos, redistribute, share_out
from onnxplain.rules.rule import rule

if TYPE_CHECKING:
    from onnxplain.arrays import AnyArray
    from onnxplain.plan.bound import Bound
    from onnxplain.plan.network import Network
    from onnxplain.walk.site import Site


@dataclass(frozen=True)
class Epsilon(Biased):
    """AFFINE: x Aᵀ(R / stab(z)), stab(z) = z + ε sign(z), sign(0) = +1. With ε = 0, 0/0 = 0."""

    eps: float = EPS
    families = frozenset({Family.AFFINE})

    def __call__(self, s: Site, R: AnyArray) -> AnyArray:
        return redistribute(s, R, (s.x, s.w), bias=s.b, eps=self.eps, z=s.y)


@dataclass(frozen=True)
class ZPlus(Biased):
    """AFFINE: R in proportion to positive contributions, z = W⁺x⁺ + W⁻x⁻ + b⁺, of which the bias keeps its share."""

    eps: float = EPS
    bias: bool = True
    families = frozenset({Family.AFFINE})
    needs = frozenset({"weight"})

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.flag(bias=self.bias)

    def takers(self, node: Bound) -> frozenset[str]:
        """See `Rule`: the bias only where it is counted."""
        return super().takers(node) - (frozenset() if self.bias else {"bias"})

    def __call__(self, s: Site, R: AnyArray) -> AnyArray:
        b = None if s.b is None or not self.bias else pos(s, s.b)
        parts = (pos(s, s.x), pos(s, s.w)), (neg(s, s.x), neg(s, s.w))
        return redistribute(s, R, *parts, bias=b, eps=self.eps)


@dataclass(frozen=True)
class AlphaBeta(Biased):
    """AFFINE: α R by the positive contributions and -β R by the negative ones, α - β = 1; b⁺ counts for α, b⁻ for β."""

    alpha: float = 2.0
    beta: float = 1.0
    eps: float = EPS
    families = frozenset({Family.AFFINE})
    needs = frozenset({"weight"})

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.real(1.0, alpha=self.alpha)
        checks.real(beta=self.beta)
        if abs(self.alpha - self.beta - 1) > 1e-9:
            raise UsageError(f"alpha - beta must be 1, got alpha={self.alpha}, beta={self.beta}")

    def __call__(self, s: Site, R: AnyArray) -> AnyArray:
        x, w, b = (pos(s, s.x), neg(s, s.x)), (pos(s, s.w), neg(s, s.w)), s.b
        up, down = (None, None) if b is None else (pos(s, b), neg(s, b))
        gain = redistribute(s, self.alpha * R, (x[0], w[0]), (x[1], w[1]), bias=up, eps=self.eps)
        if self.beta == 0:
            return gain
        return gain + redistribute(s, -self.beta * R, (x[1], w[0]), (x[0], w[1]), bias=down, eps=self.eps)


@dataclass(frozen=True)
class Gamma(Biased):
    """AFFINE: R in proportion to contributions; those with the sign of z count 1 + γ times. z = 0 passes nothing."""

    gamma: float = 0.25
    eps: float = EPS
    families = frozenset({Family.AFFINE})
    needs = frozenset({"weight"})

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.real(gamma=self.gamma)

    def __call__(self, s: Site, R: AnyArray) -> AnyArray:
        above, below = s.xp.where(s.y > 0, R, 0.0), s.xp.where(s.y < 0, R, 0.0)
        s.absorb("lost", lambda: R - above - below)
        return self._one_sided(s, above, pos, neg) + self._one_sided(s, below, neg, pos)

    def _one_sided(self, s: Site, R: AnyArray, with_x: Any, against_x: Any) -> AnyArray:
        """Return what is redistributed of the part of R whose z has the sign that `with_x` keeps."""
        b = None if s.b is None else s.b + self.gamma * with_x(s, s.b)
        favoured = (pos(s, s.x), s.w + self.gamma * with_x(s, s.w))
        mirrored = (neg(s, s.x), s.w + self.gamma * against_x(s, s.w))
        return redistribute(s, R, favoured, mirrored, bias=b, eps=self.eps)


@dataclass(frozen=True)
class ZBox(Stabilised):
    """AFFINE, for a first layer: contributions x w - low w⁺ - high w⁻, without the bias, where low <= x <= high.

    low, high: bounds of the model's input, which broadcast on it. before: the nodes between that input and this node,
    which scale, shift and rearrange it, and through which the bounds go as well; found by `placed`.
    """

    low: Any = field(repr=False)
    high: Any = field(repr=False)
    eps: float = EPS
    before: tuple[Bound, ...] = field(default=(), repr=False, compare=False)
    families = frozenset({Family.AFFINE})
    needs = frozenset({"weight"})

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, bound in zip(("low", "high"), checks.interval(self.low, self.high), strict=True):
            object.__setattr__(self, name, bound)

    def placed(self, network: Network, node: Bound) -> tuple[Bound, ZBox]:
        """Return the rule with the nodes that lie between the model's input and its own node."""
        path = network.feeding(node, node.operands[0], lambda each: each.transparent)
        return node, replace(self, before=tuple(each for each in path[::-1] if each.transparent))

    def __call__(self, s: Site, R: AnyArray) -> AnyArray:
        bounds = [self._arriving(s, bound) for bound in (self.low, self.high)]
        low, high = s.xp.minimum(*bounds), s.xp.maximum(*bounds)  # a negative scale swaps the two
        return redistribute(s, R, (s.x, s.w), (-low, pos(s, s.w)), (-high, neg(s, s.w)), eps=self.eps)

    def _arriving(self, s: Site, bound: Any) -> AnyArray:
        """Return a bound of the model's input as a bound of the node's operand."""
        path = [*(s.at(node) for node in self.before), s]
        v = filled(path[0], bound)
        for each in path[:-1]:
            v = each.apply(v, each.w)
            v = v if each.b is None else v + each.b
        return v


@dataclass(frozen=True)
class Flat(Stabilised):
    """AFFINE, for a first layer: R to all inputs of a window alike, as with weights of 1; padding takes no share."""

    eps: float = EPS
    families = frozenset({Family.AFFINE})
    needs = frozenset({"weight"})

    def __call__(self, s: Site, R: AnyArray) -> AnyArray:
        return redistribute(s, R, (s.xp.ones_like(s.x), s.xp.ones_like(s.w)), eps=self.eps)


@dataclass(frozen=True)
class WSquare(Stabilised):
    """AFFINE, for a first layer: R in proportion to w², whatever the input; no bias in the denominator."""

    eps: float = EPS
    families = frozenset({Family.AFFINE})
    needs = frozenset({"weight"})

    def __call__(self, s: Site, R: AnyArray) -> AnyArray:
        return redistribute(s, R, (s.xp.ones_like(s.x), s.w * s.w), eps=self.eps)


@dataclass(frozen=True)
class Split(Stabilised):
    """SUM: R a / stab(a + b) to each term."""

    eps: float = EPS
    families = frozenset({Family.SUM})

    def __call__(self, s: Site, R: AnyArray) -> tuple[AnyArray, ...]:
        share = share_out(s, R, self.eps)
        return tuple(x * share for x in s.xs)


@dataclass(frozen=True)
class Half(Stabilised):
    """BILINEAR: half of R to each operand, by its contributions to the product. Source: Achtibat et al. 2024."""

    eps: float = EPS
    families = frozenset({Family.BILINEAR})

    def __call__(self, s: Site, R: AnyArray) -> tuple[AnyArray, ...]:
        shares = s.adjoints(share_out(s, R, self.eps) / 2, *s.xs)
        return tuple(x * share for x, share in zip(s.xs, shares, strict=True))


@dataclass(frozen=True)
class Frozen(Stabilised):
    """NORMALISE: x Jᵀ(R / stab(y)), J with statistics such as 1/σ held fixed; for a Softmax x (R - y ΣR)."""

    eps: float = EPS
    families = frozenset({Family.NORMALISE})

    def takers(self, node: Bound) -> frozenset[str]:
        """See `Rule`: what is held fixed takes its share as a bias would."""
        return super().takers(node) | {"bias"}

    def __call__(self, s: Site, R: AnyArray) -> AnyArray:
        arriving = s.xp.where(s.xp.isfinite(s.x), s.x, 0.0)
        leaving = arriving * s.frozen(share_out(s, R, self.eps))
        s.absorb("bias", lambda: s.y * s.xp.ratio(R, s.y, self.eps) - leaving)
        return leaving


@rule(Family.ELEMENTWISE, Family.AFFINE, needs=("elementwise",))
def keep(s: Site, R: AnyArray) -> AnyArray:  # noqa: ARG001
    """ELEMENTWISE: R as it is; the same at a scale or a shift of the input, which changes nothing but its units."""
    return R
