"""The signs of what operators give, as far as the signs of what they read tell."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Sign(NamedTuple):
    """What is known of all elements of a value: that none is below 0, and that none is above 0; both of zeros."""

    nonnegative: bool = False
    nonpositive: bool = False

    def negated(self) -> Sign:
        """The sign of -x."""
        return Sign(self.nonpositive, self.nonnegative)

    def times(self, other: Sign) -> Sign:
        """The sign of a product, and of sums of products, of elements of two values."""
        return Sign(
            (self.nonnegative and other.nonnegative) or (self.nonpositive and other.nonpositive),
            (self.nonnegative and other.nonpositive) or (self.nonpositive and other.nonnegative),
        )

    def both(self, other: Sign) -> Sign:
        """The sign of what has elements of two values, or sums of them."""
        return Sign(self.nonnegative and other.nonnegative, self.nonpositive and other.nonpositive)

    def larger(self, other: Sign) -> Sign:
        """The sign of the larger one of two elements."""
        return Sign(self.nonnegative or other.nonnegative, self.nonpositive and other.nonpositive)


ANY = Sign()

NONNEGATIVE = frozenset({"Relu", "Sigmoid", "HardSigmoid", "Softmax", "Softplus", "Exp", "Abs", "Sqrt"})
"""Operators whose output is never negative."""

JOIN = frozenset({"Add", "Sum", "Concat", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"})
"""Operators whose output has elements of all inputs, or sums, means or maxima of them."""

MULTIPLY = frozenset({"Mul", "Div", "Einsum", "Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Operators whose output holds products of elements of their first inputs, or quotients, or sums of these."""
_BIASED = frozenset({"Conv", "ConvTranspose", "Gemm"})
"""Those that add their third input to sums of products of the first two."""

REARRANGE = frozenset(
    {
        *("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Gather", "Expand", "Identity"),
        *("ReduceSum", "ReduceMean", "ReduceMax"),
    }
)
"""Operators whose output holds elements of the first input, or sums, means or maxima of them.

Their other inputs say where or how, such as axes and indices, and their signs do not matter.
"""


def output_sign(op: str, inputs: Sequence[Sign | None]) -> Sign:
    """Return the sign of the first output of `op`. inputs: the sign of each input; None for one that is left out."""
    given = [each for each in inputs if each is not None]
    if op in NONNEGATIVE:
        return Sign(nonnegative=True)
    if op in REARRANGE:
        return given[0]
    if op in JOIN:
        return reduce(Sign.both, given)
    if op in MULTIPLY:
        products = reduce(Sign.times, given[:2] if op in _BIASED else given)
        return reduce(Sign.both, given[2:], products) if op in _BIASED else products
    special = _SPECIAL.get(op)
    return special(inputs) if special else ANY


def _clip(inputs: Sequence[Sign | None]) -> Sign:
    """The sign of min(max(x, low), high), as the two bounds alone tell."""
    _, low, high, *_ = (*inputs, None, None)
    below = high is not None and not high.nonnegative  # then the output may be so, whatever the lower bound is
    return Sign(low is not None and low.nonnegative and not below, high is not None and high.nonpositive)


def _least(inputs: Sequence[Sign | None]) -> Sign:
    return _largest([each and each.negated() for each in inputs]).negated()


def _largest(inputs: Sequence[Sign | None]) -> Sign:
    return reduce(Sign.larger, [each for each in inputs if each is not None])


def _difference(inputs: Sequence[Sign | None]) -> Sign:
    a, b = (each or ANY for each in inputs)
    return a.both(b.negated())


def _opposite(inputs: Sequence[Sign | None]) -> Sign:
    return (inputs[0] or ANY).negated()


_SPECIAL = {"Clip": _clip, "Min": _least, "Max": _largest, "Sub": _difference, "Neg": _opposite}
