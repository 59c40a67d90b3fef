"""Draw the pictures of the README from the classifiers of drawn radiographs, and save them in models/gallery/."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

import onnxplain as ox
from onnxplain.errors import ConservationWarning

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
SCALE, GREYS, COLOURS = 0.75, 20, 44
"""How much a picture is scaled down, and to how many greys and colours it is reduced, so that its file is small."""


def classifier(version: str) -> ox.Model:
    """Load a classifier of drawn radiographs."""
    files = {"preprocess": MODELS / f"{version}.preprocess.json", "labels": MODELS / "xray.labels.txt"}
    return ox.load(MODELS / f"{version}.onnx", **files)


def annotated(found: ox.Comparison, name: str, *what: str) -> None:
    """Save a comparison with outlines of what was drawn, smaller and in few colours, and print its path."""
    path = MODELS / "gallery" / f"{name}.webp"
    path.parent.mkdir(exist_ok=True)
    picture = found.picture(masks=[MODELS / "masks" / "xray" / f"{SHOWN.stem}.{each}.png" for each in what])
    size = round(SCALE * picture.width), round(SCALE * picture.height)
    small = few_colours(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS))
    small.convert("RGB").save(path, lossless=True, quality=100, method=6)
    print(path)


def few_colours(picture: Image.Image) -> Image.Image:
    """Return a picture in RGB with GREYS greys and COLOURS colours.

    They are reduced apart, since a radiograph has so much more of the first.
    """
    pixels = np.asarray(picture)
    coloured = np.ptp(pixels.astype(int), axis=2) > 12
    colours = Image.fromarray(pixels[coloured][None]).quantize(COLOURS, kmeans=2)
    places = np.rint(pixels[..., 1] * ((GREYS - 1) / 255)).astype(np.uint8)
    places[coloured] = GREYS + np.asarray(colours)[0]
    few = Image.fromarray(places, "P")
    few.putpalette([*np.rint(np.linspace(0, 255, GREYS)).astype(int).repeat(3).tolist(), *(colours.getpalette() or [])])
    return few


def main() -> None:
    """Draw one radiograph by all methods, and by both classifiers, the second of which has learnt the marker.

    That the biases of so small a network take all of what `lrp.epsilon` shares out stands in models/xray_scores.md.
    """
    warnings.simplefilter("ignore", ConservationWarning)
    annotated(ox.compare(classifier("xray_v1"), SHOWN, XRAY), "xray", "opacity")
    both = {"version 1": classifier("xray_v1"), "version 2": classifier("xray_v2")}
    annotated(ox.compare(both, SHOWN, FEW), "xray_versions", "opacity", "marker")


if __name__ == "__main__":
    main()
