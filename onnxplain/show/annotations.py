"""Annotations of a picture, such as what an expert marked: read, checked against the picture, and drawn as outlines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageFilter

from onnxplain.errors import BadInputError, UsageError
from onnxplain.inputs.decode import decode
from onnxplain.inputs.stored import stored
from onnxplain.show.contour import ANNOTATION, draw_box, line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.inputs.placement import Size
    from onnxplain.show.style import Mask, Style


@dataclass(frozen=True, eq=False)
class Annotation:
    """A mask [H, W] of the annotated pixels, of the size of the picture as it came, or a box in its pixels."""

    mask: Array | None = None
    box: tuple[float, ...] = ()


def annotations_of(style: Style, name: str, original: Size) -> tuple[Annotation, ...]:
    """Return the annotations of a picture. name: of the input, for a style that has some for each input by its name.

    original: the height and width of the picture as it came. Raises BadInputError for a mask of another size.
    """
    masks = (Annotation(mask=_mask(each, original)) for each in _of(style.masks, name))
    return *masks, *(Annotation(box=tuple(map(float, each))) for each in _of(style.boxes, name))


def check_names(style: Style, names: Sequence[str]) -> None:
    """Raise UsageError where annotations are given for an input that is not among those of these names."""
    for choice in ("masks", "boxes"):
        given = getattr(style, choice)
        for key in given if isinstance(given, Mapping) else ():
            if not any(_is(key, name) for name in names):
                raise UsageError(f"{choice}= names {key!r}, which is no input; the inputs: {', '.join(names)}")


def only(style: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return keywords of a style with those annotations alone that are for all inputs, or for inputs of these names."""
    dicts = {choice: style[choice] for choice in ("masks", "boxes") if isinstance(style.get(choice), Mapping)}
    return {**style} | {
        choice: {key: part for key, part in given.items() if any(_is(key, name) for name in names)}
        for choice, given in dicts.items()
    }


def draw_annotations(panel: Image.Image, notes: Sequence[Annotation], original: Size) -> None:
    """Outline annotations on a panel, which shows a picture of the size `original`."""
    wide = max(2, round(max(panel.size) / 350))
    down, across = panel.height / original[0], panel.width / original[1]
    for each in notes:
        if each.mask is None:
            left, top, right, bottom = each.box
            draw_box(panel, (left * across, top * down, right * across, bottom * down), wide)
        else:
            # blurred, its slope tells how far a pixel is from the border, as the slope of a map does
            field = Image.fromarray(each.mask.astype(np.uint8) * 255, "L").resize(panel.size, Image.Resampling.BILINEAR)
            soft = field.filter(ImageFilter.GaussianBlur(1.5 * wide))
            line(panel, np.asarray(soft, np.float32) / 255, 0.5, wide, ANNOTATION)


def _of(given: Sequence[Any] | Mapping[str, Any], name: str) -> Sequence[Any]:
    """Return what is given for one input: a list for all, or that under the input's name."""
    if not isinstance(given, Mapping):
        return given
    return [each for key, part in given.items() if _is(key, name) for each in part]


def _is(key: object, name: str) -> bool:
    """Whether an input is meant: by its whole name, or by that of its file, of which it may be one of several."""
    whole = re.sub(r"\[\d+\]$", "", name)
    return str(key) in (name, Path(name).name, whole, Path(whole).name)


def _mask(given: Mask, original: Size) -> Array:
    """Return which pixels of a picture a mask marks, bool [H, W]."""
    what, found = str(given) if isinstance(given, (str, Path)) else "the mask", marked(given)
    if found.shape != original:
        raise BadInputError(f"{what} has the shape {found.shape}, and the picture {original}: they must be of one size")
    return found


def marked(given: Mask) -> Array:
    """Return which pixels a mask marks, bool: those above half of its largest value.

    given: an array, a picture, or a file of one of these. Raises BadInputError for a file that is neither.
    """
    if isinstance(given, (str, Path, Image.Image)):
        array = None if isinstance(given, Image.Image) else stored(str(given))[0]
        found = np.asarray(decode(given).picture.convert("L")) if array is None else array
    else:
        found = np.asarray(given)
    return np.asarray(found > 0.5 * max(float(found.max()), 0.0))
