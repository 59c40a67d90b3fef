"""matplotlib draws the same colours and values; without it the error says what to install."""

import sys
import warnings

import numpy as np
import pytest
from made import explanation

from onnxplain.errors import MissingExtraError
from onnxplain.show import Style, overlay, robust_maximum
from onnxplain.show.fonts import with_letters
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


def test_letters_that_matplotlibs_font_lacks_come_from_the_systems(axes):
    if with_letters(frozenset("猫狗")) is None:
        pytest.skip("no font on this machine has Chinese letters")
    values = np.array([[1.0, -2.0]])
    e = explanation(values, values, labels=("猫 $1 or $2",), features=("狗", "a"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        e.plot(axes)
        axes.figure.canvas.draw()
    assert "猫 $1 or $2" in axes.get_title()
    assert [each.get_text() for each in axes.get_yticklabels()] == ["a = -2", "狗 = 1"]


def test_what_no_font_has_is_a_code_point(axes):
    values = np.array([[1.0]])
    explanation(values, values, labels=("a\U0010fffe",)).plot(axes)
    assert axes.get_title().startswith("aU+10FFFE: score")


def test_a_font_is_that_of_all_text(axes):
    font_manager = pytest.importorskip("matplotlib.font_manager")
    path = font_manager.findfont("DejaVu Serif")
    explanation(np.ones((1, 2)), np.ones((1, 2))).plot(axes, font=path)
    for each in (axes.title, *axes.get_yticklabels()):
        assert each.get_fontproperties().get_file() == path
