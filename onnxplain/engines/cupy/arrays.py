"""The arrays of the GPU engine: elements in memory, or a chain of functions that is computed when someone needs them.

A function of one element, such as + or exp, makes each element of its result from the elements of its operands at the
same place. Rules consist of such functions mostly, and to run each by itself would move arrays through memory every
time. So such a function only notes its operands, which makes a chain of functions. `materialise` computes a whole chain
in one pass over memory, when the host or another kernel needs the elements or when the chain has become too long.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from onnxplain.engines.cupy import expression

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.engines.cupy.kernels import Memory

MOST_READS = 6
"""The number of arrays in memory that a chain may read. They stay alive with the chain, so there must not be many."""

MOST_STEPS = 64
"""The number of functions in a chain; one that is used several times is counted each time."""


class Chain(NamedTuple):
    """A function of one element that has not been computed yet, with the chains that are its operands.

    text: the function as C++, with a gap {} for each operand. operands: arrays and numbers.
    reads: the `id` of each array in memory that the chain reads. steps: the number of functions in the chain.
    """

    text: str
    operands: tuple[Array | float, ...]
    reads: frozenset[int]
    steps: int


class Array:
    """An array whose elements are in `memory` or, where that is None, are given by `chain`.

    real: the float dtype that chains compute in. The numbers and integers that a chain reads are converted to it, while
    booleans stay booleans; so it is the dtype of a chain's elements too, unless these are booleans.
    boolean: whether a chain gives booleans, as a comparison does.
    """

    __slots__ = ("__weakref__", "boolean", "chain", "memory", "real", "shape")
    __array_ufunc__ = None  # so that NumPy, with one of its numbers on the left, leaves the operator to this class
    __hash__ = None  # type: ignore[assignment]  # == compares element by element

    def __init__(
        self,
        shape: tuple[int, ...],
        real: np.dtype[Any],
        *,
        memory: Memory = None,
        chain: Chain | None = None,
        boolean: bool = False,
    ) -> None:
        self.shape = shape
        self.real = real
        self.memory = memory
        self.chain = chain
        self.boolean = boolean

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def sum(self, dtype: str | None = None) -> Memory:
        """Return the sum of all elements as a CuPy array of rank 0, which `float` accepts. A book asks for it."""
        return materialise(self).sum(dtype=dtype)

    def __bool__(self) -> bool:
        raise TypeError("an array of this engine is not true or false: a rule does not branch on data")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("an array of this engine does not turn into one of NumPy's by itself")

    def __neg__(self) -> Array:
        return chained("-{}", self)

    def __invert__(self) -> Array:
        return chained("!{}", self, boolean=True)


def from_memory(memory: Memory, real: np.dtype[Any]) -> Array:
    """Return an array whose elements are in memory. `real` is the dtype in which chains that read it compute."""
    return Array(memory.shape, real, memory=memory)


def materialise(x: Array) -> Memory:
    """Return the elements in memory. A chain is computed first, and then dropped, so that its operands can be freed."""
    if x.chain is not None:
        x.memory, x.chain = expression.computed(x), None
    return x.memory


def chained(text: str, *operands: Any, boolean: bool = False) -> Array:
    """Return the chain of a function of one element, computing operands first where it would become too long.

    text: the function as C++, with a gap {} for each operand. operands: arrays, which broadcast, and numbers.
    Raises TypeError where no operand is an array of this engine, or one is neither that nor a number.
    """
    parts = tuple(each if isinstance(each, Array) else _number(each) for each in operands)
    arrays = [each for each in parts if isinstance(each, Array)]
    if not arrays:
        raise TypeError(f"{text}: a function of numbers alone; one of its operands is an array")
    chain = _chain(text, parts, arrays)
    while chain.steps > MOST_STEPS or len(chain.reads) > MOST_READS:
        materialise(max(arrays, key=_steps))
        chain = _chain(text, parts, arrays)
    shapes = {each.shape for each in arrays}
    shape = shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*shapes)
    return Array(shape, arrays[0].real, chain=chain, boolean=boolean)


def filled(shape: tuple[int, ...], value: float, real: np.dtype[Any]) -> Array:
    """Return an array that is filled with one number, and takes no memory unless someone needs its elements there."""
    return Array(shape, real, chain=Chain("{}", (value,), frozenset(), 1))


def _chain(text: str, operands: tuple[Array | float, ...], arrays: list[Array]) -> Chain:
    """Return the chain, with what it reads and its length as they are now. `arrays`: those among the operands."""
    reads = frozenset[int]().union(*({id(each)} if each.chain is None else each.chain.reads for each in arrays))
    return Chain(text, operands, reads, 1 + sum(map(_steps, arrays)))


def _steps(x: Array) -> int:
    return 0 if x.chain is None else x.chain.steps


def _number(x: Any) -> float:
    if isinstance(x, (int, float, np.generic)):
        return float(x)
    raise TypeError(f"an operand of type {type(x).__name__}: arrays of this engine mix with numbers and one another")


def _operator(text: str, *, mirrored: bool = False, boolean: bool = False) -> Callable[[Array, Any], Array]:
    """Return a method for an operator of two operands; where it is `mirrored`, the array is the right one."""
    if mirrored:
        return lambda self, other: chained(text, other, self, boolean=boolean)
    return lambda self, other: chained(text, self, other, boolean=boolean)


for _name, _sign in (("add", "+"), ("sub", "-"), ("mul", "*"), ("truediv", "/")):
    # the operands are converted to T, because C++ would compute with booleans as integers
    setattr(Array, f"__{_name}__", _operator(f"T({{}}) {_sign} T({{}})"))
    setattr(Array, f"__r{_name}__", _operator(f"T({{}}) {_sign} T({{}})", mirrored=True))
for _name, _sign in (
    ("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">="), ("eq", "=="), ("ne", "!="), ("and", "&&"), ("or", "||"),
):  # fmt: skip
    setattr(Array, f"__{_name}__", _operator(f"{{}} {_sign} {{}}", boolean=True))
