"""The array functions that rules and facts are written against.

A rule is written once, against `Namespace`; an engine is one implementation of it. Rules use these functions and
the operators + - * / > >= < <= == & | on arrays, nothing else: no in-place write, no branch on data, no shape of a
message. So the same text runs eagerly on NumPy, on a GPU, and symbolically when a walk is traced into a graph.

An engine's arrays have `.shape` and `.ndim`. A parameter called `like` is read for its shape only.
Indices returned by `pool_winners` are flat positions in the whole tensor, as ONNX MaxPool returns them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.engines.window import Window

Array = Any
"""A float array of some engine, with the dtype of the tape."""


class Namespace(Protocol):
    """What an engine has to implement; frozen, so that engines can be checked against one another."""

    def const(self, value: Any) -> Array:
        """Turn a NumPy constant into this engine's array; floats take the dtype of the tape. An array stays."""

    # element by element, with broadcasting
    def abs(self, x: Array) -> Array: ...
    def exp(self, x: Array) -> Array: ...
    def erf(self, x: Array) -> Array: ...
    def log(self, x: Array) -> Array: ...
    def sqrt(self, x: Array) -> Array: ...
    def sin(self, x: Array) -> Array: ...
    def cos(self, x: Array) -> Array: ...
    def sinh(self, x: Array) -> Array: ...
    def cosh(self, x: Array) -> Array: ...
    def tanh(self, x: Array) -> Array: ...
    def sigmoid(self, x: Array) -> Array: ...
    def sign(self, x: Array) -> Array: ...
    def pow(self, x: Array, p: Array | float) -> Array: ...
    def maximum(self, x: Array, y: Array | float) -> Array: ...
    def minimum(self, x: Array, y: Array | float) -> Array: ...
    def where(self, c: Array, x: Array | float, y: Array | float) -> Array: ...
    def isfinite(self, x: Array) -> Array: ...

    # reductions and shapes
    def sum(self, x: Array, axes: Sequence[int]) -> Array:
        """Sum over `axes`, which stay with length 1."""

    def ones_like(self, like: Array) -> Array: ...
    def reshape_like(self, x: Array, like: Array) -> Array: ...
    def reshape(self, x: Array, shape: Sequence[int]) -> Array:
        """`x` in another shape; one entry may be -1 and follows from the others."""

    def expand_dims(self, x: Array, axes: Sequence[int]) -> Array: ...
    def transpose(self, x: Array, perm: Sequence[int]) -> Array: ...
    def broadcast_like(self, x: Array, like: Array) -> Array: ...

    def unbroadcast(self, g: Array, like: Array) -> Array:
        """Adjoint of broadcasting: sum `g` to the shape of `like`."""

    def pick(self, x: Array, keys: Sequence[slice]) -> Array:
        """x[keys]: one slice per axis, any step."""

    def unpick(self, g: Array, like: Array, keys: Sequence[slice]) -> Array:
        """Adjoint of `pick`: zeros like `like` with `g` at `keys`."""

    def take(self, x: Array, indices: Any, axis: int) -> Array: ...

    def untake(self, g: Array, like: Array, indices: Any, axis: int) -> Array:
        """Adjoint of `take`: add the slices of `g` at `indices` into zeros like `like`."""

    def scatter_elements(self, g: Array, like: Array, indices: Array, axis: int) -> Array:
        """Adjoint of ONNX GatherElements: add each element of `g` at its index along `axis` into zeros like `like`."""

    def scatter_nd(self, g: Array, like: Array, indices: Array) -> Array:
        """Adjoint of ONNX GatherND: add slices of `g` at index tuples, the last axis of `indices`, into zeros."""

    def scatter(self, g: Array, like: Array, winners: Array) -> Array:
        """Add `g` at the flat positions `winners` into zeros like `like`."""

    # linear maps
    def matmul(self, a: Array, b: Array) -> Array: ...
    def einsum(self, equation: str, *xs: Array) -> Array: ...

    def conv(self, x: Array, w: Array, window: Window, group: int) -> Array:
        """Convolution of x [N, C, *in] with w [M, C/group, *kernel] -> [N, M, *out], any number of axes."""

    def conv_adjoint(self, g: Array, w: Array, like: Array, window: Window, group: int) -> Array:
        """Transpose of `conv` in x: g [N, M, *out] -> [N, C, *in] of `like`."""

    def pool_winners(self, x: Array, window: Window) -> Array:
        """Flat positions of the first maximum of each window of x, shape [N, C, *out]."""

    def reduce_winners(self, x: Array, axes: Sequence[int]) -> Array:
        """Flat positions of the first maximum of x over `axes`, which stay with length 1."""

    # what relevance needs
    def ratio(self, r: Array, z: Array, eps: float) -> Array:
        """r / (z + eps*(+1 if z >= 0 else -1)); 0 where that denominator is 0."""

    def quotient(self, dy: Array, dx: Array, near: Array, slope: Array) -> Array:
        """dy / dx, and `slope` where `near` holds."""
