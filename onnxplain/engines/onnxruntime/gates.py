"""Comparisons of traced values. No node is emitted for one until it is used, since `where` often needs no booleans.

The gate of a condition is a float, 1 where it holds and 0 elsewhere. For a comparison with a number t, the gate is a
HardSigmoid so steep that it is a step, [x > t] = clip(2^k x - 2^k t, 0, 1). onnxruntime computes that in the blocked
layout of its convolutions (see `convolution`), where a comparison and a Where would convert every tensor to the plain
layout. The gate is exact except for x within 2^-k of t, which for t = 0 are the denormal numbers.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnx import TensorProto

from onnxplain.engines.onnxruntime.shapes import Shape, broadcast

if TYPE_CHECKING:
    from onnxplain.engines.onnxruntime.traced import Traced


class Condition(ABC):
    """A condition on each element of traced values."""

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """The shape of the booleans."""

    @abstractmethod
    def holds(self) -> Traced:
        """Emit the condition as booleans."""

    def gate(self) -> Traced:
        """Emit the condition as floats: 1 where it holds, else 0."""
        held = self.holds()
        return held.emitter.emit("Cast", held, shape=self.shape, to=TensorProto.FLOAT)

    @property
    def steep(self) -> bool:
        """Whether the gate is made of steep HardSigmoids, without booleans."""
        return False

    def __and__(self, other: Condition) -> Condition:
        return Joined("And", self, other)

    def __or__(self, other: Condition) -> Condition:
        return Joined("Or", self, other)

    def __invert__(self) -> Condition:
        return Opposite(self)


@dataclass(frozen=True, eq=False)
class Comparison(Condition):
    """A comparison of `x` with `y`, by the ONNX operator `op`."""

    op: str
    x: Traced
    y: Traced

    @property
    def shape(self) -> Shape:
        """See `Condition`."""
        return broadcast(self.x.shape, self.y.shape)

    def holds(self) -> Traced:
        """See `Condition`."""
        return self.x.emitter.emit(self.op, self.x, self.y, shape=self.shape)

    @property
    def steep(self) -> bool:
        """See `Condition`. True for > and < with a number, and for >= and <= with 0, where beta = 1 includes x = 0."""
        return self.y.number is not None and (
            self.op in ("Greater", "Less") or (self.op != "Equal" and self.y.number == 0)
        )

    def gate(self) -> Traced:
        """See `Condition`."""
        if not self.steep:
            return super().gate()
        number, sign = float(self.y.number or 0.0), 1.0 if self.op.startswith("Greater") else -1.0
        if math.isinf(number):
            return self.x.emitter.operand(1.0 if number * sign < 0 else 0.0)
        alpha = sign * 2.0 ** (126 - math.ceil(math.log2(max(abs(number), 1.0))))
        beta = 1.0 if self.op.endswith("Equal") else -alpha * number
        x = self.x if number else unscaled(self.x)
        return x.emitter.emit("HardSigmoid", x, shape=x.shape, alpha=alpha, beta=beta)


def unscaled(x: Traced) -> Traced:
    """Return `x` without a positive number that it is multiplied by, since the sign is the same."""
    if x.op == "Mul":
        for side, other in (x.inputs, x.inputs[::-1]):
            if side is not None and other is not None and other.number is not None and other.number > 0:
                return side
    return x


@dataclass(frozen=True, eq=False)
class Joined(Condition):
    """Two conditions joined by the ONNX operator `op`, And or Or."""

    op: str
    first: Condition
    second: Condition

    @property
    def shape(self) -> Shape:
        """See `Condition`."""
        return broadcast(self.first.shape, self.second.shape)

    def holds(self) -> Traced:
        """See `Condition`."""
        first, second = self.first.holds(), self.second.holds()
        return first.emitter.emit(self.op, first, second, shape=self.shape)

    @property
    def steep(self) -> bool:
        """See `Condition`. The gate of And is the product of two gates."""
        return self.op == "And" and self.first.steep and self.second.steep

    def gate(self) -> Traced:
        """See `Condition`."""
        return self.first.gate() * self.second.gate() if self.steep else super().gate()


@dataclass(frozen=True, eq=False)
class Opposite(Condition):
    """The negation of another condition."""

    other: Condition

    @property
    def shape(self) -> Shape:
        """See `Condition`."""
        return self.other.shape

    def holds(self) -> Traced:
        """See `Condition`."""
        held = self.other.holds()
        return held.emitter.emit("Not", held, shape=self.shape)


@dataclass(frozen=True, eq=False)
class Finite(Condition):
    """The condition that an element is neither NaN nor infinite."""

    x: Traced

    @property
    def shape(self) -> Shape:
        """See `Condition`."""
        return self.x.shape

    def holds(self) -> Traced:
        """See `Condition`."""
        emit = self.x.emitter.emit
        odd = emit(
            "Or", emit("IsNaN", self.x, shape=self.shape), emit("IsInf", self.x, shape=self.shape), shape=self.shape
        )
        return emit("Not", odd, shape=self.shape)


@dataclass(frozen=True, eq=False)
class Given(Condition):
    """A condition that is a value of the graph already, in booleans."""

    x: Traced

    @property
    def shape(self) -> Shape:
        """See `Condition`."""
        return self.x.shape

    def holds(self) -> Traced:
        """See `Condition`."""
        return self.x
