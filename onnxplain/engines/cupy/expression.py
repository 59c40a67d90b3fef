"""Chains of functions written as CUDA C++: the text takes the place of kernels/expression.cuh.

The kernels elementwise.cu and reduce_sum.cu include that text. A C struct, `Expression`, holds what a chain reads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cupy
import numpy as np

from onnxplain.engines.cupy.kernels import Memory, each
from onnxplain.engines.cupy.structs import Run, Struct, merged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.engines.cupy.arrays import Array, Chain

BATCH = 4
"""The number of elements that a thread of elementwise.cu reads before it computes the first of them."""

NARROW = 2**31
"""Positions below this are of the C++ type `int`, whose division takes a fraction of the instructions of `int64`'s."""

_INDICES = {"int": "i4", "int64": "i8"}
"""The NumPy dtype of each C++ type of positions."""

_TYPES = {
    "b1": "bool", "i1": "signed char", "i2": "short", "i4": "int", "i8": "int64", "f4": "float", "f8": "double",
    "u1": "unsigned char", "u2": "unsigned short", "u4": "unsigned", "u8": "unsigned long long",
}  # fmt: skip
"""The C++ type of each NumPy dtype."""

_TEXT = """#include "functions.cuh"
#include "spread.cuh"

using Result = {result};

struct Expression {{
{fields}}};

struct Reads {{
{values}}};

__device__ __forceinline__ Reads reads(const Expression& e, int64 i) {{
{places}  return {{{operands}}};
}}

__device__ __forceinline__ Result value(const Expression& e, const Reads& r) {{
{lines}  return {last};
}}
"""


