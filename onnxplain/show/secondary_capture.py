"""The map as a DICOM Secondary Capture Image (PS3.3 A.8.1), with the geometry of the image that was explained.

The picture has the rows and columns of the source, so that both lie pixel on pixel. What the file says of its source:

- Source Image Sequence and Referenced Series (or Studies Containing Other Referenced Instances) name the source by its
  UIDs, and the frame where it has several;
- pixel spacing, orientation and position, laterality and body part are those of the source;
- Burned In Annotation, and lossy compression, are those of the source, as its pixels are below the map. No words are
  drawn: class, score and method stand in Derivation Description and Image Comments.

**Patient.** By default nothing of the patient or of the study is copied: the elements that every image must have,
such as Patient ID, are there and empty, and the study is one of its own, so that an archive does not file it with the
source. With `patient=True` what files it there is copied: of the patient name, ID and its issuer, birth date and sex,
of the study its UID, ID, date, time, accession number, referring physician and description, and how all this was de-
identified. The UIDs of the source stand in either file, and name it to those who have the archive.
"""

from __future__ import annotations

import warnings
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.inputs.dicom_pixels import library
from onnxplain.show.dicom_source import GEOMETRY, PIXELS, Source, source_of
from onnxplain.show.view import view
from onnxplain.versions import installed

if TYPE_CHECKING:
    from typing import BinaryIO

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation
    from onnxplain.show.style import Style

CLASS = "1.2.840.10008.5.1.4.1.1.7"
"""The SOP class of Secondary Capture Image Storage."""
_PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
_STUDY = ("StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber")
"""Elements that every image must have, and that may be empty (type 2)."""
_BESIDE = ("IssuerOfPatientID", "StudyDescription")
_REMOVED = ("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence")
"""What is copied besides, where the source has it: the rest of what files an image, and how it was de-identified."""
_LONGEST = {"LO": 64, "ST": 1024}
"""How many letters an element may have, by its value representation (PS3.5 6.2)."""


def write(e: Explanation, file: BinaryIO, row: int, style: Style, *, source: Any = None, patient: bool = False) -> None:
    """Write the map of a row over its source to an open file.

    source: the DICOM file, as a path, bytes, an open file or a Dataset; None takes the path that was explained, which
    must not have changed. patient: whether what files it with the source's patient and study is copied.
    Raises UsageError for a row that is no map, or none over a picture of the source's size, BadInputError where the
    source cannot be read.
    """
    pydicom = library()
    seen = view(e, row, style)
    if seen.kind != "map" or seen.placement is None:
        raise UsageError("a DICOM file holds a map over a picture that was preprocessed; save this as .png or .npz")
    size = seen.placement.original
    with warnings.catch_warnings():  # of elements of the source that break its standard, and are copied as they are
        warnings.simplefilter("ignore")
        known = source_of(e, row, source, patient=patient)
        if known.size != size:
            raise UsageError(f"{known.name} has {known.size} pixels, and the picture that was explained {size}")
        pixels = np.asarray(seen.map.drawn(size, seen.map.scale(seen.style), seen.style, seen.notes))
        made = pydicom.dataset.Dataset()
        _identify(pydicom, made, e, known, patient=patient)
        _describe(made, e, row)
        _refer(pydicom, made, known, patient=patient)
        known.copy(made, (*GEOMETRY, *PIXELS))
        _leave_open(made)
        _draw(made, pixels)
        made.file_meta = pydicom.dataset.FileMetaDataset()
        made.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        made.save_as(file, enforce_file_format=True)


