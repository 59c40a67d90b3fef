"""The stand-in's device: kernels on the CPU emulator, cuBLAS by NumPy on the same pointers, a stream that is none."""

from __future__ import annotations

import ctypes
import time
import types

import numpy as np
from kernels.emu import EmuModule


class RawModule:
    """A module of kernels, compiled for the CPU."""

    def __init__(self, code, options=()):
        self._module = EmuModule(code, options)

    def get_function(self, name):
        kernel = self._module.get_function(name)
        return lambda grid, block, args: kernel(grid, block, [_argument(each) for each in args])


def _argument(value):
    """An argument as the emulator takes it; a bare Python number would have a C type by chance."""
    assert value is None or not isinstance(value, (int, float)) or isinstance(value, np.generic), value
    return getattr(value, "memory", value)


def gemm_strided_batched(dtype):
    """cuBLAS's product of matrices in memory, which lie by columns: C = op(A) op(B), `count` times."""

    def multiply(
        handle, op_a, op_b, m, n, k, one, a, lead_a, step_a, b, lead_b, step_b, zero, c, lead_c, step_c, count
    ):
        assert _number(one, dtype) == 1 and _number(zero, dtype) == 0
        assert lead_a >= (k if op_a else m) and lead_b >= (n if op_b else k) and lead_c >= m
        left = _matrices(a, dtype, count, (k, m) if op_a else (m, k), lead_a, step_a)
        right = _matrices(b, dtype, count, (n, k) if op_b else (k, n), lead_b, step_b)
        left, right = left.swapaxes(1, 2) if op_a else left, right.swapaxes(1, 2) if op_b else right
        _matrices(c, dtype, count, (m, n), lead_c, step_c)[...] = np.matmul(left, right)

    return multiply


def _matrices(pointer, dtype, count, shape, lead, step):
    """Column-major matrices [count, rows, columns] at an address."""
    rows, columns = shape
    length = step * (count - 1) + lead * (columns - 1) + rows
    flat = np.frombuffer((ctypes.c_char * (length * dtype.itemsize)).from_address(pointer), dtype)
    strides = tuple(dtype.itemsize * each for each in (step, 1, lead))
    return np.lib.stride_tricks.as_strided(flat, (count, rows, columns), strides)


def _number(pointer, dtype):
    return np.frombuffer((ctypes.c_char * dtype.itemsize).from_address(pointer), dtype)[0]


class Stream:
    """A stream, which everything waits for; `current` is the one in use."""

    current = types.SimpleNamespace(ptr=0)

    def __init__(self, non_blocking):
        assert non_blocking, "the default stream would wait for it, and it for the default stream"
        self.ptr = id(self)

    def __enter__(self):
        self._before, Stream.current = Stream.current, self

    def __exit__(self, *_):
        Stream.current = self._before

    def synchronize(self):
        pass


class Event:
    """A moment."""

    def record(self):
        self.moment = time.perf_counter()

    def synchronize(self):
        pass


class Device:
    """A small GPU."""

    id = 0
    attributes = types.MappingProxyType({"MultiProcessorCount": 4})
    mem_info = (2**33, 2**34)
    properties = types.MappingProxyType(
        {"name": b"stand-in", "major": 9, "minor": 0, "totalGlobalMem": 2**34, "multiProcessorCount": 4}
    )


class MemoryPool:
    """Memory that waits for the next array: none."""

    def free_all_blocks(self):
        pass


def cuda():
    """The module cupy.cuda."""
    single, double = map(np.dtype, ("f", "d"))
    return types.SimpleNamespace(
        is_available=lambda: True,
        Device=Device,
        Stream=Stream,
        Event=Event,
        get_elapsed_time=lambda start, end: 1000 * (end.moment - start.moment),
        get_current_stream=lambda: Stream.current,
        get_cublas_handle=lambda: 1,
        cublas=types.SimpleNamespace(
            sgemmStridedBatched=gemm_strided_batched(single), dgemmStridedBatched=gemm_strided_batched(double)
        ),
        runtime=types.SimpleNamespace(getDeviceProperties=lambda _: dict(Device.properties)),
    )
