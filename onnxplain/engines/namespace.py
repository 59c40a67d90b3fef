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

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.window import Window


class Namespace(Protocol):
    """What an engine has to implement; frozen, so that engines can be checked against one another."""

    def const(self, value: Any) -> AnyArray:
        """Turn a NumPy constant into this engine's array; floats take the dtype of the tape. An array stays."""

    # element by element, with broadcasting
    def abs(self, x: AnyArray) -> AnyArray: ...
    def exp(self, x: AnyArray) -> AnyArray: ...
    def erf(self, x: AnyArray) -> AnyArray: ...
    def log(self, x: AnyArray) -> AnyArray: ...
    def sqrt(self, x: AnyArray) -> AnyArray: ...
    def sin(self, x: AnyArray) -> AnyArray: ...
    def cos(self, x: AnyArray) -> AnyArray: ...
    def sinh(self, x: AnyArray) -> AnyArray: ...
    def cosh(self, x: AnyArray) -> AnyArray: ...
    def tanh(self, x: AnyArray) -> AnyArray: ...
    def sigmoid(self, x: AnyArray) -> AnyArray: ...
    def sign(self, x: AnyArray) -> AnyArray: ...
    def pow(self, x: AnyArray, p: AnyArray | float) -> AnyArray: ...
    def maximum(self, x: AnyArray, y: AnyArray | float) -> AnyArray: ...
    def minimum(self, x: AnyArray, y: AnyArray | float) -> AnyArray: ...
    def where(self, c: AnyArray, x: AnyArray | float, y: AnyArray | float) -> AnyArray: ...
    def isfinite(self, x: AnyArray) -> AnyArray: ...

    # reductions and shapes
    def sum(self, x: AnyArray, axes: Sequence[int]) -> AnyArray:
        """Sum over `axes`, which stay with length 1."""

    def ones_like(self, like: AnyArray) -> AnyArray: ...
    def reshape_like(self, x: AnyArray, like: AnyArray) -> AnyArray: ...
    def reshape(self, x: AnyArray, shape: Sequence[int]) -> AnyArray:
        """`x` in another shape; one entry may be -1 and follows from the others."""

    def expand_dims(self, x: AnyArray, axes: Sequence[int]) -> AnyArray: ...
    def transpose(self, x: AnyArray, perm: Sequence[int]) -> AnyArray: ...
    def broadcast_like(self, x: AnyArray, like: AnyArray) -> AnyArray: ...

    def unbroadcast(self, g: AnyArray, like: AnyArray) -> AnyArray:
        """Adjoint of broadcasting: sum `g` to the shape of `like`."""

    def pick(self, x: AnyArray, keys: Sequence[slice]) -> AnyArray:
        """x[keys]: one slice per axis, any step."""

    def unpick(self, g: AnyArray, like: AnyArray, keys: Sequence[slice]) -> AnyArray:
        """Adjoint of `pick`: zeros like `like` with `g` at `keys`."""

    def take(self, x: AnyArray, indices: Any, axis: int) -> AnyArray: ...

    def untake(self, g: AnyArray, like: AnyArray, indices: Any, axis: int) -> AnyArray:
        """Adjoint of `take`: add the slices of `g` at `indices` into zeros like `like`."""

    def scatter_elements(self, g: AnyArray, like: AnyArray, indices: AnyArray, axis: int) -> AnyArray:
        """Adjoint of ONNX GatherElements: add each element of `g` at its index along `axis` into zeros like `like`."""

    def scatter_nd(self, g: AnyArray, like: AnyArray, indices: AnyArray) -> AnyArray:
        """Adjoint of ONNX GatherND: add slices of `g` at index tuples, the last axis of `indices`, into zeros."""

    def scatter(self, g: AnyArray, like: AnyArray, winners: AnyArray) -> AnyArray:
        """Add `g` at the flat positions `winners` into zeros like `like`."""

    # linear maps
    def matmul(self, a: AnyArray, b: AnyArray) -> AnyArray: ...
    def einsum(self, equation: str, *xs: AnyArray) -> AnyArray: ...

    def conv(self, x: AnyArray, w: AnyArray, window: Window, group: int) -> AnyArray:
        """Convolution of x [N, C, *in] with w [M, C/group, *kernel] -> [N, M, *out], any number of axes."""

    def conv_adjoint(self, g: AnyArray, w: AnyArray, like: AnyArray, window: Window, group: int) -> AnyArray:
        """Transpose of `conv` in x: g [N, M, *out] -> [N, C, *in] of `like`."""

    def pool_winners(self, x: AnyArray, window: Window) -> AnyArray:
        """Flat positions of the first maximum of each window of x, shape [N, C, *out]."""

    def reduce_winners(self, x: AnyArray, axes: Sequence[int]) -> AnyArray:
        """Flat positions of the first maximum of x over `axes`, which stay with length 1."""

    # what relevance needs
    def ratio(self, r: AnyArray, z: AnyArray, eps: float) -> AnyArray:
        """r / (z + eps*(+1 if z >= 0 else -1)); 0 where that denominator is 0."""

    def quotient(self, dy: AnyArray, dx: AnyArray, near: AnyArray, slope: AnyArray) -> AnyArray:
        """dy / dx, and `slope` where `near` holds."""
