"""The colour map is white at zero, symmetric in strength, and readable without red-green vision."""

import numpy as np
import pytest

from onnxplain.errors import BadInputError, NumericalError
from onnxplain.show import heatmap, overlay, robust_maximum
from onnxplain.show.colour import NEGATIVE, POSITIVE, colours

# Viénot, Brettel, Mollon (1999): what protanopes and deuteranopes see, on linear RGB
PROTANOPE = [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]
DEUTERANOPE = [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]


def linear(rgb):
    v = np.asarray(rgb) / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def test_zero_is_white_and_the_ends_are_blue_and_red():
    assert colours(np.array([-1.0, 0.0, 1.0])).tolist() == [[33, 102, 172], [255] * 3, [178, 24, 43]]
    assert np.array_equal(colours(np.array([-7.0, 7.0])), colours(np.array([-1.0, 1.0])))


@pytest.mark.parametrize("sign", [-1, 1])
def test_stronger_is_always_darker(sign):
    luminance = linear(colours(sign * np.linspace(0, 1, 101))) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) < 0).all()


@pytest.mark.parametrize("seen", [np.eye(3), PROTANOPE, DEUTERANOPE])
def test_signs_stay_apart_for_colour_blind_eyes(seen):
    """At equal strength blue stays the bluer one: the channel that these eyes have."""
    strength = np.linspace(0.1, 1, 10)
    negative, positive = (linear(colours(s * strength)) @ np.array(seen).T for s in (-1, 1))

    def blueness(rgb):
        return (rgb[:, 2] - rgb[:, :2].mean(axis=1)) / rgb.sum(axis=1)

    assert (blueness(negative) - blueness(positive) > 0.01).all()
    assert (np.diff(blueness(negative) - blueness(positive)) > 0).all()


def test_robust_maximum_is_the_99th_percentile():
    relevance = np.arange(-100.0, 1.0)[None]
    assert robust_maximum(relevance) == 99
    assert robust_maximum(-relevance) == 99
    assert robust_maximum(relevance, 50) == 50


def test_robust_maximum_of_sparse_and_empty_maps():
    sparse = np.zeros((100, 100))
    sparse[3, 4] = -5
    assert robust_maximum(sparse) == 5
    assert robust_maximum(np.zeros((4, 4))) == 0
    assert (heatmap(np.zeros((4, 4))) == 255).all()


def test_one_hot_pixel_does_not_pale_the_rest():
    relevance = np.ones((20, 20))
    relevance[0, 0] = 1000
    assert heatmap(relevance)[5, 5].tolist() == list(POSITIVE)


def test_an_overlay_shows_the_picture_where_relevance_is_zero_and_the_colour_where_it_is_full():
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 3), np.uint8)
    shown = overlay(image, np.array([[-1.0, 0.0, 1.0]]), vmax=1).astype(int)
    assert shown[0, 0].tolist() == list(NEGATIVE)
    assert shown[0, 2].tolist() == list(POSITIVE)
    assert np.ptp(shown[0, 1]) == 0
    assert overlay(np.full((1, 1, 3), 255, np.uint8), np.zeros((1, 1))).tolist() == [[[255] * 3]]


def test_sizes_that_differ_and_nan_are_refused():
    with pytest.raises(BadInputError, match=r"\(4, 4\).*\(4, 5\)"):
        overlay(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5)))
    with pytest.raises(NumericalError, match="NaN"):
        heatmap(np.array([[np.nan]]))
