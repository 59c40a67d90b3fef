"""matplotlib draws the same colours and values; without it the error says what to install."""

import sys

import numpy as np
import pytest

from onnxplain.errors import MissingExtraError
from onnxplain.show import Style, overlay, robust_maximum
from onnxplain.show.plot import plot_bars, plot_map
from onnxplain.show.view import View

RNG = np.random.default_rng(0)
BLUE, RED = [33, 102, 172], [178, 24, 43]


def rgb(ink):
    return [round(255 * each) for each in ink[:3]]


@pytest.fixture
def axes():
    matplotlib = pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    yield plt.figure().subplots()
    plt.close("all")


def test_a_map_has_the_overlays_pixels_and_its_scale(axes):
    image = RNG.integers(0, 256, (400, 400, 3), np.uint8)
    relevance = RNG.normal(size=(400, 400)).astype(np.float32)
    assert plot_map(View("map", relevance, image, style=Style(contours=False)), "goldfish", ax=axes) is axes
    assert np.array_equal(axes.images[0].get_array(), overlay(image, relevance))
    assert axes.get_title("left") == "goldfish"
    bar = axes.figure.axes[1]
    assert bar.get_ylim() == pytest.approx((-robust_maximum(relevance), robust_maximum(relevance)))
    assert bar.get_ylabel() == "part of the score"
    assert "99th percentile" in axes.texts[0].get_text()
    ramp = axes.images[0].figure.axes[1].collections[-1]
    values, inks = ramp.get_array().ravel(), ramp.to_rgba(ramp.get_array()).reshape(-1, 4)
    assert rgb(inks[values.argmin()]) == BLUE and rgb(inks[values.argmax()]) == RED


def test_features_become_bars(axes):
    plot_bars(np.array([1.0, -3.0, 0.5]), names=["a", "b", "c"], top=2, ax=axes)
    assert [(patch.get_width(), rgb(patch.get_facecolor())) for patch in axes.patches] == [(-3, BLUE), (1, RED)]
    heights = [axes.transData.transform((0, patch.get_y()))[1] for patch in axes.patches]
    assert heights[0] > heights[1], "the strongest at the top"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]
    assert axes.get_xlabel() == "the other 1 sum to +0.5"


def test_a_map_of_zeros_and_new_axes(axes):
    from matplotlib import pyplot as plt

    assert plot_map(View("map", np.zeros((4, 4)))) in plt.gcf().axes


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"onnxplain\[plot\]"):
        plot_bars(np.zeros((4, 4)))
