"""The emulator: threads and barriers as CUDA has them, arguments as CuPy passes them, and errors that a GPU hides."""

from __future__ import annotations

import numpy as np
import pytest
from kernels.emu import EmuModule, guarded
from kernels.launch import i32, needs_compiler

pytestmark = needs_compiler
orders = pytest.mark.parametrize("order", range(4))


def kernel(body, parameters="int* out"):
    return EmuModule(f'extern "C" __global__ void f({parameters}) {{ {body} }}').get_function("f")


@orders
def test_every_thread_of_every_block_runs_once(order):
    out = np.zeros((2, 3, 2, 4, 2, 8), "i4")
    index = "((blockIdx.z * 3 + blockIdx.y) * 2 + blockIdx.x) * 64 + (threadIdx.z * 2 + threadIdx.y) * 8 + threadIdx.x"
    kernel(f"out[{index}] += 1 + gridDim.x * 10 + blockDim.x * 100;")((2, 3, 2), (8, 2, 4), (out,), order=order)
    assert (out == 821).all()


@orders
def test_a_barrier_hands_over_shared_memory(order):
    reverse = kernel(
        "const int i = threadIdx.x; __shared__ int s[64]; s[i] = out[i]; __syncthreads(); out[63 - i] = s[i];"
    )
    out = np.arange(64, dtype="i4")
    reverse((1,), (64,), (out,), order=order)
    np.testing.assert_array_equal(out, np.arange(64)[::-1])


def test_the_orders_differ():
    seen = kernel("out[blockIdx.x * 8 + threadIdx.x] = out[32]++;")
    runs = []
    for order in range(4):
        out = np.zeros(33, "i4")
        seen((4,), (8,), (out,), order=order)
        runs.append(tuple(out[:32]))
    assert runs[0] == tuple(range(32)) and runs[1] == tuple(range(32))[::-1]
    assert len(set(runs)) == 4 and all(sorted(run) == list(range(32)) for run in runs)


def test_shared_memory_is_nan_in_every_block():
    probe = kernel("__shared__ float s[2]; out[blockIdx.x] = s[0] != s[0]; __syncthreads(); s[0] = 1;")
    out = np.zeros(3, "i4")
    probe((3,), (1,), (out,))
    assert (out == 1).all()


def test_a_barrier_that_some_threads_miss():
    with pytest.raises(RuntimeError, match="barrier"):
        kernel("if (threadIdx.x < 5) __syncthreads();")((1,), (8,), (np.zeros(1, "i4"),))


@pytest.mark.parametrize("behind", [True, False])
def test_an_access_outside_a_guarded_array(behind):
    out = guarded(np.zeros(10, "i4"), behind=behind)
    write = kernel("out[at + threadIdx.x] = 1;", "int* out, int at")
    write((1,), (10,), (out, i32(0)))
    assert out.sum() == 10
    with pytest.raises(RuntimeError, match=f"out of bounds.*thread .{9 if behind else 0}, 0, 0."):
        write((1,), (10,), (out, i32(1 if behind else -1)))
    write((1,), (10,), (out, i32(0)))


def test_a_division_by_0():
    with pytest.raises(RuntimeError, match="division by 0"):
        kernel("out[0] = out[2] / out[1];")((1,), (1,), (np.zeros(3, "i4"),))


def test_arguments_go_by_value_with_the_size_of_their_dtype():
    parameters = "double* out, int a, long long b, float c, double d, const int* none, V v"
    code = (
        'struct V { int x[3]; }; extern "C" __global__ void f('
        + parameters
        + ") { out[0] = a + b + c + d + v.x[2] + !none; }"
    )
    struct = np.zeros((), [("x", "i4", 3)])
    struct["x"] = 1, 2, 1000
    out = np.zeros(1)
    EmuModule(code).get_function("f")((1,), (1,), (out, i32(1), 2, np.float32(0.5), 0.25, None, struct))
    assert out[0] == 1004.75


@pytest.mark.parametrize("args", [(), (1.0,), (1, 2)])
def test_arguments_of_the_wrong_size_or_number(args):
    with pytest.raises(TypeError, match="takes arguments of"):
        kernel("", "int a")((1,), (1,), args)


@pytest.mark.parametrize(("grid", "block"), [((0,), (1,)), ((1, 70000), (1,)), ((1,), (1025,)), ((1,), (32, 33))])
def test_launches_that_a_gpu_refuses(grid, block):
    with pytest.raises(RuntimeError, match="limits"):
        kernel("")(grid, block, (np.zeros(1, "i4"),))
