"""Measure accuracies with ONNX Runtime on the exported files, because these files are what users get."""

import data
import numpy as np
import onnxruntime
from catalog import Entry, Layout
from onnxfile import MODELS

TWIN_TOLERANCE = 1e-5
"""The largest difference that a probability may have between two exports of one network."""


def model_input(rows: np.ndarray, layout: Layout) -> np.ndarray:
    """Turn rows of the data set into the input of a model with this layout."""
    if layout == "nchw":
        return data.network_input(rows)
    if layout == "nhwc":
        return data.network_input(rows).transpose(0, 2, 3, 1)
    return rows


def run(entry: Entry, rows: np.ndarray) -> list:
    """Return all outputs of an exported model for these rows."""
    session = onnxruntime.InferenceSession(MODELS / f"{entry.name}.onnx", providers=["CPUExecutionProvider"])
    feed = np.ascontiguousarray(model_input(rows, entry.layout))
    return session.run(None, {session.get_inputs()[0].name: feed})


def predictions(entry: Entry, rows: np.ndarray) -> np.ndarray:
    """Return the predicted class of each row. A first output with only one axis already holds the classes."""
    first = run(entry, rows)[0]
    return first if first.ndim == 1 else first.argmax(axis=1)


def held_out(entry: Entry) -> tuple[np.ndarray, np.ndarray]:
    """Return the held-out rows and labels of the data set a model belongs to."""
    split = data.wine() if entry.data == "wine" else data.digits()
    return split.x_test, split.y_test


def correct(entry: Entry) -> tuple[int, int]:
    """Return the number of held-out rows that a model classifies correctly, and the number of all held-out rows."""
    rows, labels = held_out(entry)
    return int((predictions(entry, rows) == labels).sum()), len(labels)


def check_twins(logits_entry: Entry, probabilities_entry: Entry) -> float:
    """Return the largest difference between the softmax of one model's logits and another model's probabilities.

    Raise ValueError where it is above `TWIN_TOLERANCE`.
    """
    rows, _ = held_out(logits_entry)
    logits = run(logits_entry, rows)[0].astype(np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax = powers / powers.sum(axis=1, keepdims=True)
    difference = float(np.abs(softmax - run(probabilities_entry, rows)[0]).max())
    if difference > TWIN_TOLERANCE:
        raise ValueError(f"{logits_entry.name} and {probabilities_entry.name} differ by {difference:.1e}")
    return difference
