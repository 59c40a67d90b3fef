"""A beeswarm has each row of a table at its place, and shap's has the dots there, too."""

import io

import numpy as np
import pytest
from made import explanation

from onnxplain.errors import BadInputError, NumericalError
from onnxplain.show.beeswarm import DOT, UNKNOWN, _Column, beeswarm, numbers_of, swarm, ticks
from onnxplain.show.scales import SPECTRUM, table
from onnxplain.show.style import Style
from onnxplain.show.words import Words

RNG = np.random.default_rng(0)


def rows_of(page):
    """Return the picture of the dots, row by row."""
    dots = np.asarray(page.pictures[0][1])
    return np.split(dots, len(dots) // 30)


def test_a_dot_stands_at_its_contribution_in_the_colour_of_its_value():
    relevance, values = np.array([[2.0], [-1.0], [0.5]]), np.array([[0.0], [10.0], [5.0]])
    (row,) = rows_of(beeswarm(["a"], relevance, values, Words(), Style()))
    scale, wide = table(SPECTRUM), row.shape[1]
    for r, colour in zip(relevance[:, 0], (scale[0], scale[-1], scale[127]), strict=True):
        place = DOT + (r + 1) * (wide - 2 * DOT) / 3
        found = np.flatnonzero(np.abs(row[15].astype(int) - colour).sum(-1) <= 6)
        assert found.mean() == pytest.approx(place, abs=1.5)


def test_columns_stand_in_the_order_of_their_mean_and_the_weakest_are_summed_up():
    relevance = np.outer(np.ones(3), np.arange(25.0))
    page = beeswarm([f"c{i}" for i in range(25)], relevance, None, Words(), Style())
    names = [line.text for line in page.lines if line.anchor == "rm"]
    assert names == [f"c{i}" for i in range(24, 4, -1)]
    assert any("The other 5 columns have a mean |R| of at most 5." in line.text for line in page.lines)


def test_dots_at_one_place_lie_beside_each_other_and_within_the_row():
    few = swarm(np.full(5, 3.0), 11.5)
    assert sorted(few.tolist()) == [-11.5, -5.75, 0, 5.75, 11.5]
    many = swarm(RNG.normal(size=2000), 11.5)
    assert np.abs(many).max() <= 11.5 and len(np.unique(many)) > 500
    assert swarm(np.array([0.0, 50.0]), 11.5).tolist() == [0, 0]


def test_the_same_numbers_give_the_same_picture():
    e = explanation(RNG.normal(size=(50, 4)), RNG.normal(size=(50, 4)))
    first, again = (np.asarray(e.image("all", kind="beeswarm")) for _ in range(2))
    assert np.array_equal(first, again)


def test_values_that_are_missing_or_words_are_grey():
    assert numbers_of(np.array(["rome", "oslo"], object)) is None
    assert np.isnan(numbers_of(np.array([1, None], object))).tolist() == [False, True]
    column, scale = _Column("a", np.zeros(3), np.array([1.0, np.nan, 2.0])), table(SPECTRUM)
    assert column.colours(scale).tolist() == [scale[0].tolist(), list(UNKNOWN), scale[-1].tolist()]
    page = beeswarm(["town"], np.ones((2, 1)), np.array([["rome"], ["oslo"]], object), Words(), Style())
    assert any((each == UNKNOWN).all(-1).any() for each in rows_of(page))


def test_one_value_far_away_does_not_take_the_colours_of_the_others():
    values = np.append(np.linspace(0, 1, 99), 1e6)
    colours = _Column("a", np.zeros(100), values).colours(table(SPECTRUM))
    assert len(np.unique(colours, axis=0)) > 60


@pytest.mark.parametrize(("low", "high"), [(-6.6, 5.7), (0, 1), (-1e-7, 0), (-123, 4567)])
def test_ticks_are_round_and_few(low, high):
    found = ticks(low, high)
    assert 3 <= len(found) <= 9 and low <= found[0] and found[-1] <= high
    step = found[1] - found[0]
    assert step / 10 ** np.floor(np.log10(step * 1.0001)) == pytest.approx(
        round(step / 10 ** np.floor(np.log10(step * 1.0001)))
    )


def test_what_does_not_fit_is_refused():
    with pytest.raises(BadInputError, match="2 names"):
        beeswarm(["a", "b"], np.ones((3, 1)), None, Words(), Style())
    with pytest.raises(BadInputError, match="as many values"):
        beeswarm(["a"], np.ones((3, 1)), np.ones((2, 1)), Words(), Style())
    with pytest.raises(NumericalError):
        beeswarm(["a"], np.full((3, 1), np.nan), None, Words(), Style())


@pytest.mark.slow
def test_shaps_own_has_its_dots_at_the_same_contributions():
    shap = pytest.importorskip("shap", reason="shap is not installed")
    plt = pytest.importorskip("matplotlib.pyplot")
    e = explanation(RNG.normal(size=(12, 3)), RNG.normal(size=(12, 3)) * (3, 1, 2), features=("a", "b", "c"))
    shap.plots.beeswarm(e.to_shap(), show=False, color_bar=False)
    dots = [np.asarray(each.get_offsets())[:, 0] for each in plt.gca().collections]
    theirs = [each for each in dots if len(each)][::-1]
    names = [each.get_text() for each in plt.gca().get_yticklabels()][::-1]
    plt.close("all")
    page = beeswarm(e.features, e.attribution, e.inputs, Words(), Style())
    assert names == [line.text for line in page.lines if line.anchor == "rm"]
    low, high = min(0.0, e.attribution.min()), max(0.0, e.attribution.max())
    for row, due in zip(rows_of(page), theirs, strict=True):
        coloured = np.ptp(row.astype(int), axis=-1).max(0) > 60
        places = DOT + (due - low) * (row.shape[1] - 2 * DOT) / (high - low)
        assert coloured[np.rint(places).astype(int)].all()
        near = np.abs(np.arange(row.shape[1])[:, None] - places).min(1) <= DOT
        assert not coloured[~near].any()


def test_a_vector_file_has_its_names_as_text(tmp_path):
    pytest.importorskip("matplotlib")
    e = explanation(RNG.normal(size=(9, 2)), RNG.normal(size=(9, 2)), features=("alcohol", "ash"))
    file = io.BytesIO()
    e.save(file, row="all", kind="beeswarm", format="svg")
    assert file.getvalue().startswith(b"<?xml")
    e.save(tmp_path / "a.png", row="all", kind="beeswarm")
