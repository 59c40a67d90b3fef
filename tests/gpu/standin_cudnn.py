"""A stand-in for the cuDNN frontend, as far as the engine goes: a graph of one data gradient, on main memory.

It refuses what the real one refuses, and more: names that are not used, steps out of turn, geometry that does not fit.
It has a plan for every note, and the numbers of all but the last, which comes as a fallback, are off.
"""

from __future__ import annotations

import ctypes
import inspect
import math
import types
from enum import Enum

import numpy as np

data_type = Enum("data_type", "FLOAT HALF")
heur_mode = Enum("heur_mode", "A B FALLBACK OPENSOURCE")
numerical_note = Enum(
    "numerical_note",
    "TENSOR_CORE DOWN_CONVERT_INPUTS REDUCED_PRECISION_REDUCTION FFT NONDETERMINISTIC WINOGRAD WINOGRAD_TILE_4x4 "
    "WINOGRAD_TILE_6x6 WINOGRAD_TILE_13x13 STRICT_NAN_PROP",
)
EXACT = numerical_note.STRICT_NAN_PROP
OFF = 1.001
"""What an inexact plan multiplies by."""
WORKSPACE = 64
STEPS = ("validate", "build_operation_graph", "create_execution_plans", "check_support", "build_plans")


class cudnnGraphNotSupportedError(Exception):  # noqa: N801
    """No engine knows the graph."""


class Handle:
    """A handle, on the default stream at first."""

    stream = 0


def set_stream(handle, stream):
    assert type(stream) is int
    handle.stream = stream


class tensor:  # noqa: N801
    """Shape, steps and number of an array of float32."""

    def __init__(self, dim=None, stride=None, data_type=None, uid=None):
        self.dim, self.stride, self.data_type, self.uid, self.output = dim, stride, data_type, uid, False

    def set_uid(self, uid):
        self.uid = uid
        return self

    def set_output(self, output):
        self.output = output
        return self

    def set_data_type(self, data_type):
        self.data_type = data_type
        return self

    def set_dim(self, dim):
        self.dim = dim
        return self

    def set_stride(self, stride):
        self.stride = stride
        return self

    def at(self, pointer):
        """The array at an address."""
        assert type(pointer) is int and pointer % 16 == 0, "kernels read 16 bytes at once"
        memory = (ctypes.c_char * (4 * math.prod(self.dim))).from_address(pointer)
        return np.frombuffer(memory, np.float32).reshape(self.dim)

    def check(self):
        steps = [math.prod(self.dim[i + 1 :]) for i in range(len(self.dim))]
        assert type(self.dim) is list and self.stride == steps, "NCHW without gaps"
        assert self.data_type is data_type.FLOAT and type(self.uid) is int


