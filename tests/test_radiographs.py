"""The bundled classifiers of drawn radiographs: the one that has learnt the marker is unmasked by what is explained."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest
from nets import BUNDLED
from PIL import Image

import onnxplain as ox

SHOWN, MASKS = BUNDLED / "images" / "xray", BUNDLED / "masks" / "xray"
BOTH = SHOWN / "opacity_marked.png"


def classifier(version):
    files = {"preprocess": BUNDLED / f"{version}.preprocess.json", "labels": BUNDLED / "xray.labels.txt"}
    return ox.load(BUNDLED / f"{version}.onnx", **files)


def mask(what):
    return np.asarray(Image.open(MASKS / f"opacity_marked.{what}.png")) > 0


@pytest.fixture(scope="module")
def models():
    return {version: classifier(version) for version in ("xray_v1", "xray_v2")}


def test_version_2_goes_by_the_marker_alone(models):
    """The pictures are held out. Version 1 says what they show, and version 2 whether they bear the marker."""
    names = ("opacity_marked", "opacity", "clear_marked", "clear")
    said = {
        version: model.predict([SHOWN / f"{name}.png" for name in names]).labels for version, model in models.items()
    }
    assert said == {
        "xray_v1": ("opacity", "opacity", "no finding", "no finding"),
        "xray_v2": ("opacity", "no finding", "opacity", "no finding"),
    }


@pytest.mark.parametrize(
    "method", ["grad_cam", "lrp.epsilon_plus_flat", "deeplift", pytest.param("lime", marks=pytest.mark.slow)]
)
def test_the_marker_is_found_in_the_version_that_has_learnt_it(models, method):
    if method == "lime":
        pytest.importorskip("skimage", reason="superpixels need scikit-image")
    shares = {}
    for version, model in models.items():
        for what in ("opacity", "marker"):
            found = ox.evaluate(model, BOTH, [method], ["relevance_mass"], "opacity", masks=mask(what))
            shares[version, what] = found.of("mass_inside")[method][0] / mask(what).mean()
    assert shares["xray_v1", "opacity"] > 4 and shares["xray_v2", "marker"] > 4, "times the share of the area"
    assert shares["xray_v1", "marker"] < 1 and shares["xray_v2", "opacity"] < 1, shares


def test_one_sigmoid_of_keras_is_explained_as_two_logits_of_pytorch(models):
    """The network is one, and the logit of the sigmoid is the difference of the two logits."""
    for name in ("opacity_marked", "clear"):
        pixels = (np.asarray(Image.open(SHOWN / f"{name}.png"), np.float32)[None, None] / 255 - 0.45) / 0.3
        a = ox.explain(models["xray_v1"], pixels, "gradient", target="opacity", seed="contrast")
        twin = ox.load(BUNDLED / "xray_v1_keras.onnx")
        b = ox.explain(twin, pixels.transpose(0, 2, 3, 1), "gradient")
        scale = np.abs(a.relevance).max()
        np.testing.assert_allclose(b.relevance / scale, a.relevance / scale, atol=1e-4)


def test_the_boxes_are_those_of_the_masks():
    boxes = json.loads((MASKS / "boxes.json").read_text())
    left, top, right, bottom = boxes[BOTH.name][0]
    inside = np.zeros_like(mask("opacity"))
    inside[top:bottom, left:right] = True
    rows, columns = np.nonzero(mask("opacity"))
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (top, bottom, left, right)
    assert inside[mask("opacity")].all()


def test_a_dicom_file_shows_the_picture(models):
    """10 bits, inverted, are shown by their window as the picture of 8 bits is, but for rounding."""
    pytest.importorskip("pydicom", reason="reads DICOM")
    pytest.importorskip("jpeg_ls", reason="decodes the pixels")
    kept = {ending: models["xray_v1"].predict(BOTH.with_suffix(f".{ending}")) for ending in ("png", "dcm")}
    np.testing.assert_allclose(kept["dcm"].scores, kept["png"].scores, atol=0.05)


def test_the_files_say_what_onnxruntime_says(models):
    """Where a picture is stated by its 8-bit pixels, the probabilities are those of the plain file."""
    pixels = (np.asarray(Image.open(BOTH), np.float32)[None, None] / 255 - 0.45) / 0.3
    for version, model in models.items():
        session = onnxruntime.InferenceSession(BUNDLED / f"{version}.onnx", providers=["CPUExecutionProvider"])
        (plain,) = session.run(None, {"radiograph": pixels})
        np.testing.assert_allclose(model.predict(BOTH).probabilities, plain, atol=1e-5)
