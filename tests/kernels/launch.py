"""Launch a kernel in every order of its threads, on guarded arrays, and compare with float64."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from kernels.emu import EmuModule, guarded

from kernels import emu
from onnxplain.engines.cupy.sources import source

needs_compiler = pytest.mark.skipif(
    emu.COMPILER is None, reason="g++, which runs the CUDA kernels on the CPU, is not here"
)
OUT = object()
"""Stands for the output among the arguments of a kernel."""
REAL = {"float32": "float", "float64": "double"}
INDEX = {"int": "i4", "int64": "i8"}
WINDOW = np.dtype([(name, "i4", 3) for name in ("size", "out", "kernel", "strides", "dilations", "before")])
AXES = np.dtype([(name, "i8", 3) for name in ("kept", "kept_step", "reduced", "reduced_step")])
LATER = Path(__file__).with_name("later.cuh").read_text(encoding="utf-8")
i32, i64 = np.int32, np.int64


def normal(*shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def window(**fields):
    """A `Window` of fields of one length up to 3; lower ranks are padded in front."""
    struct = np.zeros((), WINDOW)
    for name in WINDOW.names:
        rank = len(fields[name])
        struct[name] = (0 if name == "before" else 1,) * (3 - rank) + tuple(fields[name])
    return struct


def axes(kept, reduced):
    """An `Axes` of (length, step) pairs."""
    struct = np.zeros((), AXES)
    for name, pairs in (("kept", kept), ("reduced", reduced)):
        struct[name], struct[f"{name}_step"] = zip(*[(1, 0)] * (3 - len(pairs)), *pairs, strict=True)
    return struct


def blocks(count):
    """Grid of a kernel that strides over its elements: too small for some, so that threads come round again."""
    return (min(-(-count // 256), 3),)


class Chain:
    """A chain of functions for a kernel that takes an `Expression`: C++ of `r.a0`, `r.a1` and `e.n[0]`, `e.n[1]`

    spread: (lengths, steps) of a Spread, by which the arrays listed in `through` are read.
    """

    def __init__(self, value, *arrays, numbers=(), result="T", spread=None, through=(), index="int"):
        self.value, self.arrays, self.numbers, self.result = value, arrays, numbers, result
        self.spread, self.through, self.index = spread, through, index

    @property
    def text(self):
        """What stands in place of expression.cuh."""
        kinds = [{"f": "T", "b": "bool", "i": "int64"}[array.dtype.kind] for array in self.arrays]
        fields = "".join(f"const {kind}* a{k}; " for k, kind in enumerate(kinds))
        stands = ""
        if self.spread:
            lengths, steps = self.spread
            fields += f"Spread<{self.index}, {len(lengths)}, {len(steps)}> spread; "
            stands = f"{self.index} at[{len(steps)}]; stand(e.spread, i, at); "
        places = [f"at[{self.through.index(k)}]" if k in self.through else "i" for k in range(len(kinds))]
        operands = ", ".join(f"e.a{k}[{place}]" for k, place in enumerate(places))
        return (
            f'#include "functions.cuh"\n#include "spread.cuh"\nusing Result = {self.result};\n'
            f"struct Expression {{ {fields}T n[{len(self.numbers) + 1}]; }};\n"
            f"struct Reads {{ {''.join(f'{kind} a{k}; ' for k, kind in enumerate(kinds))}}};\n"
            "__device__ __forceinline__ Reads reads(const Expression& e, int64 i) "
            f"{{ {stands}return {{{operands}}}; }}\n"
            f"__device__ __forceinline__ Result value(const Expression& e, const Reads& r) {{ return {self.value}; }}\n"
        )

    def struct(self, behind, dtype):
        """The struct, and the guarded arrays to which it points."""
        held = [guarded(array, behind=behind) for array in self.arrays]
        lengths, steps = self.spread or ((), ())
        place = INDEX[self.index]
        lies = np.dtype([("step", place, (len(steps), len(lengths))), ("length", place, len(lengths))], align=True)
        layout = np.dtype([("a", "u8", len(held)), ("s", lies), ("n", dtype, len(self.numbers) + 1)], align=True)
        return np.array(([each.ctypes.data for each in held], (steps, lengths), (*self.numbers, 0.0)), layout), held


def compute(kernel, args, like, *, grid=None, zeroed=False, dtype="float32", **defines):
    """`like` filled by the kernel: the same bits in four orders, and no access outside an array on either side.

    A kernel with asynchronous copies runs with copies at once, and with copies that come at the last moment.
    """
    options = (f"-DREAL={REAL[dtype]}", *(f"-D{name}={value}" for name, value in defines.items()))
    chains = [each.text for each in args if isinstance(each, Chain)]
    instead = {"expression": chains[0]} if chains else {}
    sources = [source(kernel, **instead)]
    if "cp.async" in sources[0]:
        sources.append(source(kernel, copy=LATER, **instead))
    results = []
    for run, order in product((EmuModule(text, options).get_function(kernel) for text in sources), range(4)):
        behind = order % 2 == 0
        kept = [each.struct(behind, dtype) for each in args if isinstance(each, Chain)]
        structs = iter(kept)
        args_now = [next(structs)[0] if isinstance(each, Chain) else each for each in args]
        given = [guarded(a, behind=behind) if _is_array(a) else a for a in args_now]
        out = guarded(np.zeros_like(like) if zeroed else _unwritten(like), behind=behind)
        run(grid or blocks(like.size), (256,), tuple(out if a is OUT else a for a in given), order=order)
        results.append(out.copy())
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other, err_msg="the order of the threads changes the result")
    return results[0]


def assert_close(result, wanted, size=None, epsilons=8):
    """Error in the 2-norm, in units of rounding of `size` (of `wanted`, if None); every element was written.

    size: sums of the absolute values of the terms, for a sum that may cancel.
    """
    assert result.shape == wanted.shape
    assert np.isfinite(result).all(), "an element was not written, or shared memory read before it was"
    scale = max(float(np.linalg.norm(wanted if size is None else size)), 1e-30)
    assert np.linalg.norm(result - wanted) <= epsilons * np.finfo(result.dtype).eps * scale


def tiles(count, tile):
    return math.ceil(count / tile)


def _is_array(a):
    return isinstance(a, np.ndarray) and a.dtype.names is None


def _unwritten(like):
    """An array of which every element is wrong; of booleans, where `like` is what is wanted."""
    if like.dtype.kind == "b":
        return ~like
    return np.full_like(like, np.nan if like.dtype.kind == "f" else np.iinfo(like.dtype).min)
