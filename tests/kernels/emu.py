"""Run a CUDA kernel on the CPU: compiled by g++ through cuda_emu.h, called as CuPy's RawModule and RawKernel are.

    module = EmuModule(source("col2im"), ("-DREAL=float",))
    module.get_function("col2im")(grid, block, (columns, x, numpy.int64(planes), window), order=2)

NumPy arrays stand for device arrays. As in CuPy, scalars and structs go by value with the size of their dtype: a Python
int as an int64, a float as a double, a NumPy scalar or a structured array of shape () as it is; None is a null pointer.
Unlike CuPy, a wrong number or size of arguments is an error, and so is an access outside a `guarded` array.
"""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

HEADER, RUNTIME, OBJECT = "cuda_emu.h", "cuda_emu.cpp", "cuda_emu.o"
EMULATOR = tuple(Path(__file__).with_name(name).read_text() for name in (HEADER, RUNTIME))
COMPILER = shutil.which("g++")
_CACHE = Path(tempfile.gettempdir()) / f"onnxplain-kernels-{os.getuid()}"
FLAGS = ("-std=c++20", "-O2", "-U_FORTIFY_SOURCE", "-fPIC", "-fvisibility=hidden", "-w")
_KERNEL = re.compile(r"__global__\s+void\s+(?:__launch_bounds__\s*\([^()]*\)\s*)?(\w+)\s*\(")
_ERRORS = {
    1: "launch out of limits",
    2: "access out of bounds",
    3: "a barrier that not every thread reaches",
    4: "division by 0",
}


class EmuModule:
    """The kernels of one source; builds are kept by the hash of what went into them."""

    def __init__(self, code: str, options: tuple[str, ...] = ()) -> None:
        self.names = _KERNEL.findall(code)
        barriers = "true" if "__syncthreads" in code else "false"
        exports = "".join(f"EMU_EXPORT({name}, {barriers})\n" for name in self.names)
        kernels = code.replace('extern "C" __global__', "__global__")
        text = f'#include "cuda_emu.h"\n#line 1 "kernel.cu"\n{kernels}\n{exports}'
        defines = [option for option in options if option.startswith("-D")]
        self._library = ctypes.CDLL(str(_build(text, defines)))

    def get_function(self, name: str) -> Kernel:
        return Kernel(self._library, name)


def _build(text: str, defines: list[str]) -> Path:
    """Shared library of a C++ source, from the cache where it was built before."""
    key = _key(text, *EMULATOR, *FLAGS, *defines)
    library = _CACHE / f"{key}.so"
    if not library.exists():
        emulator = _emulator()
        with tempfile.TemporaryDirectory(dir=_CACHE) as folder:
            source, built = Path(folder, "kernel.cpp"), Path(folder, "kernel.so")
            source.write_text(text)
            inputs = ["-I", str(emulator), str(source), str(emulator / OBJECT)]
            subprocess.run([COMPILER, *FLAGS, *defines, "-shared", *inputs, "-o", str(built)], check=True)
            built.replace(library)
    return library


@cache
def _emulator() -> Path:
    """Folder of the compiled emulator and its precompiled header, on which a build would spend most of its time.

    A compiler that cannot use the precompiled form, such as another version, reads the header beside it.
    """
    folder = _CACHE / _key(*EMULATOR, *FLAGS)
    if not folder.exists():
        _CACHE.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE) as scratch:
            made = Path(scratch, "emulator")
            made.mkdir()
            for name, text in zip((HEADER, RUNTIME), EMULATOR, strict=True):
                (made / name).write_text(text)
            for options in (["-x", "c++-header", HEADER, "-o", f"{HEADER}.gch"], ["-c", RUNTIME, "-o", OBJECT]):
                subprocess.run([COMPILER, *FLAGS, *options], check=True, cwd=made)
            with suppress(OSError):  # another process has made it
                made.rename(folder)
    return folder


def _key(*parts: str) -> str:
    """Name in the cache of what is built from these texts and options."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


class Kernel:
    """One kernel; `order` is that of the threads: 0 forward, 1 backward, 2 and 3 shuffled."""

    def __init__(self, library: ctypes.CDLL, name: str) -> None:
        self.name = name
        self._library = library
        self._launch = getattr(library, f"emu_launch_{name}")
        sizes = (ctypes.c_int * 64)()
        self._sizes = sizes[: getattr(library, f"emu_sizes_{name}")(sizes)]

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple, *, order: int = 0) -> None:
        held = [_by_value(each) for each in args]
        if [each.nbytes for each in held] != self._sizes:
            given = [each.nbytes for each in held]
            raise TypeError(f"{self.name} takes arguments of {self._sizes} bytes, got {given}")
        pointers = (ctypes.c_void_p * len(held))(*(each.ctypes.data for each in held))
        status = self._launch(_three(grid), _three(block), order, pointers)
        if status:
            where = (ctypes.c_uint * 6)()
            self._library.emu_last_thread(where)
            place = f"block {tuple(where[:3])}, thread {tuple(where[3:])}"
            raise RuntimeError(f"{self.name}: {_ERRORS[status]} (grid {grid}, block {block}; {place})")


def _three(sizes: tuple[int, ...]) -> ctypes.Array[ctypes.c_uint]:
    return (ctypes.c_uint * 3)(*sizes, *(1,) * (3 - len(sizes)))


def _by_value(argument: object) -> np.ndarray:
    """The bytes that a kernel receives for an argument."""
    if isinstance(argument, np.ndarray) and argument.dtype.names is None:
        return np.array(argument.ctypes.data, np.uintp)
    if argument is None:
        return np.array(0, np.uintp)
    if type(argument) is int:
        return np.array(argument, np.int64)
    return np.asarray(argument)


_libc = ctypes.CDLL(None)
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_NO_ACCESS = 0
_GUARD = 256 * mmap.PAGESIZE
"""Bytes that are protected on each side of an array: a wrong index often misses by more than a page."""


def guarded(array: np.ndarray, *, behind: bool = True) -> np.ndarray:
    """Copy of an array whose last byte, or with behind=False its first, touches protected pages."""
    room = -(-max(array.nbytes, 1) // mmap.PAGESIZE) * mmap.PAGESIZE
    region = mmap.mmap(-1, room + 2 * _GUARD)
    base = ctypes.addressof(ctypes.c_char.from_buffer(region))
    _libc.mprotect(base, _GUARD, _NO_ACCESS)
    _libc.mprotect(base + _GUARD + room, _GUARD, _NO_ACCESS)
    start = _GUARD + (room - array.nbytes if behind else 0)
    copy = np.frombuffer(region, array.dtype, array.size, start).reshape(array.shape)
    copy[...] = array
    return copy
