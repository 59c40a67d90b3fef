"""Colours are true to the numbers, readable without red-green vision, and leave the picture visible."""

import numpy as np
import pytest
from PIL import Image

from onnxplain.errors import BadInputError, NumericalError
from onnxplain.show import Style, heatmap, overlay, robust_maximum
from onnxplain.show.colour import Scale, scale_of, selected
from onnxplain.show.scales import DIVERGING, NEGATIVE, POSITIVE, SEQUENTIAL, table

SIGNED = np.array([[-1.0, 0.0, 1.0]])

# Viénot, Brettel, Mollon (1999): what protanopes and deuteranopes see, on linear RGB
PROTANOPE = [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]
DEUTERANOPE = [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]


def linear(rgb):
    v = np.asarray(rgb) / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def colours(values):
    return np.asarray(Scale(table(DIVERGING), -1.0, 1.0).heat(np.atleast_2d(values)))[0]


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
    assert np.ptp(heatmap(np.zeros((4, 4))), axis=(0, 1)).max() == 0


def test_one_hot_pixel_does_not_pale_the_rest():
    relevance = np.ones((20, 20))
    relevance[0] = -1
    relevance[1, 0] = 1000
    assert heatmap(relevance)[5, 5].tolist() == list(POSITIVE)


@pytest.mark.parametrize(
    ("relevance", "low", "high", "zero"),
    [
        (SIGNED, -1, 1, [255] * 3),
        (np.array([[0.0, 0.5, 1.0]]), 0, 1, table(SEQUENTIAL)[0].tolist()),
        (np.array([[-1.0, -0.5, 0.0]]), -1, 0, [255] * 3),
        (np.array([[-1e-9, 0.5, 1.0]]), 0, 1, table(SEQUENTIAL)[0].tolist()),
    ],
)
def test_no_half_of_a_scale_is_empty(relevance, low, high, zero):
    scale = scale_of(relevance, Style(vmax="100%"))
    assert (scale.low, scale.high) == (low, high)
    assert np.asarray(scale.heat(np.zeros((1, 1)))).tolist() == [[zero]]


@pytest.mark.parametrize(("sign", "left"), [("positive", [0, 0, 3]), ("negative", [-2, 0, 0]), ("absolute", [2, 0, 3])])
def test_a_sign_leaves_its_numbers(sign, left):
    shown = selected(np.array([[-2.0, 0.0, 3.0]]), sign)
    assert shown.tolist() == [left]
    scale = scale_of(shown, Style(vmax="100%"))
    assert 0 in (scale.low, scale.high) and scale.top == np.abs(left).max()


def test_the_opacity_grows_with_the_size_of_a_number_up_to_its_most():
    """Over black, what is seen is the colour times the opacity."""
    black, values = np.zeros((1, 9, 3), np.uint8), np.linspace(-1, 1, 9)[None]
    for alpha in (0.6, 0.25, 1.0):
        shown = overlay(black, values, 1.0, alpha).astype(float)
        expected = heatmap(values, 1.0) * alpha * np.abs(values)[..., None]
        assert np.abs(shown - expected).max() < 2
    assert (overlay(black, values, 1.0)[0, 4] == 0).all()


def test_the_picture_stays_visible_in_its_colours_under_the_strongest_colour():
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 3), np.uint8)
    shown = overlay(image, SIGNED, vmax=1)
    assert shown[0, 1].tolist() == image[0, 1].tolist(), "zero relevance leaves the picture as it is"
    for pixel, end in ((0, NEGATIVE), (2, POSITIVE)):
        np.testing.assert_allclose(shown[0, pixel], 0.4 * image[0, pixel] + 0.6 * np.array(end), atol=1)


def test_below_the_threshold_nothing_is_drawn():
    values = np.linspace(-1, 1, 21)[None]
    white = np.full((1, 21, 3), 255, np.uint8)
    scale = scale_of(values, Style(threshold=0.45, vmax=1))
    assert (np.asarray(scale.heat(values))[0, np.abs(values[0]) < 0.45] == 255).all()
    over = np.asarray(scale.over(Image.fromarray(white), values))
    assert ((over[0] == 255).all(-1) == (np.abs(values[0]) < 0.45)).all()
    assert scale_of(values, Style(threshold="50%")).threshold == pytest.approx(0.5)


def test_sizes_that_differ_and_nan_are_refused():
    with pytest.raises(BadInputError, match=r"\(4, 4\).*\(4, 5\)"):
        overlay(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5)))
    with pytest.raises(NumericalError, match="NaN"):
        heatmap(np.array([[np.nan]]))
