"""The float models of the shared folder, each with a sample, its preprocessing and its answer."""

from __future__ import annotations

import csv
from typing import Any, NamedTuple

import numpy as np
import pytest
from nets import SHARED
from PIL import Image, ImageDraw, ImageFont

IMAGES = SHARED / "images"
SHIP, SHIP0, SEVEN = (
    IMAGES / "cifar10/ship_0003.jpg",
    IMAGES / "cifar10/ship_0000.jpg",
    IMAGES / "mnist/test_7_60000.png",
)
GOLDFISH = IMAGES / "photos/goldfish.jpg"
UNIT, TF, RAW = {"scale": 1 / 255}, {"scale": 1 / 127.5, "mean": [1.0]}, {"scale": 1.0}
IMAGENET = UNIT | {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
CIFAR = UNIT | {"mean": [0.4914, 0.4822, 0.4465]}
CROP = {"crop": 256}
LARGE = {
    "exported/keras-squeezenet1.0-tf-nhwc", "exported/mobilenetv2-fp32-ts12", "exported/squeezenet1.1-fp32-dynamo18",
    "exported/squeezenet1.1-fp32-ts9", "real/planes-customvision", "real/squeezenet_fp16-winml",
}  # fmt: skip
"""Those on which a walk in float64 takes seconds."""
TWINS = {
    "exported/squeezenet1.1-fp32-dynamo18", "exported/squeezenet1.1-fp32-ts9", "real/squeezenet_fp16-winml",
}  # fmt: skip
"""Large ones that are SqueezeNet once more, by another exporter: the graphs differ, not the rules that they need."""
THOROUGH = ("real/mnist_verivital_maxpool", "real/cifar10_vit_pgd_2_3_16")
"""A CNN and a transformer, small ones, on which everything runs by default."""


class Case(NamedTuple):
    """A file, what goes in (or a function that makes it), and the class that comes out.

    answer: None where no sample is known. smooth: some activations are no rectifiers.
    """

    file: str
    sample: Any
    preprocess: dict[str, Any] | None
    answer: int | None
    smooth: bool = False


def _row(name, columns, start=1):
    with (IMAGES / "tabular" / name).open() as file:
        row = next(csv.reader(file))
    return int(row[0]), np.array([row[start : start + columns]], "f")


def _text(line):
    """Word ids of a text as the model's vocabulary has them: <START>, the words, padding."""
    words = (IMAGES / "text/text_classification_vocab.txt").read_text().split("\n")
    ids = {word: float(i) for word, _, i in (each.partition(" ") for each in words) if i}
    sequence = [ids["<START>"], *(ids.get(word, ids["<UNKNOWN>"]) for word in line.split())]
    return np.array([sequence + [0.0] * (256 - len(sequence))], "f")


def _noise(*shape, low=0.0, high=1.0):
    return np.random.default_rng(0).uniform(low, high, shape).astype("f")


def _upside_down(text):
    """A line of text as a picture of 192 x 48, turned by 180 degrees."""
    picture = Image.new("RGB", (192, 48), "white")
    ImageDraw.Draw(picture).text((6, 8), text, "black", font=ImageFont.load_default(28))
    return picture.rotate(180)


def _astronaut(*box):
    """A function that makes the picture, because scikit-image need not be installed."""

    def picture():
        data = pytest.importorskip("skimage.data", reason="scikit-image is not installed")
        whole = Image.fromarray(data.astronaut())
        return whole.crop(box) if box else whole

    return picture


def _mfcc():
    with np.load(IMAGES / "audio/down_mfcc_49x10.npz") as file:
        return file["f"].reshape(1, 49, 10, 1).astype("f")


def cases():
    """All cases; made when asked for, because they read the shared folder."""
    return [*_exported(), *_digits(), *_others()]


def _exported():
    return [
        Case("exported/cifar10_resnet20-ts13", SHIP0, IMAGENET, 8),
        Case("exported/keras-cifar10_resnet8", SHIP, RAW, 8),
        Case("exported/keras-fer2013_mini_xception", _astronaut(160, 55, 290, 195), TF, 3),
        Case("exported/keras-squeezenet1.0-tf-nhwc", GOLDFISH, TF | CROP, 2),
        Case("exported/keras-vww96_mobilenetv1_025", _astronaut(), UNIT, 1),
        Case("exported/mobilenetv2-fp32-ts12", GOLDFISH, IMAGENET | CROP, 1),
        Case("exported/squeezenet1.1-fp32-dynamo18", GOLDFISH, IMAGENET | CROP, 1),
        Case("exported/squeezenet1.1-fp32-ts9", GOLDFISH, IMAGENET | CROP, 1),
        Case("exported/tflite-kws_dscnn_float32", _mfcc(), None, 0),
        Case("exported/tflite-mobilenet_v1_0.25_128_quant-f32", GOLDFISH, TF | {"crop": 146}, 2),
        Case("exported/tflite-text_classification", _text("what a waste of my time"), None, 0),
    ]


def _digits():
    return [
        Case("real/mnist-12-unity", SEVEN, RAW, 7),
        Case("real/mnist-8-cntk", SEVEN, RAW, 7),
        Case("real/mnist_dianna", IMAGES / "mnist/test_1_60002.png", RAW, 1),
        Case("real/mnist_dynamo_digitai/mnist_cnn", SEVEN, UNIT, 7),
        Case("real/mnist_marabou_leakyrelu5x20", SEVEN, UNIT, 7),
        Case("real/mnist_marabou_selfattention", SEVEN, UNIT, 7),
        Case("real/mnist_marabou_softmax_last", SEVEN, RAW, 7),
        Case("real/mnist_tribuo_pytorch_cnn", SEVEN, UNIT, 7),
        Case("real/mnist_verivital_maxpool", SEVEN, UNIT, 7),
    ]


def _others():
    gesture, points = _row("gesture_keypoint_300.csv", 42)
    history, track = _row("gesture_point_history_300.csv", 32)
    return [
        Case("real/cifar10-winml-pytorch", SHIP, TF, 8),
        Case("real/cifar10_marabou_large", SHIP, UNIT, 8),
        Case("real/cifar10_resnet20_amandashi", SHIP, CIFAR | {"std": [0.247, 0.2435, 0.2616]}, 8),
        Case("real/cifar10_vit_pgd_2_3_16", SHIP0, CIFAR | {"std": [0.2023, 0.1994, 0.2010]}, 8),
        Case("real/face_antispoof_minifas", _noise(1, 3, 128, 128), None, None, smooth=True),
        Case(
            "real/gesture_history_mlp_tf2onnx",
            {"input": track, "score_threshold": np.zeros((), "f")},
            None,
            history,
        ),
        Case("real/gesture_keypoint_tf2onnx", points, None, gesture),
        Case("real/gtsrb_marabou_fast", IMAGES / "gtsrb/class01_00001.png", UNIT, 1),
        Case("real/iris-winml-pytorch", np.array([[5.1, 3.5, 1.4, 0.2]], "f"), None, 0),
        Case("real/planes-customvision", GOLDFISH, RAW | {"size": [227, 227]}, 0),
        Case(
            "real/ppocr_mobile_v2_cls",
            _upside_down("Receipt 42.50"),
            TF | {"size": [48, 192]},
            1,
            smooth=True,
        ),
        Case("real/season_dianna_tabular", _noise(1, 28, 1, high=30.0), None, None),
        Case(
            "real/squeezenet_fp16-winml",
            GOLDFISH,
            {"mean": [103.94, 116.78, 123.68], "colour": "bgr"} | CROP,
            1,
        ),
    ]
