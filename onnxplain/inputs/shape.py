"""What the shape of a model's input says about pictures: layout, channels and size. What it leaves open is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from onnxplain.inputs.placement import Size

Shape: TypeAlias = tuple[int | str | None, ...]
"""The shape that a file states: each dimension is a number, or a name or None where it is dynamic."""

LAYOUTS = {"NCHW": (1, 2, 3), "NHWC": (3, 1, 2)}
"""The axes of channels, height and width, by layout."""


def find_layout(shape: Shape, stated: str | None) -> str:
    """Return the layout whose channel axis has the length 1 or 3, or the stated one where that is not contradicted.

    Raises UsageError for a shape without four axes, and where both layouts or none would fit.
    """
    if len(shape) != 4:
        raise UsageError(
            f"an input of shape {show(shape)} takes no pictures (expected 4 axes); pass arrays, no preprocess"
        )
    possible = [name for name, axes in LAYOUTS.items() if static(shape[axes[0]]) in (1, 3)]
    if stated is not None:
        channels = static(shape[LAYOUTS[stated][0]])
        if channels not in (None, 1, 3):
            raise UsageError(f"layout {stated}: the input {show(shape)} has {channels} where channels should be")
        return stated
    if len(possible) == 1:
        return possible[0]
    why = "both axes 1 and 3 may be channels" if possible else "no axis holds 1 or 3 channels"
    raise UsageError(
        f"layout of the input {show(shape)} is not clear ({why}); "
        'state it: preprocess={"layout": "NCHW", ...} or "NHWC"'
    )


def channels_of(shape: Shape, layout: str) -> int | None:
    """Return the number of channels; None where it is dynamic."""
    return static(shape[LAYOUTS[layout][0]])


def complete_size(shape: Shape, layout: str, stated: Size | None, default: Size | None) -> Size:
    """Return (height, width): those of the model, or else the stated ones, or else the default.

    Raises UsageError where the stated size contradicts the model's, and where no size is known.
    """
    model = [static(shape[axis]) for axis in LAYOUTS[layout][1:]]
    if stated and any(m not in (None, s) for m, s in zip(model, stated, strict=True)):
        raise UsageError(
            f"size {stated[0]}x{stated[1]} does not fit the model's input {show(shape)}; "
            "change it, or leave it out to take the model's"
        )
    fallback = stated or default or (None, None)
    height, width = (m or f for m, f in zip(model, fallback, strict=True))
    if height is None or width is None:
        raise UsageError(f'the input {show(shape)} leaves the size open; state it: preprocess={{"size": [H, W], ...}}')
    return height, width


def static(dimension: int | str | None) -> int | None:
    """Return a dimension as a number; None where it is dynamic: a name, None, or a number below 1."""
    return dimension if isinstance(dimension, int) and dimension > 0 else None


def show(shape: tuple[object, ...]) -> str:
    """Return a shape as messages write it.

    >>> show(("N", 3, None, None))
    '[N, 3, ?, ?]'
    """
    return f"[{', '.join('?' if d is None else str(d) for d in shape)}]"
