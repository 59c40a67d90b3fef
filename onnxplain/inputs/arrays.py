"""Arrays that a user passes, checked against an input of the model: rank, layout, element type, NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError, NumericalError
from onnxplain.inputs.shape import Shape, show, static

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from onnxplain.arrays import Array

_MOVES = {  # by rank: transpositions of a swapped array to the model's layout, and the names of the two layouts
    4: (
        ((0, 3, 1, 2), "channels last (NHWC)", "channels first (NCHW)"),
        ((0, 2, 3, 1), "channels first (NCHW)", "channels last (NHWC)"),
    ),
    3: (((0, 2, 1), "axes 1 and 2 swapped", "another order"),),
}


def checked(
    array: Array, name: str, shape: Shape, dtype: DTypeLike, *, raw: bool, missing: bool = False
) -> tuple[Array, tuple[str, ...]]:
    """Return `array` as the model takes it, with the batch axis first, and notes on what was added.

    A missing batch axis is added. The length of the batch axis is not checked, since a batch can be cut into parts.
    name: what messages call the array. shape, dtype: those of the model's input.
    raw: whether the model takes pixels from 0 to 255 as they are, so that uint8 values may become floats.
    missing: whether NaN is allowed, as a missing value.
    Raises BadInputError for a wrong rank, shape or type, NumericalError for NaN or Inf; the messages name the array.
    """
    _check_numbers(array, name, dtype)
    notes: tuple[str, ...] = ()
    if array.ndim == len(shape) - 1:
        array, notes = array[None], (f"{name}: batch axis added",)
    _check_shape(array, name, shape, batched=len(shape) > 1)
    return _cast(array, name, np.dtype(dtype), raw=raw, missing=missing), notes


def beside(array: Array, name: str, shape: Shape | None, dtype: DTypeLike, *, batched: bool) -> Array:
    """Return `array` as an input that is not explained takes it.

    Words, arrays of the dtype object, stay as they are. Inf is allowed, since it may stand in a mask.
    shape: of the input; None where the file states none. batched: whether its first axis is that of the rows, which may
    have any length and is added where it is missing. Raises the errors of `checked`.
    """
    words = np.dtype(dtype).kind == "O"
    if words:
        _check_words(array, name)
    else:
        _check_numbers(array, name, dtype)
    if shape is not None:
        array = array[None] if batched and array.ndim == len(shape) - 1 else array
        _check_shape(array, name, shape, batched=batched)
    return array if words else _cast(array, name, np.dtype(dtype), raw=True, infinite=True)


def as_array(source: object, name: str) -> Array:
    """Return an array, a number or a nested list as an array. Raises BadInputError where NumPy makes none of it."""
    try:
        return np.asarray(source)
    except (TypeError, ValueError, RuntimeError) as problem:
        raise BadInputError(
            f"{name}: {type(source).__name__} cannot be read as an array ({problem}); "
            "pass a number, an array, or a list of such"
        ) from problem


def as_numbers(source: ArrayLike, name: str, dtype: DTypeLike) -> Array:
    """Return a number, an array or a nested list of numbers as an array of this element type, of any shape.

    Raises BadInputError where they are no numbers, or none that `dtype` can hold, NumericalError for NaN or Inf.
    """
    array = as_array(source, name)
    _check_numbers(array, name, dtype)
    return _cast(array, name, np.dtype(dtype), raw=True)


def held(array: Array, name: str, dtype: np.dtype[Any] | None) -> Array:
    """Return floats rounded to what a type of half precision holds, in the type that they have.

    dtype: that of the file's input; None where it is not of half precision. Raises BadInputError for what is beyond it.
    """
    if dtype is None:
        return array
    with np.errstate(over="ignore"):
        rounded = array.astype(dtype).astype(array.dtype)
    _refuse(np.isfinite(array) & ~np.isfinite(rounded), array, name, f"no {dtype}", BadInputError)
    return rounded


def _check_numbers(array: Array, name: str, dtype: DTypeLike) -> None:
    """Raise BadInputError where the array holds no real numbers: words, dates, complex numbers, records or objects."""
    if array.dtype.kind not in "biuf":
        raise BadInputError(f"{name}: values of type {array.dtype} are no numbers; pass an array of {np.dtype(dtype)}")


def _check_words(array: Array, name: str) -> None:
    """Raise BadInputError where the array does not hold words alone."""
    if array.dtype.kind not in "OU" or not all(isinstance(each, str) for each in array.flat):
        raise BadInputError(f"{name}: values of type {array.dtype} are no words; pass an array of str")


def _check_shape(array: Array, name: str, shape: Shape, *, batched: bool) -> None:
    """Raise BadInputError where the array does not fit; the message names a transposition that would make it fit."""
    if _fits(array.shape, shape, batched=batched):
        return
    message = f"{name}: shape {show(array.shape)}, but the model takes {show(shape)}"
    for move, found, wanted in _MOVES.get(array.ndim, ()):
        if _fits(tuple(array.shape[axis] for axis in move), shape, batched=batched):
            message += f": the array has {found}, the model {wanted}; pass x.transpose{move}"
            break
    raise BadInputError(message)


def _fits(found: tuple[int, ...], shape: Shape, *, batched: bool) -> bool:
    """Whether all axes whose length the model fixes agree; the first one need not where it is that of the batch."""
    return len(found) == len(shape) and all(
        static(want) in (None, have) for have, want in list(zip(found, shape, strict=True))[batched:]
    )


def _cast(
    array: Array, name: str, dtype: np.dtype[Any], *, raw: bool, infinite: bool = False, missing: bool = False
) -> Array:
    """Return `array` in the model's element type, C-ordered.

    Floats may be rounded to other floats. Values become whole numbers or booleans only where nothing is lost.
    raw: whether uint8 may become floats. infinite: whether Inf is allowed. missing: whether NaN is, instead.
    """
    discrete = dtype.kind in "iub"
    if array.dtype == np.uint8 and not discrete and not raw:
        raise BadInputError(
            f"{name}: uint8 values for a model that takes {dtype}: the preprocessing is missing; pass a "
            'picture with a preprocess, preprocess="raw" to feed 0..255 as they are, or a float array'
        )
    bad, what = (np.isnan(array), "NaN") if infinite else (~np.isfinite(array), "NaN or Inf")
    if missing and not discrete:
        bad, what = np.isinf(array), "Inf"
    _refuse(bad, array, name, what, NumericalError)
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(dtype)
    lost = cast != array if discrete else np.isfinite(array) & ~np.isfinite(cast)
    _refuse(lost, array, name, f"no {dtype}", BadInputError)
    return np.asarray(cast, order="C")


def _refuse(bad: Array, array: Array, name: str, what: str, error: type[BadInputError]) -> None:
    """Raise `error` where any value is `bad` (bool, like the array), with their number and the first one's place."""
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise error(f"{name}: {int(bad.sum())} of {array.size} values: {what}; the first at {where} is {array[where]}")
