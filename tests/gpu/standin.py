"""A stand-in for the part of CuPy that the engine uses: arrays in main memory, kernels on the CPU emulator.

It is as strict as CuPy where it matters: its arrays mix with numbers and with one another, never with NumPy's, and
turn into NumPy's by name only. Fresh memory holds NaN. What the engine does not use is not here.
"""

from __future__ import annotations

import operator
import types

import numpy as np
from gpu import standin_cuda


class Pointer:
    """Address of the first element."""

    def __init__(self, ptr):
        self.ptr = ptr


class ndarray:  # noqa: N801
    """CuPy's array, as far as the engine goes; a view keeps the array alive whose memory it shows."""

    __hash__ = None

    def __init__(self, array, of=None):
        self.memory = np.asarray(array)
        shared = of is not None and np.may_share_memory(self.memory, of.memory)
        self.base = (of if of.base is None else of.base) if shared else None

    shape = property(lambda self: self.memory.shape)
    ndim = property(lambda self: self.memory.ndim)
    size = property(lambda self: self.memory.size)
    dtype = property(lambda self: self.memory.dtype)
    itemsize = property(lambda self: self.memory.itemsize)
    strides = property(lambda self: self.memory.strides)
    flags = property(lambda self: self.memory.flags)
    data = property(lambda self: Pointer(self.memory.ctypes.data))

    def __array__(self, *_, **__):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def astype(self, dtype, copy=True):
        return self if self.dtype == dtype and not copy else ndarray(self.memory.astype(dtype))

    def view(self, dtype):
        return ndarray(self.memory.view(dtype), self)

    def reshape(self, *shape):
        return ndarray(self.memory.reshape(*shape), self)

    def transpose(self, *axes):
        return ndarray(self.memory.transpose(*axes), self)

    def copy(self):
        return ndarray(self.memory.copy())

    def ravel(self):
        return ndarray(self.memory.ravel(), self)

    def sum(self, dtype=None):
        return ndarray(self.memory.sum(dtype=dtype))

    def __getitem__(self, key):
        return ndarray(self.memory[plain_key(key)], self)

    def __setitem__(self, key, value):
        self.memory[plain_key(key)] = plain(value)

    def __len__(self):
        return len(self.memory)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __add__(self, other):
        return call(operator.add, self, other)

    def __mul__(self, other):
        return call(operator.mul, self, other)

    def __mod__(self, other):
        return call(operator.mod, self, other)

    def __float__(self):
        return float(self.memory)

    def __int__(self):
        return int(self.memory)


def plain(value):
    """What NumPy computes with: the memory of our own arrays, and numbers. NumPy's arrays are refused, as CuPy does."""
    if isinstance(value, ndarray):
        return value.memory
    if isinstance(value, (int, float, np.generic)):
        return value
    raise TypeError(f"Unsupported type {type(value)}")


def plain_key(key):
    """An index: our arrays, slices, integers, None and the ellipsis."""
    keys = key if isinstance(key, tuple) else (key,)
    bare = (slice, int, type(None), type(Ellipsis))
    return tuple(each if isinstance(each, bare) else plain(each) for each in keys)


def call(function, *arguments):
    """A function of NumPy on our arrays; the answer is an array, of rank 0 too."""
    with np.errstate(all="ignore"):
        return ndarray(function(*map(plain, arguments)))


def empty(shape, dtype):
    """Memory that no one has written: NaN, or a number that no one means."""
    array = np.empty(shape, dtype)
    array.fill(np.nan if array.dtype.kind == "f" else 77)
    return ndarray(array)


def asarray(value, order="K"):
    return value if isinstance(value, ndarray) else ndarray(np.array(value, order=order))


def asnumpy(value):
    return value.memory.copy() if isinstance(value, ndarray) else np.asarray(value)


def ascontiguousarray(x):
    # a NumPy array of rank 0 would grow an axis
    return x if x.flags.c_contiguous else ndarray(np.ascontiguousarray(plain(x)))


def einsum(equation, *xs):
    return ndarray(np.einsum(equation, *map(plain, xs)))


def take(x, indices, axis):
    return ndarray(np.take(plain(x), plain(indices), axis, mode="wrap"))


def argsort(x):
    return ndarray(np.argsort(plain(x), kind="stable"))


def from_dlpack(value):
    return ndarray(np.from_dlpack(value))


def module():
    """The stand-in as a module named cupy."""
    cupy = types.ModuleType("cupy")
    own = (ndarray, empty, asarray, asnumpy, ascontiguousarray, einsum, take, argsort, from_dlpack)
    for each in own:
        setattr(cupy, each.__name__, each)
    cupy.zeros = lambda shape, dtype: ndarray(np.zeros(shape, dtype))
    cupy.arange = lambda n: ndarray(np.arange(n))
    cupy.broadcast_to = lambda x, shape: ndarray(np.broadcast_to(plain(x), shape), x)
    cupy.expand_dims = lambda x, axes: ndarray(np.expand_dims(plain(x), axes), x)
    cupy.moveaxis = lambda x, source, to: ndarray(np.moveaxis(plain(x), source, to), x)
    cupy.get_default_memory_pool = standin_cuda.MemoryPool
    cupy.RawModule = standin_cuda.RawModule
    cupy.cuda = standin_cuda.cuda()
    return cupy
