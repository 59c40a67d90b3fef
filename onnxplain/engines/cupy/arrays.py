"""The engine's arrays: elements in memory, or a chain of functions of one element that waits until someone needs them.

A rule works element by element most of the time, and would move an array through memory once for each of its functions.
So a function of one element only notes its operands; `held` computes all of them in one pass, when another kernel, the
host or too long a chain asks for the elements.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from onnxplain.engines.cupy import expression

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.engines.cupy.kernels import Memory

MOST_READS, MOST_STEPS = 6, 64
"""Of a chain when it is made. Arrays that it reads, since they stay alive with it: at least as many as a function has
operands. Functions, each counted once for every way that leads to it."""


class Chain(NamedTuple):
    """A function of one element, not computed yet: `text` is C++ with a gap for each operand.

    reads: the arrays in memory, by id, from which it is computed; steps: functions on the way.
    """

    text: str
    operands: tuple[Array | float, ...]
    reads: frozenset[int]
    steps: int


class Array:
    """`shape` elements: `memory` holds them, or `chain` says how to compute them. truth: they are booleans.

    real: dtype of the elements of a chain that are not, and of all that it reads but booleans: of the numbers among its
    operands, and of integers in memory.
    """

    __slots__ = ("__weakref__", "chain", "memory", "real", "shape", "truth")
    __array_ufunc__ = None  # a number of NumPy's on the left leaves the operator to us
    __hash__ = None  # type: ignore[assignment]  # == compares element by element

    def __init__(
        self,
        shape: tuple[int, ...],
        real: np.dtype[Any],
        *,
        memory: Memory = None,
        chain: Chain | None = None,
        truth: bool = False,
    ) -> None:
        self.shape = shape
        self.real = real
        self.memory = memory
        self.chain = chain
        self.truth = truth

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def sum(self, dtype: str | None = None) -> Memory:
        """Sum of all elements, for a book; an array of rank 0, which `float` and `int` read."""
        return held(self).sum(dtype=dtype)

    def __bool__(self) -> bool:
        raise TypeError("an array of this engine is not true or false: a rule does not branch on data")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("an array of this engine does not turn into one of NumPy's by itself")

    def __neg__(self) -> Array:
        return chained("-{}", self)

    def __invert__(self) -> Array:
        return chained("!{}", self, truth=True)


def placed(memory: Memory, real: np.dtype[Any]) -> Array:
    """An array whose elements are in memory."""
    return Array(memory.shape, real, memory=memory)


def held(x: Array) -> Memory:
    """The elements in memory. A chain is computed once, and then forgotten with its operands."""
    if x.chain is not None:
        x.memory, x.chain = expression.computed(x), None
    return x.memory


def chained(text: str, *operands: Any, truth: bool = False) -> Array:
    """A function of one element: `text` is C++ with a gap for each operand, an array or a number."""
    parts = tuple(each if isinstance(each, Array) else _number(each) for each in operands)
    arrays = [each for each in parts if isinstance(each, Array)]
    if not arrays:
        raise TypeError(f"{text}: a function of numbers alone; one of its operands is an array")
    chain = _chain(text, parts, arrays)
    while chain.steps > MOST_STEPS or len(chain.reads) > MOST_READS:
        held(max(arrays, key=_steps))
        chain = _chain(text, parts, arrays)
    shapes = {each.shape for each in arrays}
    shape = shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*shapes)
    return Array(shape, arrays[0].real, chain=chain, truth=truth)


def filled(shape: tuple[int, ...], value: float, real: np.dtype[Any]) -> Array:
    """An array of one number, which takes no memory unless it is held."""
    return Array(shape, real, chain=Chain("{}", (value,), frozenset(), 1))


def _chain(text: str, operands: tuple[Array | float, ...], arrays: list[Array]) -> Chain:
    """The function with what it reads and how long it is now; `arrays` are those among its operands."""
    reads = frozenset[int]().union(*({id(each)} if each.chain is None else each.chain.reads for each in arrays))
    return Chain(text, operands, reads, 1 + sum(map(_steps, arrays)))


def _steps(x: Array) -> int:
    return 0 if x.chain is None else x.chain.steps


def _number(x: Any) -> float:
    if isinstance(x, (int, float, np.generic)):
        return float(x)
    raise TypeError(f"an operand of type {type(x).__name__}: arrays of this engine mix with numbers and one another")


def _operator(text: str, *, mirrored: bool = False, truth: bool = False) -> Callable[[Array, Any], Array]:
    if mirrored:
        return lambda self, other: chained(text, other, self, truth=truth)
    return lambda self, other: chained(text, self, other, truth=truth)


for _name, _sign in (("add", "+"), ("sub", "-"), ("mul", "*"), ("truediv", "/")):
    # C++ would count booleans as integers
    setattr(Array, f"__{_name}__", _operator(f"T({{}}) {_sign} T({{}})"))
    setattr(Array, f"__r{_name}__", _operator(f"T({{}}) {_sign} T({{}})", mirrored=True))
for _name, _sign in (
    ("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">="), ("eq", "=="), ("ne", "!="), ("and", "&&"), ("or", "||"),
):  # fmt: skip
    setattr(Array, f"__{_name}__", _operator(f"{{}} {_sign} {{}}", truth=True))
