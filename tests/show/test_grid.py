"""The grid of a comparison: every cell in its place, words at the left, and words where a method has no map."""

import numpy as np
import pytest
from made import explanation
from PIL import Image

from onnxplain.show.colour import overlay, robust_maximum
from onnxplain.show.grid import LEAST, MOST, WIDE, WIDTH
from onnxplain.show.grid import grid as page_of
from onnxplain.show.scales import DIVERGING, SEQUENTIAL, table
from onnxplain.show.style import Style

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (8, 8, 3), np.uint8)
SIDE = MOST
"""Of a few columns, which leave room."""


def grid(rows, models=(), names=(), **style):
    return np.asarray(page_of(rows, names, models, Style(contours=False, **style)).image())


def one(seed, times=1.0, shape=(8, 8), **given):
    maps = times * np.random.default_rng(seed).normal(size=(1, 1, *shape)).astype("f")
    return explanation(maps, maps, channel_axis=1, **({"images": (PICTURE,)} | given))


def squares(pixels, side=SIDE):
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST))


def places(sheet, panel):
    """The left upper corners (y, x) at which a panel lies on the sheet."""
    height, width = panel.shape[:2]
    ys, xs = np.nonzero((sheet[: 1 - height, : 1 - width] == panel[0, 0]).all(-1))
    return [(y, x) for y, x in zip(ys, xs, strict=True) if np.array_equal(sheet[y : y + height, x : x + width], panel)]


def found(sheet, panel):
    return next(iter(places(sheet, panel)), None)


def test_the_input_and_each_method_have_their_cell():
    a, b = one(1), one(2)
    sheet = grid([{"first": a, "second": b}])
    spots = [found(sheet, squares(PICTURE))]
    spots += [found(sheet, squares(overlay(PICTURE, e.relevance[0]))) for e in (a, b)]
    assert None not in spots
    assert np.diff([x for _, x in spots]).tolist() == [SIDE + 8] * 2
    assert len({y for y, _ in spots}) == 1


@pytest.mark.parametrize("reason", ["no plan for this model", "a long reason " * 30])
def test_a_method_without_a_map_says_why_and_leaves_the_others(reason):
    a = one(1)
    sheet = grid([{"first": reason, "second": a}, {"first": reason, "second": a}])
    (_, left), _ = places(sheet, squares(PICTURE))
    for _, x in places(sheet, squares(overlay(PICTURE, a.relevance[0]))):
        assert x == left + 2 * (SIDE + 8), "behind input and words"
    assert (sheet[:, -8:] == 255).all()


@pytest.mark.parametrize("count", [1, 2, 8, 9, 15, 20])
@pytest.mark.parametrize("shape", [(2, 2), (8, 8), (300, 200)])
def test_cells_are_large_enough_and_columns_that_do_not_fit_follow_below(count, shape):
    ground = RNG.integers(0, 256, (*shape, 3), np.uint8)
    row = {f"method {i}": one(i, shape=shape, images=(ground,)) for i in range(count)}
    page = page_of([row, row], ("a.png", "b.png"), (), Style())
    cells = [each for _, each in page.pictures if max(each.size) >= LEAST and min(each.size) > 16]
    assert len(cells) >= 2 * (count + 1) and page.width <= WIDTH
    for (x, y), each in page.pictures:
        assert x + each.width <= page.width - 16 and y + each.height <= page.height - 16
    sides = {max(each.size) for each in cells}
    assert len(sides) == 1 and LEAST <= sides.pop() <= MOST


def said(page):
    return [line.text for line in page.lines]


def test_every_row_says_what_it_is_and_every_column_has_a_heading():
    e = one(1, labels=("ginger cat",), probability=np.array([0.934]))
    page = page_of([{"gradient": e, "lrp": e}], ("folder/cat.jpg",), (), Style())
    assert said(page)[:7] == ["input", "gradient", "lrp", "cat.jpg", "ginger cat", "93.4 %", "score 2.5"]
    assert "against the class" in said(page) and any("99th percentile" in text for text in said(page))


def test_the_legend_has_a_bar_for_each_kind_of_scale():
    signed, plain = one(1), one(2)
    plain = explanation(plain.inputs, np.abs(plain.attribution), channel_axis=1, images=(PICTURE,))
    ends = [table(name)[-1].tolist() for name in (DIVERGING, SEQUENTIAL)]
    for row, kinds in (
        ({"a": signed}, [True, False]),
        ({"a": plain}, [False, True]),
        ({"a": signed, "b": plain}, [True] * 2),
    ):
        page = page_of([row], (), (), Style(contours=False))
        bars = [np.asarray(each) for _, each in page.pictures if min(each.size) < 30]
        shown = [any(np.abs(bar[5, -3].astype(int) - end).max() < 12 for bar in bars) for end in ends]
        assert shown == kinds and len(bars) == sum(kinds)


def test_the_maps_of_a_column_have_one_kind_of_scale():
    """One row has negative numbers, and the other has none: both are blue, white and red."""
    signed, plain = one(1), one(2)
    plain = explanation(plain.inputs, np.abs(plain.attribution), channel_axis=1)
    page = page_of([{"a": signed}, {"a": plain}], (), (), Style(background="none", contours=False))
    cells = [np.asarray(each).astype(int) for _, each in page.pictures if each.size == (SIDE, SIDE)]
    assert (cells[-1][..., 0] >= cells[-1][..., 2]).all(), "from white to red"
    assert (cells[-3][..., 0] < cells[-3][..., 2]).any(), "blue, too"


def test_annotations_are_outlined_in_each_cell_of_their_input():
    a = one(1, record={"input": {"names": ["x/a.png"]}})
    b = one(2, record={"input": {"names": ["x/b.png"]}})
    plain, noted = (
        page_of([{"m": a, "n": a}, {"m": b, "n": b}], (), (), Style(boxes=boxes))
        for boxes in ((), {"a.png": [(1, 1, 6, 6)]})
    )
    differ = [
        not np.array_equal(np.asarray(p), np.asarray(q))
        for (_, p), (_, q) in zip(plain.pictures, noted.pictures, strict=True)
    ]
    assert differ[:6] == [False, True, True, False, False, False]
    assert any("Green: annotation." in text for text in said(noted))


def test_a_map_of_zeros_is_said_to_be_one():
    row = {"a": one(0), "b": one(0, 0.0)}
    some, all_ = ((grid([each]) == 245).all(-1).sum() for each in ({"a": row["a"]}, row))
    assert all_ > some + 0.5 * SIDE * 15


def test_tables_and_signals_fit_the_grid():
    table_ = explanation(RNG.normal(size=(1, 13)), RNG.normal(size=(1, 13)))
    signal = explanation(RNG.normal(size=(1, 1, 99)), RNG.normal(size=(1, 1, 99)))
    for e in (table_, signal):
        cells = [each for _, each in page_of([{"gradient": e, "deeplift": e}]).pictures]
        assert [each.width for each in cells] == [WIDE, WIDE]


def test_the_maps_of_several_models_share_a_scale():
    """The second model's relevance is a tenth of the first one's, and is drawn a tenth as strong."""
    a, small = one(1), one(2, 0.1)
    rows = [{"first": a, "second": a}, {"first": small, "second": small}]
    sheet = grid(rows, ["float", "int8"])
    top = robust_maximum(a.relevance[0])
    spots = [found(sheet, squares(overlay(PICTURE, e.relevance[0], top))) for e in (a, small)]
    assert None not in spots and spots[0][0] < spots[1][0]
    assert found(grid(rows), squares(overlay(PICTURE, small.relevance[0]))) is not None
