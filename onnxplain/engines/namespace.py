"""The array functions that rules and facts are written with.

A rule is written once, with the functions of `Namespace`, and each engine implements them. Rules use these functions
and the operators + - * / > >= < <= == & | ~ on arrays, and nothing else: they write into no array, do not branch on
elements, and do not read the shape of a message. So the same text runs in NumPy, on a GPU, and symbolically, when a
walk is traced into an ONNX graph.

An array of any engine has `.shape` and `.ndim`. Of a parameter called `like`, only the shape is read. An adjoint is the
transpose of a linear map. Flat positions count the elements of the whole tensor in C order, as the second output of
ONNX's MaxPool does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.window import Window


class StepBack(Protocol):
    """One step of `Namespace.scan_back`."""

    def __call__(
        self,
        xp: Namespace,
        carried: Sequence[AnyArray],
        arriving: Sequence[AnyArray],
        tapes: Sequence[Any],
    ) -> tuple[list[AnyArray], list[AnyArray]]:
        """Return what is carried on to the step before, and an entry of each new sequence."""


class Namespace(Protocol):
    """What each engine implements. The same tests run on all implementations.

    A function without a docstring does what the function of that name in NumPy does, or in SciPy for erf and sigmoid.
    """

    def const(self, value: AnyArray | ArrayLike) -> AnyArray:
        """Turn a NumPy array or a number into an array of this engine; one that is an array of it is returned as it is.

        Floats are converted to the dtype in which the walk computes.
        """

    def real(self, x: AnyArray) -> AnyArray:
        """Return an array of booleans or integers as floats of the dtype in which the walk computes."""

    # functions of one element, with broadcasting; `where` chooses x where c holds
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
        """Sum over `axes`, which stay as axes of length 1."""

    def ones_like(self, like: AnyArray) -> AnyArray: ...
    def reshape_like(self, x: AnyArray, like: AnyArray) -> AnyArray:
        """Return `x` in the shape of `like`, which has as many elements."""

    def reshape(self, x: AnyArray, shape: Sequence[int]) -> AnyArray: ...
    def expand_dims(self, x: AnyArray, axes: Sequence[int]) -> AnyArray: ...
    def transpose(self, x: AnyArray, perm: Sequence[int]) -> AnyArray: ...
    def broadcast_like(self, x: AnyArray, like: AnyArray) -> AnyArray:
        """Repeat `x` to the shape of `like`, by NumPy's rules of broadcasting."""

    def unbroadcast(self, g: AnyArray, like: AnyArray) -> AnyArray:
        """Return the adjoint of broadcasting: sum `g` to the shape of `like`."""

    def pick(self, x: AnyArray, keys: Sequence[slice]) -> AnyArray:
        """Return x[keys], where `keys` has one slice per axis, of any step."""

    def unpick(self, g: AnyArray, like: AnyArray, keys: Sequence[slice]) -> AnyArray:
        """Return the adjoint of `pick`: zeros in the shape of `like`, with `g` at `keys`."""

    def take(self, x: AnyArray, indices: AnyArray, axis: int) -> AnyArray: ...

    def untake(self, g: AnyArray, like: AnyArray, indices: AnyArray, axis: int) -> AnyArray:
        """Return the adjoint of `take`: add the slices of `g` at `indices` into zeros in the shape of `like`."""

    def scatter_elements(self, g: AnyArray, like: AnyArray, indices: AnyArray, axis: int) -> AnyArray:
        """Return the adjoint of ONNX's GatherElements.

        Each element of `g` is added at its own index along `axis` into zeros in the shape of `like`.
        """

    def scatter_nd(self, g: AnyArray, like: AnyArray, indices: AnyArray) -> AnyArray:
        """Return the adjoint of ONNX's GatherND.

        The slices of `g` are added into zeros in the shape of `like`; an index tuple is the last axis of `indices`.
        """

    def scatter(self, g: AnyArray, like: AnyArray, winners: AnyArray) -> AnyArray:
        """Add the elements of `g` at the flat positions `winners` into zeros in the shape of `like`."""

    # linear maps
    def matmul(self, a: AnyArray, b: AnyArray) -> AnyArray: ...
    def einsum(self, equation: str, *xs: AnyArray) -> AnyArray: ...

    def conv(self, x: AnyArray, w: AnyArray, window: Window, group: int) -> AnyArray:
        """Convolve x [N, C, *in] with w [M, C/group, *kernel] to [N, M, *out], over any number of spatial axes."""

    def conv_adjoint(self, g: AnyArray, w: AnyArray, like: AnyArray, window: Window, group: int) -> AnyArray:
        """Return the adjoint of `conv` in x: from g [N, M, *out] to [N, C, *in], the shape of `like`."""

    def pool_winners(self, x: AnyArray, window: Window) -> AnyArray:
        """Return the flat position of the first maximum of each window of x, [N, C, *out]."""

    def reduce_winners(self, x: AnyArray, axes: Sequence[int]) -> AnyArray:
        """Return the flat position of the first maximum over `axes`, which stay as axes of length 1."""

    # recurrences
    def scan_back(
        self,
        step: StepBack,
        carried: Sequence[AnyArray],
        arriving: Sequence[AnyArray],
        tapes: Sequence[Any],
        taps: Mapping[str, str],
        length: int,
    ) -> tuple[list[AnyArray], list[AnyArray]]:
        """Repeat `step` from the last of `length` steps to the first.

        It is given the namespace to compute with, the arrays that are carried, first `carried` and then what the step
        behind has returned, the entries of the sequences `arriving` at the step, and the tapes at the step, of which
        `taps` says where a value lies (see `walk.tape.StepTape`). It returns what it carries on, and entries of new
        sequences.
        Returns what the first step carries on, and the new sequences.
        """

    # quotients of relevance and of multipliers
    def ratio(self, r: AnyArray, z: AnyArray, eps: float) -> AnyArray:
        """Return r / (z + eps * (+1 if z >= 0 else -1)), the stabilised ratio of LRP; 0 where the denominator is 0."""

    def quotient(self, dy: AnyArray, dx: AnyArray, near: AnyArray, slope: AnyArray) -> AnyArray:
        """Return dy / dx, the difference quotient of DeepLIFT, and `slope` where `near` holds and dx may be 0."""
