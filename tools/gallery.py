"""Draw the pictures of the README and of docs/ from the bundled classifiers, and save them in models/gallery/.

Names of pictures as arguments draw these alone. Labels in Chinese need a font of the system that has the letters, and
the pictures of wines the data of scikit-learn.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

import onnxplain as ox
from onnxplain.errors import ConservationWarning
from onnxplain.show.scales import NEGATIVE, POSITIVE

MODELS = Path(__file__).resolve().parents[1] / "models"
SHOWN = MODELS / "images" / "xray" / "opacity_marked.png"
"""A drawn radiograph with an opacity and a marker."""
XRAY = (
    *("occlusion", "lime", "integrated_gradients", "meaningful_perturbation", "gradient", "deconvnet"),
    *("guided_backprop", "grad_cam", "guided_grad_cam", "lrp.epsilon", "lrp.epsilon_plus_flat", "deeplift"),
)
"""Those that the literature on explaining classifiers of pictures mostly shows, and this library's default."""
FEW = ("lime", "grad_cam", "lrp.epsilon_plus_flat", "deeplift")
"""One method of each kind."""
FAMILIES = ("gradient", "lrp.epsilon_plus_flat", "grad_cam", "occlusion")
CHINESE, RUSSIAN = "〇一二三四五六七八九", "ноль один два три четыре пять шесть семь восемь девять"
SCALE, QUALITY = 0.75, 40
"""How much a picture is scaled down, and the quality of WebP, for small files in which all can be read."""
FLAT = ("waterfall",)
"""Those of few colours: they are smaller where nothing of them is lost, at their own size."""


def classifier(version: str) -> ox.Model:
    """Load a classifier of drawn radiographs."""
    files = {"preprocess": MODELS / f"{version}.preprocess.json", "labels": MODELS / "xray.labels.txt"}
    return ox.load(MODELS / f"{version}.onnx", **files)


def masks(*what: str) -> list[Path]:
    """Return the files of what was drawn into the radiograph."""
    return [MODELS / "masks" / "xray" / f"{SHOWN.stem}.{each}.png" for each in what]


def xray() -> Image.Image:
    """Return one radiograph by all methods.

    That the biases of so small a network take all of what `lrp.epsilon` shares out stands in models/xray_scores.md.
    """
    return ox.compare(classifier("xray_v1"), SHOWN, XRAY).picture(masks=masks("opacity"))


def xray_versions() -> Image.Image:
    """Return one radiograph by both classifiers, the second of which has learnt the marker."""
    both = {"version 1": classifier("xray_v1"), "version 2": classifier("xray_v2")}
    return ox.compare(both, SHOWN, FEW).picture(masks=masks("opacity", "marker"))


def overlay() -> Image.Image:
    """Return one explanation as it is saved: the picture, the map over it, and what the colours mean."""
    e = ox.explain(classifier("xray_v1"), SHOWN, "lrp.epsilon_plus_flat")
    return e.image(masks=masks("opacity"), size=240)


def digits() -> Image.Image:
    """Return what speaks for each of two classes in a digit, by one method of each family; labels in two scripts."""
    labels = [" ".join(each) for each in zip(CHINESE, RUSSIAN.split(), strict=True)]
    preprocess = MODELS / "digits_cnn_torch.preprocess.json"
    model = ox.load(MODELS / "digits_cnn_torch.onnx", preprocess=preprocess, labels=labels)
    shown = MODELS / "images" / "digit_3_918.png"
    return ox.compare(model, shown, FAMILIES, targets=[labels[3], labels[8]]).picture(size=112)


def wines() -> ox.Explanation:
    """Return what the columns of all wines add to the score of one class, from that of a mean wine."""
    from sklearn.datasets import load_wine

    rows = load_wine().data.astype(np.float32)
    files = {"labels": MODELS / "wine.labels.txt", "features": MODELS / "wine.features.txt"}
    model = ox.load(MODELS / "wine_mlp_torch.onnx", **files)
    return ox.explain(model, rows, "deeplift", target="class_0", baseline=rows.mean(0, keepdims=True))


def waterfall() -> Image.Image:
    """Return the first wine, column by column."""
    return wines().image(0)


def beeswarm() -> Image.Image:
    """Return all wines."""
    return wines().image("all", kind="beeswarm")


def tokens() -> Image.Image:
    """Return a made-up review with a negation, made of ids without the library that a tokenizer takes."""
    files = {"vocabulary": MODELS / "reviews.tokenizer.json", "labels": MODELS / "reviews.labels.txt"}
    model = ox.load(MODELS / "reviews_transformer_torch.onnx", **files)
    words = ["[CLS]", "honestly", "the", "film", "was", "not", "very", "good", "on", "monday", "[SEP]"]
    ids = np.array([[(model.vocabulary or ()).index(word) for word in words]])
    return ox.explain(model, {"input_ids": ids, "attention_mask": np.ones_like(ids)}, "attnlrp").image()


def sound() -> Image.Image:
    """Return a chirp, hidden stretch by stretch."""
    model = ox.load(MODELS / "sounds_cnn_torch.onnx", rate=8000, labels=MODELS / "sounds.labels.txt")
    return ox.explain(model, MODELS / "sounds" / "chirp.wav", "occlusion", window=100, stride=50).image()


PICTURES = {each.__name__: each for each in (xray, xray_versions, overlay, digits, waterfall, beeswarm, tokens, sound)}


def save(name: str, picture: Image.Image) -> None:
    """Save a picture, smaller, and print its path and size."""
    path, picture = MODELS / "gallery" / f"{name}.webp", picture.convert("RGB")
    path.parent.mkdir(exist_ok=True)
    if name in FLAT:
        few_colours(picture).save(path, lossless=True, quality=100, method=6)
    else:
        size = round(SCALE * picture.width), round(SCALE * picture.height)
        small = picture.resize(size, Image.Resampling.LANCZOS)
        small.save(path, quality=QUALITY, method=6, use_sharp_yuv=True)
    print(f"{path}: {path.stat().st_size} bytes")


def few_colours(picture: Image.Image) -> Image.Image:
    """Return a picture in eight greys and the colours of bars."""
    greys = np.linspace(0, 255, 8).round().astype(int).repeat(3).tolist()
    palette = Image.new("P", (1, 1))
    palette.putpalette([*greys, *NEGATIVE, *POSITIVE])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE).convert("RGB")


def main() -> None:
    """Draw the pictures that are named, or all."""
    warnings.simplefilter("ignore", ConservationWarning)
    for name in sys.argv[1:] or PICTURES:
        save(name, PICTURES[name]())


if __name__ == "__main__":
    main()
