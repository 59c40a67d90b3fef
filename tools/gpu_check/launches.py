"""What a walk launches, one by one: which kernel, and how much it moves and computes at the least.

    bytes        of every array that it reads or writes, once, whatever a cache saves or a tile reads again; of one that
                 is broadcast, what lies in memory
    operations   multiplications and additions of convolutions (2 N M C/group taps out, the padding's too) and of
                 cuBLAS's products (2 m n k count); 0 for all others, which wait for memory

CuPy's own functions, such as copies, zeros and sorts, are not among them.
"""

from __future__ import annotations

import math
import re
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import cupy

from onnxplain.engines.cupy import expression, gemm, kernels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Run = Callable[[], Any]

PRODUCT = "cublas"
_OWNER, _CAST = re.compile(r"xp::|\b[er]\.(?=[an])"), re.compile(r"\bT\(([^()]*)\)")
_FUNCTION = re.compile(r"^  const \w+ (t\d+ = .*);$", re.MULTILINE)


@dataclass(frozen=True)
class Launch:
    """One launch. chain: the text that was built into the kernel, where it reads one."""

    kernel: str
    bytes: int
    operations: int = 0
    chain: str = ""

    def bound(self, operations: float, bandwidth: float) -> float:
        """Seconds at the least, on a device of so many operations and bytes a second."""
        return max(self.operations / operations, self.bytes / bandwidth)


@contextmanager
def met(meet: Callable[[Callable[[], Launch], Run], None]) -> Iterator[None]:
    """Hand each launch to `meet`, first what describes it and then what runs it: both are for `meet` to call."""
    kernel, struct, product = kernels._kernel, expression._struct, gemm._call  # noqa: SLF001
    reads: list[Any] = []  # of the chain that was written last, which is the one that is launched next

    def noted(writer: Any, *given: Any) -> Any:
        reads[:] = writer.arrays
        return struct(writer, *given)

    def launched(name: str, dtype: str, chain: str, defines: Any) -> Callable[..., None]:
        run = kernel(name, dtype, chain, defines)
        return lambda grid, block, args: meet(
            partial(_kernel, name, chain, args, reads), partial(run, grid, block, args)
        )

    def multiplied(*given: Any) -> None:
        meet(partial(_product, *given), partial(product, *given))

    with (
        patch.object(kernels, "_kernel", launched),
        patch.object(expression, "_struct", noted),
        patch.object(gemm, "_call", multiplied),
    ):
        yield


def functions(chain: str) -> str:
    """The functions of a chain, behind one another; that of an array alone is the array."""
    return _CAST.sub(r"\1", _OWNER.sub("", "; ".join(_FUNCTION.findall(chain)))) or "a0"


def _kernel(name: str, chain: str, args: Sequence[Any], reads: Sequence[Any]) -> Launch:
    arrays = [each for each in args if isinstance(each, cupy.ndarray)]
    operations = 0
    if name.startswith("conv_"):  # from, weight, to, batch, groups, channels of a group on both sides, .., window
        window = args[-1]
        operations = (
            2 * math.prod(map(int, args[3:7])) * math.prod((*window["kernel"].tolist(), *window["out"].tolist()))
        )
    return Launch(name, _bytes(arrays + list(reads) if chain else arrays), operations, chain)


def _product(a: Any, b: Any, out: Any, shape: tuple[int, ...], k: int) -> Launch:
    return Launch(PRODUCT, _bytes([each.array for each in (a, b, out)]), 2 * math.prod(shape) * k)


def _bytes(arrays: Sequence[Any]) -> int:
    """In memory: an axis with a step of 0 has one element there, and an array that is named twice counts once."""
    return sum(size for _, size in {(each.data.ptr, _own(each)) for each in arrays})


def _own(x: Any) -> int:
    return int(x.itemsize) * math.prod(n for n, step in zip(x.shape, x.strides, strict=True) if step)