class pygraph:  # noqa: N801
    """A graph; its steps are taken one after the other."""

    def __init__(self, *, io_data_type, intermediate_data_type, compute_data_type, handle):
        assert {io_data_type, intermediate_data_type, compute_data_type} == {data_type.FLOAT}
        assert handle is None or isinstance(handle, Handle)
        self._step, self._plans, self._ready = -1, {}, False

    def tensor(self, *, dim, stride, data_type, uid):
        return tensor(dim, stride, data_type, uid)

    def conv_dgrad(self, *, loss, filter, pre_padding, post_padding, stride, dilation):  # noqa: A002
        self._loss, self._filter, self._found = loss, filter, tensor()
        self._pre, self._post, self._stride, self._dilation = pre_padding, post_padding, stride, dilation
        return self._found

    def validate(self):
        self._take("validate")
        for each in (self._loss, self._filter, self._found):
            each.check()
        assert self._found.output, "a virtual tensor has no memory"
        assert len({self._loss.uid, self._filter.uid, self._found.uid}) == 3

    def build_operation_graph(self):
        self._take("build_operation_graph")
        g, w, x = self._loss.dim, self._filter.dim, self._found.dim
        if min(self._pre + self._post) < 0 or min(g + w + x) < 1 or not 4 <= len(x) <= 5:
            raise RuntimeError("CUDNN_STATUS_BAD_PARAM")
        span = [(k - 1) * d + 1 for k, d in zip(w[2:], self._dilation, strict=True)]
        ends = zip(x[2:], self._pre, self._post, span, self._stride, strict=True)
        out = [(size + pre + post - k) // step + 1 for size, pre, post, k, step in ends]
        if g != [x[0], w[0], *out] or x[1] % w[1] or w[0] % (x[1] // w[1]):
            raise RuntimeError("CUDNN_STATUS_BAD_PARAM")

    def create_execution_plans(self, modes):
        self._take("create_execution_plans")
        inexact = {note: OFF for note in numerical_note if note is not EXACT}
        self._plans = inexact | ({EXACT: 1.0} if modes == [heur_mode.A, heur_mode.FALLBACK] else {})

    def deselect_numeric_notes(self, notes):
        assert STEPS[self._step] == "create_execution_plans", "the notes of no plan are asked for"
        self._plans = {note: off for note, off in self._plans.items() if note not in notes}

    def deselect_workspace_greater_than(self, limit):
        if limit < WORKSPACE:
            self._plans = {}

    def check_support(self):
        self._take("check_support")
        if not self._plans:
            raise RuntimeError("No execution plans support the graph.")

    def build_plans(self):
        self._take("build_plans")
        self._ready = True

    def get_workspace_size(self):
        assert self._ready
        return WORKSPACE

    def execute(self, pointers, workspace, handle):
        assert self._ready and isinstance(handle, Handle)
        assert pointers.keys() == {self._loss.uid, self._filter.uid, self._found.uid}
        g, w, x = (each.at(pointers[each.uid]) for each in (self._loss, self._filter, self._found))
        tensor([WORKSPACE // 4]).at(workspace)[...] = np.nan
        x[...] = next(iter(self._plans.values())) * self._scattered(g.astype("d"), w.astype("d"), x.shape)

    def _take(self, step):
        self._step += 1
        assert STEPS[self._step] == step

    def _scattered(self, g, w, shape):
        """x[n, c, s o + d k - p] += g[n, m, o] w[m, c, k], tap by tap, into an array that has the pads."""
        x = np.zeros([*shape[:2], *np.add(shape[2:], np.add(self._pre, self._post))])
        for group in range(shape[1] // w.shape[1]):
            ms, cs = (slice(group * n, group * n + n) for n in (w.shape[0] * w.shape[1] // shape[1], w.shape[1]))
            for tap in np.ndindex(w.shape[2:]):
                axes = zip(tap, self._stride, self._dilation, g.shape[2:], strict=True)
                at = tuple(slice(k * d, k * d + (o - 1) * s + 1, s) for k, s, d, o in axes)
                x[(slice(None), cs, *at)] += np.einsum("nm...,mc->nc...", g[:, ms], w[(ms, slice(None), *tap)])
        return x[(..., *(slice(p, p + n) for p, n in zip(self._pre, shape[2:], strict=True)))]


def module():
    """The stand-in as a module named cudnn."""
    cudnn = types.ModuleType("cudnn")
    for each in (data_type, heur_mode, numerical_note, cudnnGraphNotSupportedError, set_stream, tensor, pygraph):
        setattr(cudnn, each.__name__, each)
    cudnn.create_handle = Handle
    cudnn.backend_version = lambda: 92400
    cudnn.backend_version_string = lambda: "9.24.0"
    return cudnn


def lacking(cudnn):
    """Names of ours that a real frontend has not."""
    ours, missing = module(), []
    enums = [name for name in vars(ours) if isinstance(getattr(ours, name), type(Enum))]
    for name in [None, "pygraph", *enums]:
        fake, true = (getattr(each, name) if name else each for each in (ours, cudnn))
        members = fake.__members__ if name in enums else vars(fake)
        missing += [each for each in members if each[0] != "_" and not hasattr(true, each)]
    return missing + sorted({"handle"} - inspect.signature(cudnn.pygraph.execute).parameters.keys())
