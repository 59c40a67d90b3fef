"""An array that a user passes, checked against the model's input: rank, layout, type, NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError, NumericalError
from onnxplain.inputs.shape import Shape, show, static

if TYPE_CHECKING:
    from onnxplain.arrays import Array

_MOVES = {  # what would bring a swapped array back
    4: (
        ((0, 3, 1, 2), "channels last (NHWC)", "channels first (NCHW)"),
        ((0, 2, 3, 1), "channels first (NCHW)", "channels last (NHWC)"),
    ),
    3: (((0, 2, 1), "axes 1 and 2 swapped", "another order"),),
}


def checked(array: Array, name: str, shape: Shape, dtype: Any, *, raw: bool) -> tuple[Array, tuple[str, ...]]:
    """`array` as the model takes it, batch first, and notes on what was added.

    A missing batch axis is added; the length of the batch axis is not checked, since batches can be cut.
    raw: whether pixels 0..255 are the model's own range.
    Raises BadInputError for a wrong rank, shape or type, NumericalError for NaN or Inf; both name the input.
    """
    _check_numbers(array, name, dtype)
    notes: tuple[str, ...] = ()
    if array.ndim == len(shape) - 1:
        array, notes = array[None], (f"{name}: batch axis added",)
    _check_shape(array, name, shape, batched=len(shape) > 1)
    return _cast(array, name, np.dtype(dtype), raw=raw), notes


def beside(array: Array, name: str, shape: Shape | None, dtype: Any, *, batched: bool) -> Array:
    """`array` as an input beside the explained one takes it; shape: None where the file states none.

    batched: whether its first axis is the rows', of any length, and added where it is missing. Words, of dtype object,
    stay as they are, and Inf may stand in a mask. Raises as `checked`.
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


def as_array(source: Any, name: str) -> Array:
    """An array, a number or a nested list of numbers as an array."""
    try:
        return np.asarray(source)
    except (TypeError, ValueError, RuntimeError) as problem:
        raise BadInputError(
            f"{name}: {type(source).__name__} cannot be read as an array ({problem}); "
            "pass a number, an array, or a list of such"
        ) from problem


def as_numbers(source: Any, name: str, dtype: Any) -> Array:
    """A number, an array or a nested list of finite numbers that `dtype` can hold, as an array of it, of any shape."""
    array = as_array(source, name)
    _check_numbers(array, name, dtype)
    return _cast(array, name, np.dtype(dtype), raw=True)


def _check_numbers(array: Array, name: str, dtype: Any) -> None:
    if array.dtype.kind in "OSUcMm":
        raise BadInputError(f"{name}: values of type {array.dtype} are no numbers; pass an array of {np.dtype(dtype)}")


def _check_words(array: Array, name: str) -> None:
    if array.dtype.kind not in "OU" or not all(isinstance(each, str) for each in array.flat):
        raise BadInputError(f"{name}: values of type {array.dtype} are no words; pass an array of str")


def _check_shape(array: Array, name: str, shape: Shape, *, batched: bool) -> None:
    if _fits(array.shape, shape, batched=batched):
        return
    message = f"{name}: shape {show(array.shape)}, but the model takes {show(shape)}"
    for move, found, wanted in _MOVES.get(array.ndim, ()):
        if _fits(tuple(array.shape[axis] for axis in move), shape, batched=batched):
            message += f": the array has {found}, the model {wanted}; pass x.transpose{move}"
            break
    raise BadInputError(message)


def _fits(found: tuple[int, ...], shape: Shape, *, batched: bool) -> bool:
    """Whether all static axes agree, but for the first one where it is the batch's."""
    return len(found) == len(shape) and all(
        static(want) in (None, have) for have, want in list(zip(found, shape, strict=True))[batched:]
    )


def _cast(array: Array, name: str, dtype: np.dtype[Any], *, raw: bool, infinite: bool = False) -> Array:
    """`array` in the model's type: floats to floats freely, to an integer type only where nothing is lost.

    raw: whether uint8 may become floats. infinite: whether Inf may stand in it.
    """
    discrete = dtype.kind in "iub"
    if array.dtype == np.uint8 and not discrete and not raw:
        raise BadInputError(
            f"{name}: uint8 values for a model that takes {dtype}: the preprocessing is missing; pass a "
            'picture with a preprocess, preprocess="raw" to feed 0..255 as they are, or a float array'
        )
    bad, what = (np.isnan(array), "NaN") if infinite else (~np.isfinite(array), "NaN or Inf")
    _refuse(bad, array, name, what, NumericalError)
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(dtype)
    lost = cast != array if discrete else np.isfinite(array) & ~np.isfinite(cast)
    _refuse(lost, array, name, f"no {dtype}", BadInputError)
    return np.asarray(cast, order="C")


def _refuse(bad: Array, array: Array, name: str, what: str, error: type[BadInputError]) -> None:
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise error(f"{name}: {int(bad.sum())} of {array.size} values: {what}; the first at {where} is {array[where]}")
