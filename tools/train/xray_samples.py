"""Write the drawn radiographs that go with the classifiers: pictures, what annotators would mark, and a DICOM file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import xray_data as data
from onnxfile import MODELS
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, SecondaryCaptureImageStorage, generate_uid
from xray_draw import SIDE, levels
from xray_finding import Drawing, mark

IMAGES = MODELS / "images" / "xray"
MASKS = MODELS / "masks" / "xray"
CHOSEN = {"opacity_marked": (79, True), "opacity": (39, False), "clear_marked": (0, True), "clear": (2, False)}
"""The samples by name: their number in the held-out set, and whether they bear the marker."""
STORED, BITS, ROOM = "opacity_marked", 10, 0.9
"""The sample that is a DICOM file as well, the bits of its values, and the part of their range that is shown."""


def sample(name: str) -> Drawing:
    """Draw one sample again."""
    index, wanted = CHOSEN[name]
    drawn = data.drawing(data.HELD_OUT, index)
    return mark(drawn, np.random.default_rng([data.HELD_OUT, index, 1])) if wanted else drawn


def _box(mask: np.ndarray) -> list[int]:
    """Return left, top, right and bottom of a mask, the last two one behind it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [int(edge) for edge in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)]


def _head(name: str) -> Dataset:
    """Return the head of a DICOM file that says as plainly as it can that no patient is shown."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = SecondaryCaptureImageStorage
    uids = {part: generate_uid(entropy_srcs=["onnxplain", name, part]) for part in ("study", "series", "instance")}
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = uids["instance"]
    made.StudyInstanceUID, made.SeriesInstanceUID = uids["study"], uids["series"]
    made.PatientName, made.PatientID = "DRAWN^PICTURE", "NOBODY"
    made.ImageComments = "Drawn by a program. It shows no person and no disease."
    made.Modality, made.ConversionType, made.ViewPosition = "OT", "SYN", "PA"
    made.PatientBirthDate = made.PatientSex = made.StudyDate = made.StudyTime = made.ReferringPhysicianName = ""
    made.StudyID = made.AccessionNumber = made.SeriesNumber = ""
    made.InstanceNumber = 1
    made.Rows = made.Columns = SIDE
    made.SamplesPerPixel = 1
    return made


def dicom(name: str, drawn: Drawing) -> Dataset:
    """Return a picture as detectors store it: 10 bits, dark where the value is large, and a window to be shown by.

    Its pixels are compressed without loss by JPEG-LS.
    """
    made = _head(name)
    made.PhotometricInterpretation = "MONOCHROME1"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, BITS, BITS - 1, 0
    made.WindowCenter, made.WindowWidth = 2 ** (BITS - 1), round(ROOM * 2**BITS)
    made.RescaleIntercept, made.RescaleSlope, made.RescaleType = 0, 1, "US"
    made.PixelData = levels((1 - ROOM) / 2 + ROOM * (1 - drawn.brightness), BITS).astype("<u2").tobytes()
    made["PixelData"].VR = "OW"
    made.compress(JPEGLSLossless, generate_instance_uid=False)
    return made


def write_all() -> None:
    """Write pictures, masks and boxes of all samples and one DICOM file, and remove older ones."""
    for folder in (IMAGES, MASKS):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
    boxes = {}
    for name in CHOSEN:
        drawn = sample(name)
        Image.fromarray(levels(drawn.brightness)).save(IMAGES / f"{name}.png", optimize=True)
        for what, where in (("opacity", drawn.finding), ("marker", drawn.marker)):
            if where.any():
                Image.fromarray(where).save(MASKS / f"{name}.{what}.png", optimize=True)
        if drawn.finding.any():
            boxes[f"{name}.png"] = [_box(drawn.finding)]
    Path(MASKS / "boxes.json").write_text(json.dumps(boxes, indent=2) + "\n", newline="\n")
    dicom(STORED, sample(STORED)).save_as(IMAGES / f"{STORED}.dcm", enforce_file_format=True)


if __name__ == "__main__":
    write_all()
