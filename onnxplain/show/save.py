"""Writing an explanation: a .png or .dcm with one row, an .npz with all arrays and the record, a .json record."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.show.atomic import keep_apart, save_atomic
from onnxplain.show.beside import beside
from onnxplain.show.choices import check_taken
from onnxplain.show.plot import plot_bars, plot_map, set_fonts, show_picture
from onnxplain.show.png import write_png
from onnxplain.show.style import Style
from onnxplain.show.view import View, checked
from onnxplain.strict_json import dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    from PIL import Image

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation
    from onnxplain.show.page import Page


_WIDEST = 60
"""How many letters fit in one line above matplotlib's axes at their usual size."""
PAGES = (".png", ".pdf", ".svg")
"""The endings of files that hold a picture; those but PNG need matplotlib."""


def save(
    e: Explanation,
    path: str | Path | BinaryIO,
    *,
    row: int | str = 0,
    format_: str | None = None,
    style: Mapping[str, Any],
    dicom: Mapping[str, Any] | None = None,
) -> None:
    """Write an explanation in a format, or in that which the ending of `path` names.

    A path is written whole or not at all. `path` may be a file that is open for bytes, too. row: which row a picture
    shows. style: the keywords of its `Style`. dicom: those of a DICOM file, see `onnxplain.show.secondary_capture`.
    Raises UsageError for another format, for keywords of another one, and for a row that does not exist.
    """
    to_path = isinstance(path, (str, Path))
    ending = f".{format_}" if format_ else Path(path).suffix.lower() if isinstance(path, (str, Path)) else ""
    if ending not in _WRITERS:
        kinds = ", ".join(_WRITERS) if to_path else f"format={' or '.join(repr(each[1:]) for each in _WRITERS)}"
        name = path if to_path else "an open file"
        raise UsageError(f"{name}: cannot save as {ending or 'a file without an ending'}; use {kinds}")
    chosen = Style.of(style)
    if style and ending not in (*PAGES, ".dcm"):
        raise UsageError(f"{', '.join(style)}: how a picture is drawn, and a {ending} file holds none")
    given = {name: value for name, value in (dicom or {}).items() if value}
    if given and ending != ".dcm":
        raise UsageError(f"{', '.join(given)}: for a DICOM file alone, and this is {ending}")
    writer = partial(_WRITERS[ending], **given)
    if isinstance(path, (str, Path)):
        keep_apart([path], [given.get("source"), *e.record["input"]["names"]] if ending == ".dcm" else [])
        save_atomic(path, lambda file: writer(e, file, row, chosen))
    else:
        writer(e, path, row, chosen)


def image(e: Explanation, row: int | str, style: Mapping[str, Any]) -> Image.Image:
    """Return one row as a picture: the one that `view` chooses."""
    return page_of(e, row, Style.of(style)).image()


def page_of(e: Explanation, row: int | str, style: Style) -> Page:
    """Return the page of one row: the view of it or, of several inputs, the views of each side by side."""
    return beside(e, row, style) if len(e.parts) > 1 else checked(e, row, style).page()


def plot(e: Explanation, ax: Any = None, *, row: int | str = 0, style: Mapping[str, Any]) -> Any:
    """Draw one row, or "all" rows, on matplotlib axes, new ones where `ax` is None, and return the axes."""
    if len(e.parts) > 1:
        raise UsageError(
            f"{', '.join(map(repr, e.parts))} are explained together: plot one by itself, e.parts[...].plot()"
        )
    seen = checked(e, row, Style.of(style))
    axes = _plotted(seen, ax)
    set_fonts(axes, seen.style.font)
    return axes


def _plotted(seen: View, ax: Any) -> Any:
    said = f"{seen.words.title}  {seen.words.subtitle}"
    title = "\n".join(line for part in said.split("\n") for line in wrap(part, _WIDEST))
    if seen.kind in ("tokens", "wave", "beeswarm"):
        return show_picture(replace(seen, words=replace(seen.words, title="", subtitle="")).draw(), title, ax=ax)
    if seen.kind == "map":
        return plot_map(seen, title, ax=ax)
    return plot_bars(seen.relevance, title, names=seen.names, ax=ax, style=seen.style)


def write_page(page: Page, file: BinaryIO, ending: str, record: Mapping[str, Any] | None = None) -> None:
    """Write a page as a PNG or, by matplotlib, as a PDF or SVG. record: what a PNG carries as text, if anything."""
    if ending == ".png":
        write_png(page.image(), file, {} if record is None else {"onnxplain": dumps(record)})
    else:
        page.figure().savefig(file, format=ending[1:])


def _png(e: Explanation, file: BinaryIO, row: int | str, style: Style) -> None:
    write_page(page_of(e, row, style), file, ".png", e.record)


def _pdf(e: Explanation, file: BinaryIO, row: int | str, style: Style) -> None:
    write_page(page_of(e, row, style), file, ".pdf")


def _svg(e: Explanation, file: BinaryIO, row: int | str, style: Style) -> None:
    write_page(page_of(e, row, style), file, ".svg")


def _npz(e: Explanation, file: BinaryIO, row: int | str, style: Style) -> None:  # noqa: ARG001
    arrays: dict[str, Any] = {"score": e.score, "prediction": e.prediction}
    arrays |= {name: value for name in ("probability", "delta") if (value := getattr(e, name)) is not None}
    for name, part in e.parts.items():
        of = f":{name}" if len(e.parts) > 1 else ""
        arrays |= {f"{what}{of}": value for what, value in _arrays_of(part).items()}
    np.savez_compressed(file, **arrays, record=np.array(dumps(e.record)), plan=np.array(str(e.plan or "")))


def _arrays_of(e: Explanation) -> dict[str, Array]:
    """Return the arrays that are of one input."""
    found = {"attribution": e.attribution}
    found |= {} if e.channel_axis is None else {"relevance": e.relevance}  # else it is the attribution
    found |= {} if e.raw is None else {"raw": e.raw}
    return found | {"inputs": e.inputs.astype(str) if e.inputs.dtype.kind == "O" else e.inputs}  # words and numbers


def _json(e: Explanation, file: BinaryIO, row: int | str, style: Style) -> None:  # noqa: ARG001
    file.write(dumps(e.to_dict()).encode())


def _dcm(e: Explanation, file: BinaryIO, row: int | str, style: Style, **dicom: Any) -> None:
    from onnxplain.show.secondary_capture import write

    if len(e.parts) > 1:
        raise UsageError("a DICOM file holds the map of one input: save that of a part, e.parts[...].save(path)")
    if isinstance(row, str):
        raise UsageError(f"row={row!r}: a DICOM file holds the map of one row")
    check_taken(style, ["dicom"])
    write(e, file, row, style, **dicom)


_WRITERS: dict[str, Callable[..., None]] = {
    ".png": _png,
    ".pdf": _pdf,
    ".svg": _svg,
    ".npz": _npz,
    ".json": _json,
    ".dcm": _dcm,
}
"""By the ending of the path: what writes an explanation to an open file, with the row to draw, and how."""
