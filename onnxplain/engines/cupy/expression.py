"""Chains of functions as CUDA C++: what stands in place of kernels/expression.cuh, and the struct that it reads."""

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
"""Elements that a thread of elementwise.cu computes side by side."""
NARROW = 2**31
"""Positions below it are `int`, whose division takes a fraction of the instructions of an `int64`."""
_INDICES = {"int": "i4", "int64": "i8"}
_TYPES = {
    "b1": "bool", "i1": "signed char", "i2": "short", "i4": "int", "i8": "int64", "f4": "float", "f8": "double",
    "u1": "unsigned char", "u2": "unsigned short", "u4": "unsigned", "u8": "unsigned long long",
}  # fmt: skip
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
    """The elements of a chain, in new memory."""
    out = cupy.empty(x.shape, np.bool_ if x.truth else x.real)
    text, struct = written(x)
    each("elementwise", -(-out.size // BATCH), (struct, out, np.int64(out.size)), x.real, text, BATCH=BATCH)
    return out


def written(x: Array) -> tuple[str, Struct]:
    """Text and struct of a chain; its elements lie behind one another."""
    writer = _Writer()
    last = writer.name(x)
    spread = _Spread.of(writer.arrays, x.shape)
    return _text(writer, spread, last, "bool" if x.truth else "T"), _struct(writer, spread, x.real)


def read(memory: Memory) -> tuple[str, Struct]:
    """Text and struct of an array alone; element i lies i steps behind the first."""
    writer, alone = _Writer(), _Spread(("i",))
    writer.arrays.append(memory)
    return _text(writer, alone, "r.a0", "T"), _struct(writer, alone, memory.dtype)


class _Writer:
    """Writes one line for each function of a chain, its operands first; what is used twice is written once."""

    def __init__(self) -> None:
        self.arrays: list[Memory] = []
        self.numbers: list[float] = []
        self.lines: list[str] = []
        self._names: dict[int, str] = {}

    def name(self, x: Array | float) -> str:
        """What an operand is called; its line stands above."""
        if isinstance(x, float):
            self.numbers.append(x)
            return f"e.n[{len(self.numbers) - 1}]"
        if id(x) not in self._names:
            self._names[id(x)] = self._array(x.memory) if x.chain is None else self._line(x.chain, truth=x.truth)
        return self._names[id(x)]

    def _array(self, memory: Memory) -> str:
        self.arrays.append(memory)
        return f"r.a{len(self.arrays) - 1}"

    def _line(self, chain: Chain, *, truth: bool) -> str:
        right = chain.text.format(*map(self.name, chain.operands))
        name = f"t{len(self.lines)}"
        self.lines.append(f"  const {'bool' if truth else 'T'} {name} = {right};\n")
        return name


@dataclass(frozen=True)
class _Spread:
    """How operands lie: `places` says for each where element i stands, at i itself or through the axes `runs`.

    runs: those of spread.cuh, none where all operands lie element after element; index: C++ type of their positions.
    """

    places: tuple[str, ...]
    runs: Sequence[Run] = ()
    index: str = "int"

    @classmethod
    def of(cls, arrays: Sequence[Memory], shape: tuple[int, ...]) -> _Spread:
        """The operands of a chain of this shape."""
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
        """How many operands do not lie as the result does."""
        return len(self.runs[0][1]) if self.runs else 0


def _text(writer: _Writer, spread: _Spread, last: str, result: str) -> str:
    """C++ of a chain. Booleans stay what they are; every other element is read as a T."""
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
    """What `Expression` holds: addresses, how operands lie that are spread, and numbers; each where there are any."""
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
    """Fields in the order and with the gaps of C."""
    place = _INDICES[index]
    lies = np.dtype([("step", place, (through, axes)), ("length", place, (axes,))], align=True)
    fields = ("a", "u8", (arrays,)), ("spread", lies, (min(through, 1),)), ("n", real, (numbers,))
    return np.dtype([part for part in fields if part[2] != (0,)], align=True)


def _steps(memory: Memory, shape: Sequence[int]) -> tuple[int, ...]:
    """Steps in elements along the axes of `shape`, to which the array is broadcast."""
    lead: int = len(shape) - memory.ndim
    own = (0 if n == 1 else step // memory.itemsize for n, step in zip(memory.shape, memory.strides, strict=True))
    return (0,) * lead + tuple(own)
