"""Pictures align original and overlay, keep all text on the sheet, and say their scale."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from onnxplain.errors import BadInputError, NumericalError
from onnxplain.show import Style, bars, overlay
from onnxplain.show import picture as full_picture
from onnxplain.show.bars import strongest
from onnxplain.show.colour import scale_of
from onnxplain.show.scales import SEQUENTIAL, table
from onnxplain.show.words import Words

RNG = np.random.default_rng(0)
BLUE, RED = [33, 102, 172], [178, 24, 43]
PLAIN = Style(contours=False)


def picture(image, relevance, title="", subtitle="", style=PLAIN, **words):
    return full_picture(image, relevance, Words(title, subtitle, **words), style).image()


def find(sheet, panel):
    """Left upper corners at which `panel` lies in `sheet`."""
    sheet, panel = np.asarray(sheet), np.asarray(panel)
    height, width = panel.shape[:2]
    ys, xs = np.nonzero((sheet[: 1 - height or None, : 1 - width or None] == panel[0, 0]).all(-1))
    return [(y, x) for y, x in zip(ys, xs, strict=True) if np.array_equal(sheet[y : y + height, x : x + width], panel)]


@pytest.mark.parametrize(("size", "factor"), [((8, 8), 40), ((16, 16), 20), ((48, 64), 5), ((512, 400), 1)])
def test_original_and_overlay_lie_side_by_side_in_squares(size, factor):
    image = RNG.integers(0, 256, (*size, 3), np.uint8)
    relevance = RNG.normal(size=size).astype(np.float32)
    sheet = picture(image, relevance, "goldfish 29.03", "gradient")
    enlarged = [p.repeat(factor, 0).repeat(factor, 1) for p in (image, overlay(image, relevance))]
    (top, left), (top2, left2) = find(sheet, enlarged[0])[0], find(sheet, enlarged[1])[0]
    assert top == top2
    assert left2 >= left + size[1] * factor
    assert sheet.width >= left2 + size[1] * factor + 60, "room for the colour bar and its numbers"


def test_large_pictures_are_reduced_and_maps_may_be_narrow():
    assert picture(np.zeros((2000, 900, 3), np.uint8), np.ones((2000, 900))).height < 1500
    wide = picture(None, np.ones((1, 15600)))
    assert (wide.width > 1280) & (wide.width < 1500)
    assert wide.height > 320


@pytest.mark.parametrize("size", [(8, 8), (12, 4), (224, 224)])
def test_no_text_touches_the_border(size):
    title = "a class name with many synonyms " * 9 + "unbreakable" * 30
    for relevance in (RNG.normal(size=size) * 1e-30, np.zeros(size), RNG.normal(size=size) * 1e30):
        sheet = np.asarray(picture(np.zeros((*size, 3), np.uint8), relevance, title, title, unit=title, due=1e-9))
        border = np.concatenate([sheet[:8].ravel(), sheet[-8:].ravel(), sheet[:, :8].ravel(), sheet[:, -8:].ravel()])
        assert (border == 255).all()


def test_what_colours_lines_and_hatches_mean_is_told():
    relevance = np.linspace(-2, 2, 100).reshape(10, 10)
    words = Words(due=50.0, unseen=True)

    def said(style):
        return words.legend(scale_of(relevance, style), style)

    assert said(Style(vmax=2.0)) == (
        "Full colour: ±2 per pixel, 4 % of the score (given). Lines: 50 % and 90 % of the largest |R|, smoothed. "
        "Hatched: the model does not see it."
    )
    assert "(99th percentile of |R|)" in said(Style())
    assert "Below 1 nothing is drawn." in said(Style(threshold=1))
    assert "Lines" not in said(Style(contours=False))
    assert Words().legend(scale_of(relevance * 0, Style()), Style()) == "All relevance is 0."


def typeset(text, size):
    """The text as Pillow sets it, cut to its ink."""
    paper = Image.new("RGB", (99, 99), "white")
    ImageDraw.Draw(paper).text((20, 20), text, font=ImageFont.load_default(size), fill=(34, 34, 34))
    inked = np.asarray(paper)
    (top, bottom), (left, right) = ((n.min(), n.max() + 1) for n in np.nonzero((inked != 255).any(-1)))
    return inked[top:bottom, left:right]


def test_the_colour_bar_is_red_at_its_positive_end():
    relevance = np.zeros((320, 320))
    relevance[0, :2] = -1, 1
    sheet = np.asarray(picture(None, relevance, style=Style(vmax=9, contours=False)))
    (red, across), (blue, below) = (np.argwhere(abs(sheet - np.array(c)).max(-1) < 9)[0] for c in (RED, BLUE))
    assert across == below and blue > red + 300
    assert (sheet[(red + blue) // 2, across] >= 250).all(), "white in the middle"
    (plus, _), (minus, _) = find(sheet, typeset("+9", 14))[0], find(sheet, typeset("-9", 14))[0]
    assert abs(plus - red) < 15 and abs(minus - blue) < 15


def test_the_bar_of_a_map_without_negative_numbers_begins_at_zero():
    relevance = np.zeros((320, 320))
    relevance[0, 0] = 1
    sheet = np.asarray(picture(None, relevance, style=Style(vmax=9, contours=False)))
    (nine, right), (zero, _) = find(sheet, typeset("9", 14))[0], find(sheet, typeset("0", 14))[-1]
    assert not find(sheet, typeset("-9", 14)) and zero > nine + 250
    across = right - 14  # within the bar, which is 16 pixels wide and 6 before the numbers
    bar = sheet[nine + 5 : zero, across].astype(int)
    assert np.abs(bar[0] - table(SEQUENTIAL)[-1]).max() < 30 and np.abs(bar[-1] - table(SEQUENTIAL)[0]).max() < 30
    assert (np.diff(bar.sum(1)[::20]) < 0).all(), "darker all the way down"


def test_what_is_no_map_is_refused():
    for relevance in (np.zeros(4), np.zeros((1, 4, 4)), np.zeros((0, 4))):
        with pytest.raises(BadInputError, match="map"):
            picture(None, relevance)
    with pytest.raises(BadInputError, match="does not fit"):
        picture(Image.new("RGB", (5, 4)), np.zeros((5, 4)))
    with pytest.raises(NumericalError):
        picture(None, np.full((4, 4), np.inf))


def test_the_strongest_features_come_first_and_the_rest_is_summed():
    rows, others = strongest(["a", "b", "c", "d"], np.array([[0.5, -3.0, 1.0, -0.25]]), 2)
    assert rows == [("b", -3.0), ("c", 1.0)]
    assert others == "the other 2 sum to +0.25"
    assert strongest(None, np.array([1.0]), 5) == ([("feature 0", 1.0)], "")


def ink(sheet, colour):
    return np.nonzero((np.asarray(sheet) == colour).all(-1))


def test_bars_start_at_one_zero_and_are_as_long_as_their_values():
    sheet = bars(["a", "b"], np.array([-2.0, 1.0]), "class 4.2", "lrp.epsilon").image()
    blue, red = ink(sheet, BLUE), ink(sheet, RED)
    assert blue[0].max() < red[0].min(), "the stronger above"
    assert abs(blue[1].max() - red[1].min()) <= 2
    assert np.ptp(blue[1]) / np.ptp(red[1]) == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize(
    "values", [RNG.normal(size=64), np.ones(3), -np.ones(3), np.zeros(3), np.array([1e-30, -1e30])]
)
def test_bars_keep_their_text_on_the_sheet(values):
    sheet = np.asarray(bars(["a long feature name " * 9] * len(values), values, "title " * 200).image())
    assert (sheet[:, :8] == 255).all()
    assert (sheet[:, -8:] == 255).all()


def test_bars_refuse_what_does_not_fit():
    with pytest.raises(BadInputError, match="2 names for 3"):
        bars(["a", "b"], np.ones(3))
    with pytest.raises(NumericalError):
        bars(None, np.array([np.nan]))
