"""Seconds that work takes on the device, and what the device can do at best."""

from __future__ import annotations

import time
from functools import cache
from statistics import median
from typing import TYPE_CHECKING, Any

import cupy
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS, LEAST, MOST = 0.15, 5, 50
REPEATS = 8
"""Calls between two events, which share the time that Python takes to launch the first."""
SIDE, COPIED = 8192, 2**30
"""Rows of the matrices, and bytes of the copy, that show what the device can do."""
STEPS = 100_000
"""Of the wait before a call that is timed alone: 0.2 ms, ten times what Python takes to launch it."""
WAIT = """extern "C" __global__ void busy(float* out, int steps) {
  float x = 0;
  for (int i = 0; i < steps; ++i) x = x * x + 0.25f;
  *out = x;
}"""
"""One thread, whose every step needs the last; it leaves the caches alone."""


def on_device(run: Callable[[], Any]) -> float:
    """Median seconds of a call on the stream, after two calls to warm up."""
    run(), run()
    times: list[float] = []
    while len(times) < LEAST or (sum(times) < SECONDS and len(times) < MOST):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        for _ in range(REPEATS):
            run()
        end.record()
        end.synchronize()
        times.append(cupy.cuda.get_elapsed_time(start, end) / 1000 / REPEATS)
    return median(times)


def around(run: Callable[[], Any]) -> tuple[Any, Any]:
    """Events before and behind one call on the stream, which `seconds` reads later.

    The device waits until all is in its queue: else what lies between would be the time that Python takes to launch.
    """
    start, end = cupy.cuda.Event(), cupy.cuda.Event()
    wait, out = _wait()
    wait((1,), (1,), (out, np.int32(STEPS)))
    start.record()
    run()
    end.record()
    return start, end


def seconds(start: Any, end: Any) -> float:
    """Seconds between two events, of which the second may be still to come."""
    end.synchronize()
    return float(cupy.cuda.get_elapsed_time(start, end)) / 1000


def on_wall(run: Callable[[], Any], seconds: float) -> float:
    """Median seconds of a call that ends with its answer on the host, after two calls to warm up."""
    run(), run()
    times: list[float] = []
    while len(times) < LEAST or (sum(times) < seconds and len(times) < MOST):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return median(times)


def peaks(side: int = SIDE, copied: int = COPIED) -> tuple[float, float]:
    """Operations a second of a large product in exact float32, and bytes a second of a copy, read and written."""
    from onnxplain.engines.cupy.gemm import matmul

    # not ones: a GPU takes less power, and runs faster, where no bit changes
    a = cupy.asarray(np.random.default_rng(0).standard_normal((side, side), np.float32))
    source = cupy.zeros((copied // 4,), np.float32)
    return 2 * side**3 / on_device(lambda: matmul(a, a)), 2 * copied / on_device(source.copy)


@cache
def _wait() -> tuple[Any, Any]:
    return cupy.RawModule(code=WAIT, options=()).get_function("busy"), cupy.empty((1,), np.float32)
