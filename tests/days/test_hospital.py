"""A hospital's data scientist: a folder of radiographs with DICOM among them goes in, figures and DICOM come out."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from nets import BUNDLED
from PIL import Image

from onnxplain.cli import main as command

pydicom = pytest.importorskip("pydicom", reason="the extra 'dicom' is not installed")
pytest.importorskip("jpeg_ls", reason="pyjpegls, of the extra 'dicom', is not installed")

SHOWN, MASKS = BUNDLED / "images" / "xray", BUNDLED / "masks" / "xray"
MODEL = (BUNDLED / "xray_v1.onnx", "--preprocess", BUNDLED / "xray_v1.preprocess.json",
         "--labels", BUNDLED / "xray.labels.txt")  # fmt: skip


def run(*arguments):
    command.main([str(each) for each in arguments], standalone_mode=False)


@pytest.fixture
def ward(tmp_path):
    """A folder of radiographs as it may lie on a ward's share: pictures and a DICOM file of another name."""
    (tmp_path / "ward").mkdir()
    for name in ("clear.png", "opacity.png"):
        shutil.copy(SHOWN / name, tmp_path / "ward" / name)
    shutil.copy(SHOWN / "opacity_marked.dcm", tmp_path / "ward" / "scan.dcm")
    return tmp_path / "ward"


def test_each_radiograph_has_a_picture_and_each_dicom_file_a_secondary_capture(ward, tmp_path, capsys):
    run("explain", *MODEL, ward, "-m", "grad_cam", "--dicom", "-o", tmp_path / "out")
    said = capsys.readouterr().out
    assert "clear: no finding, " in said and "scan: opacity, " in said and "probability" in said
    assert {each.name for each in (tmp_path / "out").glob("*.png")} == {
        f"{name}.grad_cam.png" for name in ("clear", "opacity", "scan")
    }
    (written,) = (tmp_path / "out").glob("*.dcm")
    source, capture = (pydicom.dcmread(each) for each in (ward / "scan.dcm", written))
    assert capture.SOPClassUID.name == "Secondary Capture Image Storage"
    assert (capture.Rows, capture.Columns) == (source.Rows, source.Columns)
    assert capture.SOPInstanceUID != source.SOPInstanceUID
    for each in (tmp_path / "out").iterdir():  # nothing of the patient is in any output
        assert str(source.PatientName).encode() not in each.read_bytes(), each.name


def test_the_figure_shows_methods_beside_the_annotation(ward, tmp_path):
    figure = tmp_path / "figure.png"
    shown, outline = ward / "opacity.png", MASKS / "opacity_marked.opacity.png"
    run("compare", *MODEL, shown, "-m", "gradient", "-m", "grad_cam", "--mask", outline, "-o", figure)
    with Image.open(figure) as picture:
        red, green, blue = np.asarray(picture.convert("RGB")).astype(int).transpose(2, 0, 1)
        outlined = (green > 150) & (red < 150) & (green > blue + 30)
        assert picture.width > 2 * 160 and outlined.sum() > 50
