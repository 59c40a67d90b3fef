"""Uploaded files: which kind they are by their bytes, how much they ask for, and what an explainer takes of them.

A file is known by its bytes. Its name is shown, and says of a table which kind it is; it is never taken for a path.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from onnxplain.inputs.decode import formats
from onnxplain.inputs.dicom import count_frames, is_dicom
from onnxplain.inputs.dicom_pixels import library
from onnxplain.inputs.stored import is_stored
from onnxplain.inputs.table_file import ENDINGS
from onnxplain.inputs.wav import is_wav
from onnxplain.serve.refusal import Refusal, too_many_rows
from onnxplain.text import printable

if TYPE_CHECKING:
    from onnxplain.serve.limits import Limits

KINDS = "a picture, a DICOM file, a WAV file, an .npy or .npz, a .csv or .parquet, or a text in a .txt"
_LONGEST = 120
"""So many letters of a file's name are shown."""


class Upload(io.BytesIO):
    """The bytes of a file, open to be read. name: what records and messages call it."""

    def __init__(self, data: bytes, name: str | None) -> None:
        super().__init__(data)
        self.name = shown_name(name)


def shown_name(name: str | None) -> str:
    r"""Return the last part of a name as a client sent it, of which nothing is hidden or obeyed; "file" for none.

    >>> shown_name(r"C:\scans\a.png"), shown_name("../../etc/passwd"), shown_name("")
    ('a.png', 'passwd', 'file')
    """
    last = re.split(r"[/\\]", (name or "").replace("\0", ""))[-1].strip()
    shown = printable(last)
    if len(shown) > _LONGEST:  # its ending stays
        shown = f"{shown[: _LONGEST - 20]}…{shown[-19:]}"
    return shown if shown.strip(".") else "file"


def input_of(upload: Upload, limits: Limits, *, texts: bool) -> Upload | str:
    """Return what an explainer takes of a file: the open file or, of a model of texts, the text in a .txt.

    limits: of rows and pixels, as far as they are known before anything is decoded. texts: whether the model has a
    tokenizer. Raises Refusal for a file of an unknown kind (415), and for one that is beyond a limit (413).
    """
    data = upload.getvalue()
    if is_dicom(data):
        _check_dicom(data, upload.name, limits)
    elif texts and upload.name.lower().endswith(".txt"):
        return _text(data, upload.name)
    elif not (is_stored(data) or is_wav(data) or upload.name.lower().endswith(ENDINGS)):
        _check_picture(data, upload.name, limits)
    return upload


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refusal(415, "unknown_kind", f"{name}: no text in UTF-8") from None


def _check_picture(data: bytes, name: str, limits: Limits) -> None:
    """Refuse what is no picture, and one of too many pixels, by its head alone."""
    try:
        with Image.open(io.BytesIO(data), formats=formats()) as picture:
            size = picture.size
    except UnidentifiedImageError:
        raise Refusal(415, "unknown_kind", f"{name}: the kind of this file is not known; expected {KINDS}") from None
    except Image.DecompressionBombError:
        raise Refusal(413, "too_many_pixels", f"{name}: more pixels than the limit of {limits.pixels}") from None
    except Exception:  # noqa: BLE001  # a broken file makes Pillow raise errors of many kinds
        raise Refusal(422, "bad_input", f"{name}: the picture is broken, its head cannot be read") from None
    _check_pixels(size, name, limits)


def _check_dicom(data: bytes, name: str, limits: Limits) -> None:
    """Refuse a DICOM file of too many frames or pixels, by its head alone."""
    frames = count_frames(data, name)
    if frames > limits.rows:
        raise too_many_rows(f"{name}: {frames} frames", limits.rows)
    tags = ["Columns", "Rows"]
    try:
        head = library().dcmread(io.BytesIO(data), stop_before_pixels=True, specific_tags=tags, force=True)
        width, height = (int(head.get(tag) or 0) for tag in tags)
    except Exception:  # noqa: BLE001  # of a broken head it raises errors of many kinds
        raise Refusal(422, "bad_input", f"{name}: the DICOM file is broken, its head cannot be read") from None
    _check_pixels((width, height), name, limits)


def _check_pixels(size: tuple[int, int], name: str, limits: Limits) -> None:
    if size[0] * size[1] > limits.pixels:
        told = f"{size[0]} x {size[1]} pixels, and one picture may have {limits.pixels}"
        raise Refusal(413, "too_many_pixels", f"{name}: {told}")