def _identify(pydicom: Any, made: Any, e: Explanation, known: Source, *, patient: bool) -> None:
    """Set the elements of patient, study, series, equipment and instance."""
    now, uid = datetime.now().astimezone(), pydicom.uid.generate_uid
    made.SpecificCharacterSet = "ISO_IR 192"
    for name in (*_PATIENT, *_STUDY):
        setattr(made, name, "")
    made.StudyInstanceUID = uid(entropy_srcs=[known.study, "onnxplain"])
    if patient:
        known.copy(made, (*_PATIENT, *_STUDY, *_BESIDE))
        if any(known.data.get(name) for name in _REMOVED[1:]):  # one of them has to say how
            known.copy(made, _REMOVED)
        made.StudyInstanceUID = known.study
    elif known.data.get("BurnedInAnnotation") == "NO":
        made.PatientIdentityRemoved, made.DeidentificationMethod = "YES", "no element of patient or study is copied"
    # maps of one series by one method and model are one series
    parts = [made.StudyInstanceUID, known.series, e.method, _model(e)]
    made.SeriesInstanceUID = uid(entropy_srcs=parts)
    made.SOPClassUID, made.SOPInstanceUID = CLASS, uid()
    made.Modality, made.ConversionType = "OT", "WSD"
    made.SeriesNumber, made.InstanceNumber = "", str(known.number)
    made.SeriesDescription = f"onnxplain {e.method}"[: _LONGEST["LO"]]
    made.Manufacturer, made.ManufacturerModelName = "onnxplain", "onnxplain"
    made.SoftwareVersions = installed("onnxplain") or "0"
    made.ContentDate = made.InstanceCreationDate = made.DateOfSecondaryCapture = now.strftime("%Y%m%d")
    made.ContentTime = made.InstanceCreationTime = made.TimeOfSecondaryCapture = now.strftime("%H%M%S")


def _describe(made: Any, e: Explanation, row: int) -> None:
    """Say what the picture is: the method, what the model is known by, the class and its score."""
    chance = "" if e.probability is None else f", probability {float(e.probability[row]):.4g}"
    about = f"class {e.labels[row]}, score {float(e.score[row]):.6g}{chance}"
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.DerivationDescription = (
        f"Attribution map by onnxplain, method {e.method}, model {_model(e)}, drawn over the source image; {about}"
    )[: _LONGEST["ST"]]
    made.ImageComments = f"{e.method}: {about}"[:1024]


def _refer(pydicom: Any, made: Any, known: Source, *, patient: bool) -> None:
    """Name the source image by its UIDs, and its series, of the same study or of another one."""
    dataset, sequence = pydicom.dataset.Dataset, pydicom.sequence.Sequence
    image, purpose, instance = dataset(), dataset(), dataset()
    for item in (image, instance):
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = known.kind, known.instance
    if known.frame is not None:
        image.ReferencedFrameNumber = known.frame + 1
    purpose.CodeValue, purpose.CodingSchemeDesignator = "121322", "DCM"
    purpose.CodeMeaning = "Source image for image processing operation"
    image.PurposeOfReferenceCodeSequence = sequence([purpose])
    made.SourceImageSequence = sequence([image])
    series, study = dataset(), dataset()
    series.SeriesInstanceUID, series.ReferencedInstanceSequence = known.series, sequence([instance])
    if patient:
        made.ReferencedSeriesSequence = sequence([series])
        return
    study.StudyInstanceUID, study.ReferencedSeriesSequence = known.study, sequence([series])
    made.StudiesContainingOtherReferencedInstancesSequence = sequence([study])


def _leave_open(made: Any) -> None:
    """Set elements that have to be there, empty, where the source does not tell (type 2C).

    The side is one of them only where the part of the body may be one of a pair.
    """
    if "PatientOrientation" not in made:
        made.PatientOrientation = ""
    if made.get("BodyPartExamined"):
        if not made.get("Laterality"):
            made.pop("Laterality", None)
    elif "Laterality" not in made and "ImageLaterality" not in made:
        made.Laterality = ""


def _draw(made: Any, pixels: Array) -> None:
    """Set the picture, uint8 RGB [H, W, 3]."""
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PlanarConfiguration = 3, "RGB", 0
    made.Rows, made.Columns = pixels.shape[:2]
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    data = np.ascontiguousarray(pixels, np.uint8).tobytes()
    made.PixelData = data + b"\0" * (len(data) % 2)


def _model(e: Explanation) -> str:
    """Return what the model is known by: its sha256, or the name of what answers for it."""
    known = e.record["model"]
    return f"sha256 {known['sha256']}" if known["sha256"] else f"known by the answers of {known['predictor']['name']}"
