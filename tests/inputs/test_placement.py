"""A map over the model's input goes back to the place on the picture from which each of its pixels came."""

import numpy as np
import pytest
from PIL import Image

from onnxplain.inputs.placement import Placement
from onnxplain.inputs.preprocess import Preprocess

CROPS = [None, 1.0, 224 / 256, 0.5, 40, 20, (40, 30), (20, 50)]
"""Stretched; covered, with and without a rest; by the short side, larger and smaller than the window; to a size."""
FILTERS = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]


def centre(values):
    """The centre of mass of what is brightest: row, column."""
    weights = np.where(values > 0.5 * np.nanmax(values), values, 0)
    weights = np.nan_to_num(weights)
    rows, columns = np.indices(values.shape)
    return np.array([(weights * each).sum() for each in (rows, columns)]) / weights.sum()


def preprocess(crop, resize="bilinear"):
    return Preprocess(size=(32, 32), crop=crop, resize=resize, colour="grey", layout="NCHW")


@pytest.mark.parametrize("resize", FILTERS)
@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("shape", [(100, 100), (96, 150), (150, 90), (33, 47)])
def test_a_dot_comes_back_to_its_place(shape, crop, resize):
    """What the model gets of a dot is taken for its map; it comes back to where the dot was, to one pixel."""
    made, (height, width), found = preprocess(crop, resize), shape, 0
    place = made.original(Image.fromarray(np.zeros(shape, np.uint8))).placement
    pitch = [long / short for long, short in zip(place.original, place.resized, strict=True)]
    reach, (rows, columns) = 2 * int(max(2.0, *pitch)), place.seen()
    for row, column in ((height // 2, width // 2), (height // 2 - 9, width // 2 + 6), (height // 3, width // 3)):
        top, bottom, left, right = row - reach, row + reach + 1, column - reach, column + reach + 1
        if top < rows.start or bottom > rows.stop or left < columns.start or right > columns.stop:
            continue  # cut off, or not seen
        found += 1
        dot = np.zeros(shape, np.uint8)
        dot[top:bottom, left:right] = 255
        apart = np.abs(centre(place.back(made(Image.fromarray(dot))[0, 0])) - (row, column))
        assert (apart <= np.maximum(1, pitch)).all(), "one pixel of the coarser of both"
        assert resize == "nearest" or apart.max() <= 1, "all others weigh what lies between"
    assert found


@pytest.mark.parametrize("crop", CROPS)
def test_what_was_not_seen_is_nan_and_nothing_else_is(crop):
    shape = (96, 150)
    made = preprocess(crop, "nearest")
    place = made.original(Image.fromarray(np.zeros(shape, np.uint8))).placement
    back = place.back(np.ones((32, 32), np.float32))
    rows, columns = place.seen()
    seen = np.zeros(shape, bool)
    seen[rows, columns] = True
    assert np.array_equal(np.isfinite(back), seen) and (back[seen] == 1).all()
    bright = np.zeros(shape, np.uint8)
    bright[seen] = 255
    cut = made(Image.fromarray(bright))[0, 0]
    inside = made(Image.fromarray(np.full(shape, 255, np.uint8)))[0, 0]
    assert (cut[1:-1, 1:-1] == inside[1:-1, 1:-1]).all(), "the model sees nothing else of the picture"


def test_a_map_of_the_pictures_own_size_comes_back_as_it_is():
    values = np.random.default_rng(0).normal(size=(7, 9)).astype(np.float32)
    place = Placement((7, 9), (7, 9), (0, 0), (7, 9))
    assert place.whole and np.array_equal(place.back(values), values)


def test_enlarged_it_has_squares_or_what_lies_between():
    values = np.arange(4, dtype=np.float32).reshape(2, 2)
    place = Placement((4, 4), (2, 2), (0, 0), (2, 2))
    assert place.back(values, squares=True).tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    between = place.back(values)
    assert between[0, 0] == 0 and between[-1, -1] == 3 and (np.diff(between[0]) > 0).any()
    assert place.back(values, (8, 8)).shape == (8, 8)


def test_padding_is_left_out():
    """A window that reaches beyond the picture: the picture fills the middle of the model's input."""
    place = Placement((20, 20), (20, 20), (-6, -6), (32, 32))
    values = np.zeros((32, 32), np.float32)
    values[6:26, 6:26] = 1
    assert (place.back(values) == 1).all()
