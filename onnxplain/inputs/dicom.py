"""DICOM files: each frame becomes a picture as a viewer shows it, and nothing of the patient is read.

pydicom reads the file and decodes its pixels; of a path or of bytes it is asked for the elements of the image alone, so
that no name, number or date of a patient is ever in memory. Stored values become brightness in the steps of the
standard (PS3.3 C.7.6.3 and C.11): modality LUT or rescaling, VOI LUT or window, and MONOCHROME1 inverted.
"""

from __future__ import annotations

import io
import sys
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from onnxplain import limits
from onnxplain.errors import BadInputError
from onnxplain.inputs.content import bytes_of
from onnxplain.inputs.dicom_pixels import decoded, library
from onnxplain.inputs.dicom_values import COLOURS, GREYS, about_frame, colours, grey
from onnxplain.inputs.facts import Picture
from onnxplain.inputs.geometry import check_pixels
from onnxplain.inputs.warned import caught, noted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from onnxplain.arrays import Array
    from onnxplain.inputs.facts import Facts

ENDINGS = (".dcm", ".dicom", ".dic")
"""The endings of DICOM files; many have none."""
HEADER = 132
"""How many bytes tell a DICOM file: 128 of any kind, and the letters DICM."""

_IMAGE_ELEMENTS = (
    *("SOPClassUID", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames"),
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelAspectRatio"),
    *("PixelData", "FloatPixelData", "DoubleFloatPixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
    *("ModalityLUTSequence", "RescaleIntercept", "RescaleSlope"),
    *("VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    *(
        f"{kind}{colour}PaletteColorLookupTable{part}"
        for colour in ("Red", "Green", "Blue", "Alpha")
        for kind, part in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
    ),
)
"""The elements that are read of a file, by their keywords: those of the image, and none of the patient."""
_DEFLATED = b"1.2.840.10008.1.2.1.99"
"""The transfer syntax of files that are deflated as a whole."""


class Frame(NamedTuple):
    """A frame as a picture of the mode "F" or "RGB", notes, no digest, and its number; None in a file of one."""

    picture: Image.Image
    notes: tuple[str, ...]
    sha256: None
    frame: int | None


def is_dicom(data: bytes) -> bool:
    """Whether bytes are the beginning of a DICOM file."""
    return data[128:HEADER] == b"DICM"


def is_dicom_file(path: Path) -> bool:
    """Whether a regular file begins like a DICOM file, whatever its ending."""
    with path.open("rb") as file:
        return is_dicom(file.read(HEADER))


def is_named_dicom(name: str) -> bool:
    """Whether the name of a file says that it is a DICOM file."""
    return Path(name).suffix.lower() in ENDINGS


def is_dataset(source: object) -> bool:
    """Whether a value is a pydicom Dataset; without importing pydicom, since whoever has one has imported it."""
    module = sys.modules.get("pydicom")
    return module is not None and isinstance(source, module.Dataset)


def count_frames(source: Any, name: str) -> int:
    """Return how many frames a source has: 1 for what is no DICOM file, and where the file does not tell.

    source: a path, bytes, a pydicom Dataset, or a `Picture` of one of these.
    """
    source = source.source if isinstance(source, Picture) else source
    if isinstance(source, (str, Path)):
        path = Path(source)
        if not (path.is_file() and is_dicom_file(path)):
            return 1
        source = bytes_of(path, "a DICOM file")
    if not is_dataset(source) and not (isinstance(source, bytes) and is_dicom(source)):
        return 1
    pydicom = library()
    with caught():
        warnings.simplefilter("ignore")
        return _check_image(source if is_dataset(source) else _parsed(pydicom, source, name), name)


def frames_of(source: Any, name: str, facts: Facts) -> list[Frame]:
    """Return the frames of a DICOM file, bytes, or of a pydicom Dataset: all, or the one that `facts` name.

    Raises BadInputError, which names the source, for an object without an image, a transfer syntax that nothing here
    decodes, and where neither the file nor `facts` state which values are black and white.
    """
    pydicom = library()
    with noted("pydicom") as told:
        data = source if is_dataset(source) else _parsed(pydicom, source, name)
        count = _check_image(data, name)
        wanted = _wanted(count, facts, name)
        frames = [_frame(data, i, values, name, facts) for i, values in decoded(data, wanted, name)]
    said = tuple(f"pydicom: {each}" for each in told)
    rows = zip(wanted, frames, strict=True)
    return [Frame(picture, (*said, *notes), None, i if count > 1 else None) for i, (picture, notes) in rows]


def _parsed(pydicom: Any, data: bytes, name: str) -> Any:
    """Return the elements of the image alone, of the bytes of a file."""
    _check_deflated(data, name)
    try:
        return pydicom.dcmread(io.BytesIO(data), specific_tags=list(_IMAGE_ELEMENTS))
    except Exception as problem:  # pydicom raises of many kinds at a broken file
        raise BadInputError(f"{name}: the DICOM file cannot be read ({type(problem).__name__})") from problem


def _check_deflated(data: bytes, name: str) -> None:
    """Raise BadInputError where a deflated data set unpacks to more than the limit of `file_bytes`.

    Such a file is unpacked as a whole, and a thousandth of what it unpacks to is enough to hold it. Its header ends
    where its first element, the length of the header, says (PS3.10 7.1).
    """
    if _DEFLATED not in data[HEADER : HEADER + 2**12]:
        return
    start = HEADER + 12 + int.from_bytes(data[HEADER + 8 : HEADER + 12], "little")
    packed, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    rest = data[start:]
    while rest and not packed.eof:
        try:
            size += len(packed.decompress(rest, 2**24))
        except zlib.error:  # pydicom says what is wrong with it
            return
        rest = packed.unconsumed_tail
        limits.check("file_bytes", size, f"{name} unpacks to {size} bytes or more")


def _check_image(data: Any, name: str) -> int:
    """Return the number of frames. Raises BadInputError for what is no image, or larger than the limits."""
    if not any(each in data for each in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        kind = getattr(data.get("SOPClassUID"), "name", None) or "an object of no stated kind"
        raise BadInputError(f"{name}: a DICOM file without pixels ({kind}); expected an image")
    kind = str(data.get("PhotometricInterpretation"))
    if kind not in (*GREYS, *COLOURS):
        raise BadInputError(
            f"{name}: its Photometric Interpretation is {kind!r}: expected {', '.join((*GREYS, *COLOURS))}"
        )
    try:
        rows, columns = int(data.Rows), int(data.Columns)
        count, samples = int(data.get("NumberOfFrames") or 1), int(data.get("SamplesPerPixel") or 1)
    except (AttributeError, TypeError, ValueError) as problem:
        raise BadInputError(f"{name}: the DICOM file states no size of its image (Rows, Columns, frames)") from problem
    check_pixels((columns, rows), name)
    if count < 1:
        raise BadInputError(f"{name}: the DICOM file states {count} frames; expected 1 or more")
    nbytes = rows * columns * samples * count * 8
    limits.check("array_bytes", nbytes, f"{name}: {count} frames take {nbytes} bytes")
    return count


def _wanted(count: int, facts: Facts, name: str) -> Sequence[int]:
    """Return the numbers of the frames that are read."""
    if facts.frame is None:
        return range(count)
    if facts.frame >= count:
        raise BadInputError(f"{name}: frame {facts.frame} of {count}; they are counted from 0")
    return (facts.frame,)


def _frame(data: Any, index: int, values: Array, name: str, facts: Facts) -> tuple[Image.Image, tuple[str, ...]]:
    """Return a frame as a picture, and notes on how its values became brightness."""
    about = about_frame(data, index)
    if data.PhotometricInterpretation in GREYS:
        return grey(values, about, name, facts)
    facts.refuse_range(name, "a picture in colours")
    return colours(values, data, name)
