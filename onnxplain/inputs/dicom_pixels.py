"""The stored values of a DICOM image: pydicom's decoders, of which one runs in a process of its own.

gdcm, a library in C++, is the only decoder of lossless JPEG whose licence fits that of this project; on a broken file
it ends the process that calls it. So it is tried last, and in a child, whose end is an error that names the file.
"""

from __future__ import annotations

import io
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnxplain.arrays import Array

INSTALL = "pip install 'onnxplain[dicom]'"
ISOLATED = "gdcm"
"""The decoder that runs in a child."""

_SECONDS = 120.0
"""How long a child may take for one file."""
_HELPS = {
    "1.2.840.10008.1.2.4.51": "pip install pylibjpeg-libjpeg, which is under the GPL, decodes 12 bits of it",
}
"""By transfer syntax: what helps where nothing that is installed decodes it."""
_CHILD = f"""
import io, sys, warnings
import numpy as np, pydicom
from pydicom.pixels import iter_pixels
warnings.simplefilter("ignore")
ds = pydicom.dcmread(io.BytesIO(sys.stdin.buffer.read()), force=True)
frames = iter_pixels(ds, indices=[int(each) for each in sys.argv[1:]], decoding_plugin="{ISOLATED}")
np.save(out := io.BytesIO(), np.stack(list(frames)))
sys.stdout.buffer.write(out.getvalue())
"""
"""What the child runs: it reads a data set and writes the frames, [N, H, W] or [N, H, W, 3], as an .npy."""


def library() -> Any:
    """Return pydicom. Raises MissingExtraError where it is not installed."""
    try:
        import pydicom
        import pydicom.pixels
    except ImportError as problem:
        raise MissingExtraError(f"DICOM files are read by pydicom: {INSTALL}") from problem
    return pydicom


def decoded(data: Any, wanted: Sequence[int], name: str) -> Iterator[tuple[int, Array]]:
    """Yield the stored values of each frame that is wanted, [H, W] or RGB [H, W, 3], with its number.

    data: a pydicom Dataset. Raises BadInputError, which says what would help, where they cannot be decoded.
    """
    syntax = getattr(getattr(data, "file_meta", None), "TransferSyntaxUID", None)
    if syntax is None:
        raise BadInputError(
            f"{name}: the data set states no transfer syntax; set its file_meta.TransferSyntaxUID, in most files "
            "pydicom.uid.ImplicitVRLittleEndian"
        )
    if syntax.is_encapsulated:
        _check_streams(data, wanted, name)
    said = []
    for plugin in _plugins(syntax):
        try:
            if plugin == ISOLATED:
                frames: Any = _in_child(data, wanted)
            else:
                frames = list(library().pixels.iter_pixels(data, indices=list(wanted), decoding_plugin=plugin))
        except Exception as problem:  # noqa: BLE001, each decoder raises of its own kinds
            said.append(str(problem) if f"{plugin}:" in str(problem) or not plugin else f"{plugin}: {problem}")
            continue
        yield from zip(wanted, frames, strict=True)
        return
    known = _HELPS.get(syntax, None if said else INSTALL)
    why = " ".join("; ".join(said).split()) or "no decoder is installed"
    raise BadInputError(f"{name}: its pixels ({syntax.name}) cannot be decoded{f'; {known}' if known else ''} ({why})")


def _check_streams(data: Any, wanted: Sequence[int], name: str) -> None:
    """Raise BadInputError where a compressed frame is of another size than the file states.

    A decoder takes the memory and the time for the size that stands in the compressed data, which a broken or hostile
    file may have as large as it likes.
    """
    from pydicom.encaps import get_frame

    stated = int(data.Rows), int(data.Columns), int(data.get("SamplesPerPixel") or 1)
    count = int(data.get("NumberOfFrames") or 1)
    for index in wanted:
        try:
            found = stream_size(get_frame(data.PixelData, index, number_of_frames=count))
        except Exception:  # noqa: BLE001, what cannot be taken apart is refused by the decoder
            return
        if found not in (None, stated):
            raise BadInputError(f"{name}: a compressed frame of the size {found}, and the DICOM file states {stated}")


def stream_size(data: bytes) -> tuple[int, int, int] | None:
    """Return (height, width, channels) that a JPEG, JPEG-LS or JPEG 2000 codestream states; None where it does not."""

    def number(start: int, length: int) -> int:
        return int.from_bytes(data[start : start + length], "big")

    if data[:4] == b"\xff\x4f\xff\x51":  # JPEG 2000: the size of the grid, and where the image begins on it
        return number(12, 4) - number(20, 4), number(8, 4) - number(16, 4), number(40, 2)
    place = 2
    while data[:2] == b"\xff\xd8" and place + 10 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):  # a start of frame
            return number(place + 5, 2), number(place + 7, 2), number(place + 9, 1)
        place += 1 if marker == 0xFF else 2 + number(place + 2, 2)
    return None


def _plugins(syntax: Any) -> list[str]:
    """Return the names of the decoders that are installed for a transfer syntax, that of the child last."""
    try:
        decoder = library().pixels.get_decoder(syntax)
    except NotImplementedError:  # of a film, say
        return []
    if decoder.is_native:
        return [""]  # nothing is compressed
    return sorted(decoder.available_plugins, key=lambda plugin: plugin == ISOLATED)


def _in_child(data: Any, wanted: Sequence[int]) -> Array:
    """Return the frames as the isolated decoder reads them in a process of its own.

    Raises RuntimeError where that process fails, is ended by the decoder, or takes too long.
    """
    pydicom = library()
    bare = pydicom.dataset.Dataset()
    for element in data:
        if element.tag.group in (0x0028, 0x7FE0) and element.VR != "SQ":
            bare.add(element)
    bare.file_meta = data.file_meta
    file = io.BytesIO()
    bare.save_as(file, enforce_file_format=False)
    command = [sys.executable, "-c", _CHILD, *map(str, wanted)]
    try:
        done = subprocess.run(  # noqa: S603
            command, input=file.getvalue(), capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as problem:
        raise RuntimeError(f"it took more than {_SECONDS:g} s") from problem
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise RuntimeError(lines[-1] if lines and done.returncode > 0 else "the decoder ended its process")
    return np.asarray(np.load(io.BytesIO(done.stdout), allow_pickle=False))
