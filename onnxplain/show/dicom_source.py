"""The DICOM image that was explained, read again for what a map derived from it says of it."""

from __future__ import annotations

import copy
import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain.errors import BadInputError, UsageError
from onnxplain.inputs.content import bytes_of
from onnxplain.inputs.dicom import is_dataset, is_dicom
from onnxplain.inputs.dicom_pixels import library

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onnxplain.explanation import Explanation

GEOMETRY = (
    *("PixelSpacing", "PixelSpacingCalibrationType", "PixelSpacingCalibrationDescription", "ImagerPixelSpacing"),
    *("PixelAspectRatio", "FrameOfReferenceUID", "PositionReferenceIndicator", "ImagePositionPatient"),
    *("ImageOrientationPatient", "SliceThickness", "SliceLocation", "PatientOrientation", "PatientPosition"),
    *("BodyPartExamined", "ViewPosition", "Laterality", "ImageLaterality"),
)
"""Where the image lies, and of which part of the body it is."""
PIXELS = ("BurnedInAnnotation", "LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")
"""What is known of the pixels, and holds below a map too."""
_IDENTITY = (
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "InstanceNumber", "Rows", "Columns"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
)
_IN_GROUPS = ("PixelMeasuresSequence", "PlanePositionSequence", "PlaneOrientationSequence")
"""Where an enhanced multi-frame image keeps the geometry of its frames."""


@dataclass(frozen=True)
class Source:
    """The image that a row was made of: its name, its elements, and the number of the frame, None for a file of one."""

    name: str
    data: Any = field(repr=False)
    frame: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return int(self.data.Rows), int(self.data.Columns)

    @property
    def kind(self) -> str:
        """The UID of its SOP class."""
        return self._uid("SOPClassUID")

    @property
    def instance(self) -> str:
        """The UID of the image."""
        return self._uid("SOPInstanceUID")

    @property
    def series(self) -> str:
        """The UID of its series."""
        return self._uid("SeriesInstanceUID")

    @property
    def study(self) -> str:
        """The UID of its study."""
        return self._uid("StudyInstanceUID")

    @property
    def number(self) -> int:
        """The number of the frame in the file or, of a file of one, that of the image in its series; from 1."""
        if self.frame is not None:
            return self.frame + 1
        try:
            return int(self.data.get("InstanceNumber") or 1)
        except (TypeError, ValueError):
            return 1

    def copy(self, made: Any, names: Iterable[str]) -> None:
        """Copy elements by their keywords: those of the frame, where it has its own; what is not there is left out."""
        for name in names:
            holder = next((each for each in self._holders() if name in each), None)
            if holder is not None:
                element = holder[name]
                value = str(element.value) if element.VR == "PN" else copy.deepcopy(element.value)
                setattr(made, name, value)

    def _holders(self) -> Iterator[Any]:
        """Yield the data sets that say something of the frame: its own, those of all frames, and the image itself."""
        frames = self.data.get("PerFrameFunctionalGroupsSequence") or ()
        for group in (
            *frames[self.frame or 0 : (self.frame or 0) + 1],
            *(self.data.get("SharedFunctionalGroupsSequence") or ())[:1],
        ):
            for sequence in _IN_GROUPS:
                yield from (group.get(sequence) or ())[:1]
        yield self.data

    def _uid(self, name: str) -> str:
        """Return a UID. Raises BadInputError where the source has none."""
        found = self.data.get(name)
        if not found:
            raise BadInputError(f"{self.name}: the DICOM file states no {name}, by which a map of it would refer to it")
        return str(found)


def source_of(e: Explanation, row: int, source: Any, *, patient: bool) -> Source:
    """Return the DICOM image of a row of an explanation: the one given, or the file at the path that was explained.

    patient: whether elements of patient and study will be copied; without it they are not even read of a file.
    Raises UsageError where nothing was given and no path is known, BadInputError where that is no DICOM file, or has
    changed since it was explained.
    """
    pydicom, about = library(), e.record["input"]
    frame = (about.get("frames") or [None] * len(e))[row]
    name = about["names"][row]
    if is_dataset(source):
        return Source("source", source, frame)
    given = source
    if source is None:
        path = name if frame is None or Path(name).is_file() else name.removesuffix(f"[{frame}]")
        if not Path(path).is_file():
            raise UsageError(f"{name} is no path of a DICOM file: pass it as source=, a path, bytes or a Dataset")
        given = path
    what = str(given) if isinstance(given, (str, Path)) else "source"
    data = bytes_of(given, "a DICOM file", what)
    if not is_dicom(data):
        raise UsageError(f"{what} is no DICOM file, from which a map could have its geometry: pass one as source=")
    if given is not source and hashlib.sha256(data).hexdigest() != about["files"][row]:
        raise BadInputError(f"{what} is no longer the file that was explained: its sha256 is another one")
    wanted = None if patient else [*_IDENTITY, *GEOMETRY, *PIXELS]
    return Source(what, pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True, specific_tags=wanted), frame)
