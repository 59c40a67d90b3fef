"""Measure accuracies with ONNX Runtime on the exported files, because these files are what users get."""

from functools import cache
from itertools import chain

import data
import numpy as np
import onnxruntime
import reviews_data
import sounds_data
import xray_data
from catalog import Entry
from onnxfile import MODELS
from xray_finding import Drawing

TWIN_TOLERANCE = 1e-5
"""The largest difference that a probability may have between two exports of one network."""


PADDING = reviews_data.SPECIAL.index("[PAD]")
BATCH = 100
"""How many rows run at once; a session keeps the values of all layers of all of them."""


def model_input(rows: np.ndarray, entry: Entry) -> np.ndarray:
    """Turn rows of the data set into the explained input of a model: pictures in its layout, others as they are."""
    if not entry.takes_pictures:
        return rows
    pictures = (xray_data if entry.data == "xray" else data).network_input(rows)
    return pictures if entry.layout == "nchw" else pictures.transpose(0, 2, 3, 1)


def run(entry: Entry, rows: np.ndarray) -> list:
    """Return all outputs of an exported model for these rows."""
    session = onnxruntime.InferenceSession(MODELS / f"{entry.name}.onnx", providers=["CPUExecutionProvider"])
    feed = np.ascontiguousarray(model_input(rows, entry))
    parts = [feed[start : start + BATCH] for start in range(0, len(feed), BATCH)]
    outputs = [session.run(None, _feeds(session.get_inputs(), part)) for part in parts]
    return [_joined(each) for each in zip(*outputs, strict=True)]


def _feeds(inputs: list, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays of a model's inputs; of two, the second one is the mask of the tokens in the first."""
    feeds = {inputs[0].name: rows}
    return feeds if len(inputs) == 1 else feeds | {inputs[1].name: (rows != PADDING).astype(np.int64)}


def _joined(parts: tuple) -> np.ndarray | list:
    """Join what one output holds in each batch: arrays, or the lists of a ZipMap."""
    return list(chain(*parts)) if isinstance(parts[0], list) else np.concatenate(parts)


def predictions(entry: Entry, rows: np.ndarray) -> np.ndarray:
    """Return the predicted class of each row. A first output with only one axis already holds the classes.

    One number per row is the probability of the second class of two.
    """
    first = run(entry, rows)[0]
    if first.ndim == 1:
        return first
    return first.argmax(axis=1) if first.shape[1] > 1 else (first[:, 0] > 0.5).astype(int)


@cache
def _drawn() -> list[Drawing]:
    return xray_data.drawings(xray_data.HELD_OUT)


@cache
def radiographs(marker: xray_data.Marker) -> xray_data.Radiographs:
    """Return the held-out radiographs with a marker on some; they are drawn once."""
    return xray_data.radiographs(xray_data.HELD_OUT, _drawn(), marker)


def held_out(entry: Entry) -> tuple[np.ndarray, np.ndarray]:
    """Return the held-out rows and labels of the data set a model belongs to; radiographs bear the marker at random."""
    if entry.data == "xray":
        shown = radiographs("random")
        return shown.pictures, shown.labels
    if entry.data == "reviews":
        made = reviews_data.reviews(reviews_data.HELD_OUT)
        return reviews_data.encoded([each.text for each in made])[0], np.array([each.label for each in made])
    if entry.data == "sounds":
        return sounds_data.sounds(sounds_data.HELD_OUT)[:2]
    split = data.wine() if entry.data == "wine" else data.digits()
    return split.x_test, split.y_test


def correct(entry: Entry) -> tuple[int, int]:
    """Return the number of held-out rows that a model classifies correctly, and the number of all held-out rows."""
    rows, labels = held_out(entry)
    return int((predictions(entry, rows) == labels).sum()), len(labels)


def probabilities(entry: Entry, rows: np.ndarray) -> np.ndarray:
    """Return the probabilities of all classes, whichever way the file states them."""
    scores = run(entry, rows)[0].astype(np.float64)
    if scores.shape[1] == 1:
        return np.concatenate([1 - scores, scores], axis=1)
    if entry.output.startswith("`logits`"):
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    return scores


def check_twins(first: Entry, second: Entry) -> float:
    """Return the largest difference between the probabilities of two exports of one network.

    Raise ValueError where it is above `TWIN_TOLERANCE`.
    """
    rows, _ = held_out(first)
    difference = float(np.abs(probabilities(first, rows) - probabilities(second, rows)).max())
    if difference > TWIN_TOLERANCE:
        raise ValueError(f"{first.name} and {second.name} differ by {difference:.1e}")
    return difference
