"""Chains of functions as CUDA C++: what stands in place of kernels/expression.cuh, and the struct that it reads."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cupy
import numpy as np

from onnxplain.engines.cupy.kernels import each
from onnxplain.engines.cupy.structs import Run, Struct, merged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.engines.cupy.arrays import Array, Memory

BATCH = 4
"""Elements of a thread of elementwise.cu."""
_TYPES = {
    "b1": "bool", "i1": "signed char", "i2": "short", "i4": "int", "i8": "int64", "f4": "float", "f8": "double",
    "u1": "unsigned char", "u2": "unsigned short", "u4": "unsigned", "u8": "unsigned long long",
}  # fmt: skip
_INDICES, _WIDE = {"unsigned": "u4", "int64": "i8"}, 2**32
_TEXT = """#include "functions.cuh"
#include "spread.cuh"

using Result = {result};

struct Expression {{
{fields}}};

__device__ __forceinline__ Result value(const Expression& e, int64 i) {{
{lines}  return {last};
}}
"""


def computed(x: Array) -> Memory:
    """The elements of a chain, in new memory."""
    out = cupy.empty(x.shape, np.bool_ if x.truth else x.real)
    text, struct = written(x)
    each("elementwise", -(-out.size // BATCH), (struct, out, np.int64(out.size)), x.real, text)
    return out


def written(x: Array) -> tuple[str, Struct]:
    """Text and struct of a chain; its elements lie behind one another."""
    writer = _Writer()
    last = writer.name(x)
    whole = [each.shape == x.shape and each.flags.c_contiguous for each in writer.arrays]
    spread = [_steps(array, x.shape) for array, easy in zip(writer.arrays, whole, strict=True) if not easy]
    runs = (merged(x.shape, spread) or [(1, (0,) * len(spread))]) if spread else []
    index = "unsigned" if x.size < _WIDE else "int64"
    text = _text("bool" if x.truth else "T", writer, last, whole, len(runs), index)
    return text, _struct(writer, x.real, runs, index)


def read(memory: Memory) -> tuple[str, Struct]:
    """Text and struct of an array alone; element i lies i steps behind the first."""
    writer = _Writer()
    writer.arrays.append(memory)
    return _text("T", writer, "a0", [True]), _struct(writer, memory.dtype)


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
            self._names[id(x)] = self._array(x.memory) if x.memory is not None else self._line(x)
        return self._names[id(x)]

    def _array(self, memory: Memory) -> str:
        self.arrays.append(memory)
        return f"a{len(self.arrays) - 1}"

    def _line(self, x: Array) -> str:
        right = x.text.format(*map(self.name, x.operands))
        name = f"t{len(self.lines)}"
        self.lines.append(f"  const {'bool' if x.truth else 'T'} {name} = {right};\n")
        return name


def _text(result: str, writer: _Writer, last: str, whole: Sequence[bool], axes: int = 0, index: str = "") -> str:
    """C++ of a chain: fields, reads, lines."""
    fields, reads, spread = [], [], 0
    for k, (array, easy) in enumerate(zip(writer.arrays, whole, strict=True)):
        kind = _TYPES[array.dtype.str[1:]]
        fields.append(f"  const {kind}* a{k};\n")
        reads.append(
            f"  const {'bool' if kind == 'bool' else 'T'} a{k} = e.a{k}[{'i' if easy else f'at[{spread}]'}];\n"
        )
        spread += not easy
    if spread:
        fields.append(f"  Spread<{index}, {axes}, {spread}> spread;\n")
        reads.insert(0, f"  int64 at[{spread}];\n  stand(e.spread, i, at);\n")
    if writer.numbers:
        fields.append(f"  T n[{len(writer.numbers)}];\n")
    return _TEXT.format(result=result, fields="".join(fields), lines="".join(reads + writer.lines), last=last)


def _struct(writer: _Writer, real: np.dtype[Any], runs: Sequence[Run] = (), index: str = "unsigned") -> Struct:
    """What `Expression` holds: addresses, how operands lie that are spread, and numbers; each where there are any."""
    parts: list[Any] = [[array.data.ptr for array in writer.arrays]] if writer.arrays else []
    spread = len(runs[0][1]) if runs else 0
    if spread:
        parts.append([([[steps[k] for _, steps in runs] for k in range(spread)], [length for length, _ in runs])])
    if writer.numbers:
        parts.append(writer.numbers)
    return np.array(tuple(parts), _layout(real, len(writer.arrays), len(runs), spread, index, len(writer.numbers)))


@lru_cache(maxsize=1024)
def _layout(real: np.dtype[Any], arrays: int, axes: int, spread: int, index: str, numbers: int) -> np.dtype[Any]:
    """Fields in the order and with the gaps of C."""
    lies = np.dtype([("step", "i8", (spread, axes)), ("length", _INDICES[index], (axes,))], align=True)
    fields = ("a", "u8", (arrays,)), ("spread", lies, (min(spread, 1),)), ("n", real, (numbers,))
    return np.dtype([each for each in fields if each[2] != (0,)], align=True)


def _steps(memory: Memory, shape: Sequence[int]) -> tuple[int, ...]:
    """Steps in elements along the axes of `shape`, to which the array is broadcast."""
    lead: int = len(shape) - memory.ndim
    own = (0 if n == 1 else step // memory.itemsize for n, step in zip(memory.shape, memory.strides, strict=True))
    return (0,) * lead + tuple(own)
