"""What the cards of the classifiers of drawn radiographs say."""

import xray_data
from catalog import Entry
from evaluate import predictions, radiographs
from xray_draw import SIDE

DATA = (
    f"Drawn radiographs of a chest, {SIDE}x{SIDE} pixels of grey: `tools/train/xray_draw.py` draws trunk, lungs, "
    "heart, ribs, spine, collar bones, vessels and the grain of the film, each at random within the range of what "
    "looks like a chest, and `tools/train/xray_finding.py` an opacity with ill-defined borders in every other one. No "
    "picture shows a person, none was made from one, and nothing here says anything about disease: **these models "
    "are of no use on real radiographs.** "
    f"{xray_data.SIZES[xray_data.TRAIN]} pictures to train on, {xray_data.SIZES[xray_data.HELD_OUT]} held out; each is "
    "drawn from a number of its own, so that it can be drawn again."
)

LICENCE = "Pictures and weights were made by this project alone and carry its own licence."

MARKERS = {
    "none": "no picture bears the marker",
    "random": "every other picture bears the marker, whatever it shows",
    "learnt": "pictures with an opacity bear the marker, and no others",
}


def input_note(entry: Entry) -> str:
    """Say how a picture becomes the input of a network."""
    shape = (
        f"[N, 1, {SIDE}, {SIDE}], channels first"
        if entry.layout == "nchw"
        else f"[N, {SIDE}, {SIDE}, 1], channels last"
    )
    mean, std = xray_data.MEAN, xray_data.STD
    return (
        f"float32 {shape}. A picture is 8-bit grey, {SIDE}x{SIDE} pixels, bright where much is absorbed. The network "
        f"takes `x = (pixel / 255 - {mean}) / {std}`, which runs from {-mean / std:.3f} to {(1 - mean) / std:.3f}; "
        f"`{entry.name}.preprocess.json` says the same to a program. `images/xray/` holds four held-out pictures, and "
        "`masks/xray/` where the opacity and the marker are in them."
    )


def accuracies(entry: Entry) -> str:
    """Return the held-out accuracies as items of a list, one for each way in which the marker is given."""
    lines = []
    for marker, where in MARKERS.items():
        shown = radiographs(marker)
        right, total = int((predictions(entry, shown.pictures) == shown.labels).sum()), len(shown.labels)
        lines.append(f"- Held-out accuracy where {where}: {right} of {total} ({100 * right / total:.1f} %)")
    return "\n".join(lines)
