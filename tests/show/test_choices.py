"""A choice changes the picture, or is refused by its name: none is passed over."""

import numpy as np
import pytest
from made import explanation

from onnxplain.errors import UsageError
from onnxplain.show.choices import TAKEN, check_taken
from onnxplain.show.style import Style
from onnxplain.show.view import view

RNG = np.random.default_rng(0)
VALUES = np.array([[1.0, -0.5, 0.25, -0.1]])
MADE = {
    "tokens": explanation([[3, 1, 2, 0]], VALUES, vocabulary=("a", "b", "c", "d")),
    "bars": explanation(VALUES, VALUES),
    "means": explanation(np.repeat(VALUES, 3, 0), RNG.normal(size=(3, 4))),
    "beeswarm": explanation(RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))),
    "wave": explanation(RNG.normal(size=(1, 1, 90)), RNG.normal(size=(1, 1, 90))),
    "map": explanation(np.ones((1, 1, 90, 80)), RNG.normal(size=(1, 1, 90, 80)), channel_axis=1),
}
GIVEN = {
    "cmap": "viridis",
    "alpha": 0.3,
    "sign": "negative",
    "vmax": 0.2,
    "threshold": 0.9,
    "contours": False,
    "background": "none",
    "masks": [np.eye(90, 80)],
    "boxes": [(1, 2, 30, 40)],
    "size": 500,
    "font": None,
}


def drawn(kind, **style):
    together = {"row": "all"} if kind in ("means", "beeswarm") else {}
    chosen = {"kind": "beeswarm"} if kind == "beeswarm" else {}
    return np.asarray(MADE[kind].image(**together, **chosen, **style))


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("name", [name for name in GIVEN if name != "font"])
def test_each_choice_changes_the_picture_or_is_refused(kind, name):
    given = {name: GIVEN[name]}
    if name in TAKEN[kind]:
        assert not np.array_equal(drawn(kind, **given), drawn(kind))
    else:
        with pytest.raises(UsageError, match=f"^{name}: without effect on"):
            drawn(kind, **given)


def test_what_has_its_own_value_anyway_is_not_refused():
    plain = Style()
    given = {name: getattr(plain, name) for name in GIVEN}
    assert np.array_equal(drawn("bars", **given), drawn("bars"))
    check_taken(Style(masks={}, boxes=[]), ["tokens"])


def test_the_kind_of_all_rows_is_none_of_one():
    with pytest.raises(UsageError, match="kind: without effect on the bars of one row"):
        MADE["means"].image(0, kind="beeswarm")
    check_taken(Style(kind="bars"), ["means"])


def test_several_pictures_take_what_one_of_them_takes():
    check_taken(Style(alpha=0.2), ["map", "bars"])
    with pytest.raises(UsageError, match="size: without effect on the bars of one row and coloured tokens"):
        check_taken(Style(size=100), ["tokens", "bars"])


@pytest.mark.parametrize("ending", ["npz", "json"])
def test_files_without_a_picture_take_none(tmp_path, ending):
    with pytest.raises(UsageError, match=f"cmap: how a picture is drawn, and a .{ending} file"):
        MADE["map"].save(tmp_path / f"a.{ending}", cmap="grey")


def test_bars_are_those_of_the_sign_and_have_the_colours_of_the_scale():
    sheet = drawn("bars", sign="positive", cmap="grey")
    assert (sheet[..., 0] == sheet[..., 1]).all()
    assert len(sheet) < len(drawn("bars")), "two of four features are left"


def test_tokens_have_full_colour_from_vmax_on():
    full = np.array((178, 24, 43))
    most = (np.abs(drawn("tokens") - full).sum(-1) == 0).sum()
    assert most and (np.abs(drawn("tokens", vmax=0.25) - full).sum(-1) == 0).sum() > 1.5 * most


def test_a_large_picture_says_at_which_size_it_is_drawn():
    ground = np.zeros((70, 1400, 3), np.uint8)
    e = explanation(np.ones((1, 3, 70, 1400)), np.ones((1, 3, 70, 1400)), channel_axis=1, images=(ground,))
    for style, width in (({}, 1280), ({"size": 500}, 500)):
        page = view(e, 0, Style(contours=False, **style)).page()
        assert page.pictures[1][1].size == (width, width // 20)
        said = " ".join(line.text for line in page.lines)
        assert f"Drawn at {width} x {width // 20} of 1400 x 70 pixels." in said
    whole = view(e, 0, Style(contours=False, size=1400)).page()
    assert "Drawn" not in " ".join(line.text for line in whole.lines)


def test_annotations_lie_on_a_reduced_picture_where_they_lie_on_the_whole_one():
    e = explanation(np.zeros((1, 1, 90, 1800)), np.zeros((1, 1, 90, 1800)), channel_axis=1)
    green, at = np.array((0, 220, 130)), {}
    for size in (1800, 450):
        sheet = np.asarray(e.image(size=size, contours=False, boxes=[(400, 20, 1200, 70)]))
        found = np.nonzero((np.abs(sheet.astype(int) - green) < 12).all(-1))
        at[size] = np.array([each.max() - each.min() for each in found]) / size
    np.testing.assert_allclose(at[1800], [50 / 1800, 800 / 1800], atol=0.01)
    np.testing.assert_allclose(at[450], at[1800], atol=0.015)
