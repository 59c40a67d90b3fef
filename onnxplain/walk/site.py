"""A site: what a rule sees of one node, and how it asks for the facts of the node's operator.

Values are fetched from the tape when a rule reads them. So the tape learns which ones a walk needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from onnxplain.ops import Family

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace
    from onnxplain.plan.bound import Bound
    from onnxplain.walk.tape import StepTape, Tape


class Site:
    """One node with its values: those of the input and, for a method that compares with one, those of the baseline.

    xp: the array functions of the engine. absorbed: relevance that reached no operand, by what took it; see `absorb`.
    """

    def __init__(
        self, xp: Namespace, node: Bound, tape: Tape | StepTape, baseline: Tape | StepTape | None = None
    ) -> None:
        self.xp = xp
        self.node = node
        self._tape = tape
        self._baseline = baseline
        self.absorbed: dict[str, float] = {}

    # --- values -----------------------------------------------------------------------------------------------

    @property
    def x(self) -> AnyArray:
        """The operand; for a node with several, the first that carries a message."""
        return self._value(self.node.inputs[self.node.operands[0]])

    @property
    def y(self) -> AnyArray:
        """The output."""
        return self._value(self.node.output)

    @property
    def xs(self) -> tuple[AnyArray, ...]:
        """All operands in order, the constant side of a product or a sum among them."""
        return tuple(self._value(self.node.inputs[i]) for i in self._sides)

    @property
    def active_xs(self) -> tuple[AnyArray, ...]:
        """The operands that carry a message, in the order in which a rule returns messages."""
        return tuple(self._value(self.node.inputs[i]) for i in self.node.operands)

    @property
    def x0(self) -> AnyArray:
        """The operand `x` where the input is the baseline."""
        return self.baseline.x

    @property
    def y0(self) -> AnyArray:
        """The output `y` where the input is the baseline."""
        return self.baseline.y

    @cached_property
    def baseline(self) -> Site:
        """The same node where the input is the baseline."""
        if self._baseline is None:
            raise RuntimeError(f"node {self.node.name!r}: its rule reads a baseline, but its method keeps none")
        return Site(self.xp, self.node, self._baseline)

    def at(self, node: Bound) -> Site:
        """Return the site of another node of the same walk."""
        return Site(self.xp, node, self._tape, self._baseline)

    @cached_property
    def w(self) -> AnyArray:
        """The weight of an AFFINE node; None for a pool, a mean or an addition."""
        return None if self.node.weight is None else self._value(self.node.inputs[self.node.weight])

    @cached_property
    def b(self) -> AnyArray | None:
        """The bias of an AFFINE node, in a shape that broadcasts onto y; None for a node without one."""
        if self.node.bias is None:
            return None
        bias = self._value(self.node.inputs[self.node.bias])
        channels_first = self.node.op.family is Family.AFFINE
        return self.xp.reshape(bias, (1, -1, *(1,) * (self.like_y.ndim - 2))) if channels_first else bias

    @property
    def like_y(self) -> AnyArray:
        """The output, to be read for its shape only."""
        return self._tape.like(self.node.output)

    def like(self, i: int) -> AnyArray:
        """Return the input at position `i`, to be read for its shape only."""
        return self._tape.like(self.node.inputs[i])

    # --- facts ------------------------------------------------------------------------------------------------

    def apply(self, x: AnyArray, w: AnyArray | None) -> AnyArray:
        """Return A(w) x, the linear part of an AFFINE node without its bias, for any x and w."""
        sides = (x, w) if self._side == 0 else (w, x)
        return self._call("apply", a=sides[0], b=sides[1])

    def adjoint(self, g: AnyArray, w: AnyArray | None = None) -> AnyArray | tuple[AnyArray, ...]:
        """Return A(w)ᵀ g of an AFFINE node; of a SHAPE node, a tuple with the transpose in each operand."""
        if self.node.family is Family.SHAPE:
            return tuple(self._call("adjoint", g=g, like=self.like(i), i=i) for i in self.node.operands)
        return self._call(f"adjoint{self._side}", g=g, w=w, like=self.like(self._side))

    def adjoints(self, g: AnyArray, *others: AnyArray) -> tuple[AnyArray, ...]:
        """Return the transpose of a BILINEAR or SUM node in each operand, the other one being held at `others`."""
        held = others or (None, None)
        return tuple(self._call(f"adjoint{i}", g=g, w=held[1 - i], like=self.like(i)) for i in self.node.operands)

    @property
    def slope(self) -> AnyArray:
        """dy/dx of an ELEMENTWISE node."""
        return self._call("slope")

    def slope_at(self, x: AnyArray, y: AnyArray) -> AnyArray:
        """Return dy/dx at another point (x, y) of the same function."""
        return self._call("slope", x=x, y=y)

    def value_at(self, x: AnyArray) -> AnyArray:
        """Return f(x) of an activation at another x."""
        return self._call("value", x=x)

    @cached_property
    def winners(self) -> tuple[AnyArray, ...]:
        """Which elements a SELECT node selected, for each operand."""
        return tuple(self._call("winners", xs=self.xs))

    def place(self, g: AnyArray, winners: tuple[AnyArray, ...]) -> tuple[AnyArray, ...]:
        """Return a message for each operand that carries one: g at the elements that won, 0 elsewhere."""
        return tuple(
            self._call("place", g=g, winner=winners[self._sides.index(i)], like=self.like(i))
            for i in self.node.operands
        )

    def vjp(self, g: AnyArray) -> AnyArray:
        """Return Jᵀ g of a NORMALISE node, J being its Jacobian."""
        return self._call("vjp", g=g, like=self.like(self._side))

    def frozen(self, g: AnyArray) -> AnyArray:
        """Return Jᵀ g of a NORMALISE node with its statistics, such as 1/σ, taken for constants."""
        return self._call("frozen", g=g, like=self.like(self._side))

    def gathered(self, g: AnyArray) -> AnyArray:
        """Return, at each element, the sum of g over the elements that a Softmax normalises together with it."""
        return self._call("gathered", g=g)

    def shares(self) -> tuple[AnyArray, ...]:
        """Return, for each operand of a STEP node, what it accounts for of Δy, for a unit of its own Δx."""
        found = self._call("shares", xs=self.xs, x0s=self.baseline.xs, y0=self.y0)
        return tuple(found[self._sides.index(i)] for i in self.node.operands)

    def absorb(self, where: str, relevance: Callable[[], AnyArray]) -> None:
        """Account for relevance that reaches no operand. It is computed only where a book is kept."""
        if self._tape.keeps_book:
            self.absorbed[where] = self.absorbed.get(where, 0.0) + float(relevance().sum(dtype="float64"))

    # ----------------------------------------------------------------------------------------------------------

    def _value(self, name: str) -> AnyArray:
        """Return a value as floats, also one of booleans or integers."""
        value = self._tape[name]
        return self.xp.real(value) if name in self.node.whole else value

    @property
    def _side(self) -> int:
        return self.node.operands[0]

    @property
    def _sides(self) -> tuple[int, ...]:
        return self.node.operands if self.node.op.operands is None else self.node.op.operands

    def _call(self, fact: str, **given: Any) -> Any:
        return self.node.op.call(fact, _Arguments(self), xp=self.xp, **given)


class _Arguments(Mapping[str, Any]):
    """The arguments that a fact may name besides those that the rule passes: values of the node, attributes, inputs."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def __getitem__(self, name: str) -> Any:
        node = self._site.node
        if name in node.arrays:
            return self._site._tape[node.arrays[name]]  # noqa: SLF001
        if name in node.attrs:
            return node.attrs[name]
        if name in ("x", "y", "xs", "like_y"):
            return getattr(self._site, name)
        if name == "attrs":
            return node.attrs
        if name == "likes":
            return tuple(self._site.like(i) for i, name in enumerate(node.inputs) if name)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        node = self._site.node
        known = ("x", "y", "xs", "like_y", "likes", "attrs")
        return name in node.arrays or name in node.attrs or name in known

    def __iter__(self) -> Iterator[str]:
        return iter((*self._site.node.attrs, *self._site.node.arrays))

    def __len__(self) -> int:
        return len(self._site.node.attrs) + len(self._site.node.arrays)
