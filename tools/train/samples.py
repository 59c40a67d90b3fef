"""Write the files that accompany the models: class labels, preprocessing, and held-out samples to explain."""

import json
import wave
from collections.abc import Sequence

import data
import numpy as np
import reviews_data
import sounds_data
import xray_data
import xray_draw
import xray_samples
from catalog import ENTRIES
from evaluate import predictions
from onnxfile import MODELS
from PIL import Image

CLASSES = 10
WINE_CLASSES = ("class_0", "class_1", "class_2")
"""The names that scikit-learn uses. Which cultivars they are was not published with the data."""


def _write_lines(name: str, lines: Sequence[str]) -> None:
    """Write one entry per line, ending in a newline on every system."""
    (MODELS / name).write_text("".join(f"{line}\n" for line in lines), newline="\n")


def write_names() -> None:
    """Write the classes of all data sets and the names of the wine's measurements."""
    _write_lines("digits.labels.txt", [str(digit) for digit in range(CLASSES)])
    _write_lines("wine.labels.txt", WINE_CLASSES)
    _write_lines("wine.features.txt", data.wine_features())
    _write_lines("xray.labels.txt", xray_data.CLASSES)
    _write_lines("reviews.labels.txt", reviews_data.CLASSES)
    _write_lines("sounds.labels.txt", sounds_data.CLASSES)


def write_preprocessing() -> None:
    """Write, for each network that takes pictures, how a picture becomes its input."""
    numbers = {
        "digits": (data.SIDE, *data.normalisation()),
        "xray": (xray_draw.SIDE, xray_data.MEAN, xray_data.STD),
    }
    for entry in ENTRIES:
        if entry.takes_pictures:
            side, mean, std = numbers[entry.data]
            recipe = {"size": [side, side], "mean": [mean], "std": [std], "scale": 1 / 255, "colour": "grey"}
            recipe |= {"resize": "bilinear", "crop": None}
            _write_lines(f"{entry.name}.preprocess.json", [json.dumps(recipe, indent=2)])


def write_digit_samples() -> None:
    """Write, for each digit, the first held-out scan that every model on the digits classifies correctly.

    The ten scans are written as pictures, named after their class and their index in the data set, and also as one
    array of raw pixels [10, 64], for the models that do not take pictures.
    """
    split = data.digits()
    models = [entry for entry in ENTRIES if entry.data == "digits"]
    agreed = np.all([predictions(entry, split.x_test) == split.y_test for entry in models], axis=0)
    chosen = [int(np.flatnonzero(agreed & (split.y_test == digit))[0]) for digit in range(CLASSES)]
    folder = MODELS / "images"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("digit_*.png"):
        old.unlink()
    for digit, picture, index in zip(
        range(CLASSES), data.pictures(split.x_test[chosen]), split.test_index[chosen], strict=True
    ):
        Image.fromarray(picture).save(folder / f"digit_{digit}_{index}.png")
    np.save(MODELS / "digits_samples.npy", split.x_test[chosen])


def write_wine_sample() -> None:
    """Write the first held-out wine that the model classifies correctly, as an array [1, 13]."""
    split = data.wine()
    model = next(entry for entry in ENTRIES if entry.data == "wine")
    first = int(np.flatnonzero(predictions(model, split.x_test) == split.y_test)[0])
    np.save(MODELS / "wine_sample.npy", split.x_test[[first]])


def write_sound() -> None:
    """Write the first held-out chirp that the model classifies correctly, of 8 bits, and where in it the chirp is."""
    model = next(entry for entry in ENTRIES if entry.data == "sounds")
    waves, labels, events = sounds_data.sounds(sounds_data.HELD_OUT)
    right = predictions(model, waves) == labels
    index = int(np.flatnonzero(right & (labels == sounds_data.CLASSES.index("chirp")))[0])
    folder = MODELS / "sounds"
    folder.mkdir(exist_ok=True)
    with wave.open(str(folder / "chirp.wav"), "wb") as file:
        file.setparams((1, 1, sounds_data.RATE, 0, "NONE", ""))
        file.writeframes((np.rint(waves[index] * 128).clip(max=127) + 128).astype("u1").tobytes())
    (folder / "events.json").write_text(f"{json.dumps({'chirp.wav': events[index].tolist()})}\n", newline="\n")


def write_all() -> None:
    """Write all files that accompany the models."""
    write_names()
    write_preprocessing()
    write_digit_samples()
    write_wine_sample()
    write_sound()
    xray_samples.write_all()