def computed(x: Array) -> Memory:
    """Compute the elements of a chain, and return them in new memory."""
    out = cupy.empty(x.shape, np.bool_ if x.boolean else x.real)
    text, struct = written(x)
    each("elementwise", -(-out.size // BATCH), (struct, out, np.int64(out.size)), x.real, text, BATCH=BATCH)
    return out


def written(x: Array) -> tuple[str, Struct]:
    """Return the text and the struct of a chain, whose element i is that of a C-contiguous array."""
    writer = _Writer()
    last = writer.name(x)
    spread = _Spread.of(writer.arrays, x.shape)
    return _text(writer, spread, last, "bool" if x.boolean else "T"), _struct(writer, spread, x.real)


def read(memory: Memory) -> tuple[str, Struct]:
    """Return the text and the struct of an array in memory, whose element i lies i elements behind the first."""
    writer, alone = _Writer(), _Spread(("i",))
    writer.arrays.append(memory)
    return _text(writer, alone, "r.a0", "T"), _struct(writer, alone, memory.dtype)


class _Writer:
    """Writes one line for each function of a chain, behind those of its operands. What is used twice is written once.

    arrays: the arrays in memory that the lines read. numbers: the numbers among the operands. lines: the C++ lines.
    """

    def __init__(self) -> None:
        self.arrays: list[Memory] = []
        self.numbers: list[float] = []
        self.lines: list[str] = []
        self._names: dict[int, str] = {}

    def name(self, x: Array | float) -> str:
        """Return the name of an operand in C++, and write its line first where it is a chain."""
        if isinstance(x, float):
            self.numbers.append(x)
            return f"e.n[{len(self.numbers) - 1}]"
        if id(x) not in self._names:
            self._names[id(x)] = self._array(x.memory) if x.chain is None else self._line(x.chain, boolean=x.boolean)
        return self._names[id(x)]

    def _array(self, memory: Memory) -> str:
        self.arrays.append(memory)
        return f"r.a{len(self.arrays) - 1}"

    def _line(self, chain: Chain, *, boolean: bool) -> str:
        right = chain.text.format(*map(self.name, chain.operands))
        name = f"t{len(self.lines)}"
        self.lines.append(f"  const {'bool' if boolean else 'T'} {name} = {right};\n")
        return name


@dataclass(frozen=True)
class _Spread:
    """Where the operands of a chain have their elements, for spread.cuh.

    An operand that lies in memory as the result does has element i at i. For any other one, such as one that is
    broadcast, the place follows from i through the axes of the result, which are `runs`.
    places: for each operand, the C++ expression of the place of element i. runs: see `structs.Run`; empty where no
    operand needs it. index: the C++ type of the places.
    """

    places: tuple[str, ...]
    runs: Sequence[Run] = ()
    index: str = "int"

    @classmethod
    def of(cls, arrays: Sequence[Memory], shape: tuple[int, ...]) -> _Spread:
        """Return where the operands `arrays` of a chain of this shape have their elements."""
        places: list[str] = []
        steps: list[tuple[int, ...]] = []
        for array in arrays:
            if array.shape == shape and array.flags.c_contiguous:
                places.append("i")
            else:
                places.append(f"at[{len(steps)}]")
                steps.append(_steps(array, shape))
        if not steps:
            return cls(tuple(places))
        runs = merged(shape, steps) or [(1, (0,) * len(steps))]
        spans = [sum(abs(step[k]) * (length - 1) for length, step in runs) for k in range(len(steps))]
        return cls(tuple(places), runs, "int" if max(math.prod(shape), *spans) < NARROW else "int64")

    @property
    def through(self) -> int:
        """The number of operands that do not lie in memory as the result does."""
        return len(self.runs[0][1]) if self.runs else 0


def _text(writer: _Writer, spread: _Spread, last: str, result: str) -> str:
    """Return the C++ of a chain, whose result is the name `last` of the C++ type `result`.

    Booleans are read as booleans, and elements of every other dtype as T, the float type of the build.
    """
    kinds = [_TYPES[array.dtype.str[1:]] for array in writer.arrays]
    values = ["bool" if kind == "bool" else "T" for kind in kinds]
    fields = [f"  const {kind}* a{k};\n" for k, kind in enumerate(kinds)]
    if spread.runs:
        fields.append(f"  Spread<{spread.index}, {len(spread.runs)}, {spread.through}> spread;\n")
    if writer.numbers:
        fields.append(f"  T n[{len(writer.numbers)}];\n")
    reads = [f"{value}(e.a{k}[{place}])" for k, (value, place) in enumerate(zip(values, spread.places, strict=True))]
    stand = f"  {spread.index} at[{spread.through}];\n  stand(e.spread, i, at);\n"
    return _TEXT.format(
        result=result,
        fields="".join(fields),
        values="".join(f"  {value} a{k};\n" for k, value in enumerate(values)),
        places=stand if spread.runs else "",
        operands=", ".join(reads),
        lines="".join(writer.lines),
        last=last,
    )


def _struct(writer: _Writer, spread: _Spread, real: np.dtype[Any]) -> Struct:
    """Return the C struct `Expression` with its fields: addresses, the `Spread` of operands, and numbers.

    A field of which there would be none is left out.
    """
    parts: list[Any] = []
    if writer.arrays:
        parts.append([array.data.ptr for array in writer.arrays])
    if spread.runs:
        lengths, steps = zip(*spread.runs, strict=True)
        parts.append([(list(zip(*steps, strict=True)), lengths)])
    if writer.numbers:
        parts.append(writer.numbers)
    sizes = len(writer.arrays), len(spread.runs), spread.through, len(writer.numbers)
    return np.array(tuple(parts), _layout(real, spread.index, *sizes))


@lru_cache(maxsize=1024)
def _layout(real: np.dtype[Any], index: str, arrays: int, axes: int, through: int, numbers: int) -> np.dtype[Any]:
    """Return the dtype of the struct, with its fields in the order of C++ and aligned as C++ aligns them."""
    place = _INDICES[index]
    lies = np.dtype([("step", place, (through, axes)), ("length", place, (axes,))], align=True)
    fields = ("a", "u8", (arrays,)), ("spread", lies, (min(through, 1),)), ("n", real, (numbers,))
    return np.dtype([part for part in fields if part[2] != (0,)], align=True)


def _steps(memory: Memory, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the steps of an array, in elements, along the axes of the `shape` to which it is broadcast."""
    lead: int = len(shape) - memory.ndim
    own = (0 if n == 1 else step // memory.itemsize for n, step in zip(memory.shape, memory.strides, strict=True))
    return (0,) * lead + tuple(own)
