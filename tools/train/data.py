"""The two data sets, their fixed split, and the pictures that the convolutional networks take.

Every script takes its data from here, so that no model is ever measured on a row it was trained on.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits, load_wine
from sklearn.model_selection import train_test_split

SIDE = 16
"""Height and width of a picture. The scans are 8x8; doubling them leaves room for pooling and strides."""

FULL_INK = 16
"""The largest value of a pixel in scikit-learn's copy of the scans."""


class Split(NamedTuple):
    """Rows to train on and rows held out, with the index of each held-out row in the data set."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    test_index: np.ndarray


def _split(x: np.ndarray, y: np.ndarray) -> Split:
    """Hold out a quarter of the rows: the same quarter every time, with each class in its proportion."""
    rows = np.arange(len(y))
    train, test = train_test_split(rows, test_size=0.25, stratify=y, random_state=0)
    x = x.astype(np.float32)
    return Split(x[train], y[train], x[test], y[test], test)


def digits() -> Split:
    """Return the handwritten digits as rows of 64 pixels, 0 for paper and 16 for ink."""
    return _split(*load_digits(return_X_y=True))


def wine() -> Split:
    """Return the wines as rows of 13 measurements in their own units."""
    return _split(*load_wine(return_X_y=True))


def wine_features() -> list[str]:
    """Name the 13 measurements, in the order of the columns."""
    return list(load_wine().feature_names)


def pictures(rows: np.ndarray) -> np.ndarray:
    """Turn rows of 64 pixels into 8-bit grey pictures of SIDE x SIDE.

    Networks are trained on pictures that are rounded to 8 bits already, so that a picture saved as PNG is exactly what
    a network was given.
    """
    scans = np.rint(rows.reshape(-1, 8, 8) * (255 / FULL_INK)).astype(np.uint8)
    doubled = [Image.fromarray(scan).resize((SIDE, SIDE), Image.Resampling.BILINEAR) for scan in scans]
    return np.stack([np.asarray(picture) for picture in doubled])


def normalisation() -> tuple[float, float]:
    """Return mean and standard deviation of the pixels of the training pictures, scaled to 0..1."""
    scaled = pictures(digits().x_train) / 255
    return round(float(scaled.mean()), 4), round(float(scaled.std()), 4)


def network_input(rows: np.ndarray) -> np.ndarray:
    """Turn rows of 64 pixels into the input of the networks: normalised pictures, float32 [N, 1, SIDE, SIDE]."""
    mean, std = normalisation()
    scaled = pictures(rows)[:, None] / 255
    return ((scaled - mean) / std).astype(np.float32)
