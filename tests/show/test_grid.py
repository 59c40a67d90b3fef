"""The grid of a comparison: every cell in its place, and words where a method has no map."""

import numpy as np
import pytest
from made import explanation
from PIL import Image

from onnxplain.show.colour import overlay, robust_maximum
from onnxplain.show.grid import SIDE
from onnxplain.show.grid import grid as full_grid
from onnxplain.show.style import Style

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (8, 8, 3), np.uint8)


def grid(rows, models=()):
    return full_grid(rows, models, Style(contours=False))


def one(seed):
    maps = np.random.default_rng(seed).normal(size=(1, 1, 8, 8))
    return explanation(maps, maps, channel_axis=1, images=(PICTURE,))


def squares(pixels):
    return np.asarray(Image.fromarray(pixels)).repeat(SIDE // 8, 0).repeat(SIDE // 8, 1)


def found(sheet, panel):
    """Where the panel lies on the sheet: its left edge."""
    for y in range(sheet.shape[0] - panel.shape[0] + 1):
        row = sheet[y]
        for x in (16 + i * (SIDE + 8) for i in range(4)):
            if (row[x : x + 5] == panel[0, :5]).all() and np.array_equal(sheet[y : y + SIDE, x : x + SIDE], panel):
                return y, x
    return None


def test_the_input_and_each_method_have_their_cell():
    a, b = one(1), one(2)
    sheet = np.asarray(grid([{"first": a, "second": b}]))
    places = [found(sheet, squares(PICTURE))]
    places += [found(sheet, squares(overlay(PICTURE, e.relevance[0]))) for e in (a, b)]
    assert None not in places
    assert [x for _, x in places] == [16, 16 + SIDE + 8, 16 + 2 * (SIDE + 8)]
    assert len({y for y, _ in places}) == 1


@pytest.mark.parametrize("reason", ["no plan for this model", "a long reason " * 30])
def test_a_method_without_a_map_says_why_and_leaves_the_others(reason):
    a = one(1)
    sheet = np.asarray(grid([{"first": reason, "second": a}, {"first": reason, "second": a}]))
    assert found(sheet, squares(overlay(PICTURE, a.relevance[0])))[1] == 16 + 2 * (SIDE + 8), "behind input and words"
    assert (sheet[:, -8:] == 255).all()


def test_tables_and_signals_fit_the_grid():
    table = explanation(RNG.normal(size=(1, 13)), RNG.normal(size=(1, 13)))
    signal = explanation(RNG.normal(size=(1, 1, 99)), RNG.normal(size=(1, 1, 99)))
    for e in (table, signal):
        assert grid([{"gradient": e, "deeplift": e}]).width == 16 + 2 * (2 * SIDE + 8) - 8 + 16


def test_the_maps_of_several_models_share_a_scale():
    """The second model's relevance is a tenth of the first one's, and is drawn a tenth as strong."""
    a, b = one(1), one(2)
    small = explanation(b.attribution, b.attribution / 10, channel_axis=1, images=(PICTURE,))
    sheet = np.asarray(grid([{"first": a, "second": a}, {"first": small, "second": small}], ["float", "int8"]))
    top = robust_maximum(a.relevance[0])
    places = [found(sheet, squares(overlay(PICTURE, e.relevance[0], top))) for e in (a, small)]
    assert None not in places and places[0][0] < places[1][0]
    own = np.asarray(grid([{"first": a, "second": a}, {"first": small, "second": small}]))
    assert found(own, squares(overlay(PICTURE, small.relevance[0]))) is not None
