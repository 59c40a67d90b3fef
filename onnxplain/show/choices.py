"""Which choices of a drawing change which picture: one that would change nothing is refused, and never passed over."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from onnxplain.errors import UsageError
from onnxplain.show.style import Style

if TYPE_CHECKING:
    from collections.abc import Iterable

_COLOURS = ("cmap", "sign", "vmax", "threshold", "font")
TAKEN = {
    "map": (*_COLOURS, "alpha", "contours", "background", "masks", "boxes", "size"),
    "tokens": _COLOURS,
    "wave": _COLOURS,
    "bars": ("cmap", "sign", "threshold", "font"),
    "means": ("cmap", "threshold", "font", "kind"),
    "beeswarm": ("cmap", "font", "kind"),
    "dicom": (*_COLOURS[:-1], "alpha", "contours", "background", "masks", "boxes"),
}
"""By the kind of a view, or of a file that has its own: the choices that change it."""
_CALLED = {
    "map": "a map",
    "tokens": "coloured tokens",
    "wave": "a waveform",
    "bars": "the bars of one row",
    "means": "the means of all rows",
    "beeswarm": "a beeswarm",
    "dicom": "a map in a DICOM file, which has the size of its source and no words",
}


def check_taken(style: Style, kinds: Iterable[str]) -> None:
    """Raise UsageError for a choice that changes none of the pictures of these kinds.

    A choice that is given with the value that it has anyway changes nothing, and is passed over.
    """
    drawn = sorted(set(kinds))
    taken = {name for kind in drawn for name in TAKEN[kind]}
    idle = [name for name in _given(style) if name not in taken]
    if drawn and idle:
        what = " and ".join(_CALLED[kind] for kind in drawn)
        known = ", ".join(name for name in (each.name for each in fields(Style)) if name in taken)
        raise UsageError(f"{', '.join(idle)}: without effect on {what}, the picture that fits here; it has: {known}")


def _given(style: Style) -> list[str]:
    """Return the choices whose values are other than those that are taken where none is given."""
    plain = Style()
    return [each.name for each in fields(Style) if not _same(getattr(style, each.name), getattr(plain, each.name))]


def _same(value: object, plain: object) -> bool:
    """Whether a choice is as it is where it is not given; annotations of no picture are none."""
    return not value if plain == () else value == plain
