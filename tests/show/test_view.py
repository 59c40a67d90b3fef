"""What an input is decides how its explanation is drawn."""

import re
from dataclasses import replace

import numpy as np
import pytest
from made import explanation
from PIL import Image

from onnxplain.conservation import Conservation
from onnxplain.errors import BadInputError, UsageError
from onnxplain.show.scales import POSITIVE
from onnxplain.show.style import Style
from onnxplain.show.text import INK
from onnxplain.show.tokens import tokens, tokens_html
from onnxplain.show.view import LONG, view
from onnxplain.show.wave import LIGHT, columns, wave
from onnxplain.show.words import Words

RNG = np.random.default_rng(0)


def like(shape, dtype="f", **given):
    inputs = RNG.integers(0, 4, shape) if dtype == "i" else RNG.normal(size=shape).astype("f")
    return explanation(inputs, RNG.normal(size=shape), **given)


@pytest.mark.parametrize(
    ("e", "kind"),
    [
        (like((2, 3, 8, 8), channel_axis=1), "map"),
        (like((2, 1, 40, 9), channel_axis=1), "map"),
        (like((2, 40, 9)), "map"),
        (like((2, 7), "i"), "tokens"),
        (like((2, 1, 90)), "wave"),
        (like((2, 1, 90), channel_axis=1), "wave"),
        (like((2, 90, 2), channel_axis=2), "wave"),
        (like((2, LONG + 1)), "wave"),
        (like((2, LONG + 1), features=tuple(map(str, range(LONG + 1)))), "bars"),
        (like((2, 13)), "bars"),
    ],
)
def test_kinds(e, kind):
    seen = view(e, 1)
    assert seen.kind == kind
    assert seen.draw().width > 300
    assert "fish" in e._repr_html_()
    with pytest.raises(UsageError, match="the explanation has 2 rows"):
        view(e, 2)


def test_each_row_is_shown_with_what_belongs_to_it():
    pictures = tuple(RNG.integers(0, 256, (2, 5, 6, 3), np.uint8))
    kept = Conservation("the score", "the input", np.array([2.5, 7.0]), np.array([0.8, 0.125]))
    own = {"labels": ("fish", "bird"), "score": np.array([2.5, 7.0]), "conservation": kept}
    own |= {"probability": np.array([0.712, 0.99999])}
    e = like((2, 3, 5, 6), channel_axis=1, images=pictures, **own)
    for row, title in enumerate(("fish: 71.2 %, score 2.5", "bird: > 99.9 %, score 7")):
        seen = view(e, row)
        assert seen.words.title == title
        assert np.array_equal(seen.ground, pictures[row])
        np.testing.assert_allclose(seen.relevance, e.attribution[row].sum(0))
    assert re.findall(r"([0-9.]+) % of the score arrived", e._repr_html_()) == ["80", "12.5"]


def test_a_vector_is_a_signal_where_it_is_longer_than_tables_are():
    assert view(like((1, 256))).kind == "bars"
    assert view(like((1, 257))).kind == "wave"


def test_the_input_lies_in_grey_under_a_map_without_a_picture():
    x = np.array([[[[0.0, 1.0], [2.0, 4.0]]]])
    ground = view(explanation(x, np.ones_like(x), channel_axis=1)).ground
    assert ground[..., 0].tolist() == [[0, 64], [128, 255]]


def test_a_signal_of_channels_is_drawn_as_their_mean():
    e = like((2, 3, 90), channel_axis=1)
    np.testing.assert_allclose(view(e, 1).ground, e.inputs[1].mean(0))


@pytest.mark.parametrize("row", ["a", 1.0, None, 2, -1])
def test_a_row_is_a_whole_number_in_range(row):
    with pytest.raises(UsageError, match="row"):
        view(like((2, 13)), row)


def test_tokens_are_words_of_the_vocabulary_or_ids():
    e = explanation([[2, 0, 9]], [[1.0, 0.0, -1.0]], vocabulary=("a", "b", "<c>"))
    assert e.tokens() == ("<c>", "a", "9")
    text = e._repr_html_()
    assert "&lt;c&gt;" in text
    assert "<c>" not in text
    assert re.findall(r"background:rgb(\([^)]*\))", text) == ["(178, 24, 43)", "(255, 255, 255)", "(33, 102, 172)"]
    assert re.findall(r'title="([^"]*)"', text) == ["+1", "+0", "-1"]
    negative = explanation([[0, 0, 1]], [[0.5, 0.0, -2.0]])._repr_html_()
    assert re.findall(r"background:rgb(\([^)]*\))", negative)[1:] == ["(255, 255, 255)", "(33, 102, 172)"]
    assert "background:rgb(178, 24, 43)" not in negative, "half of the largest size, not full colour"


def test_padding_at_the_end_becomes_one_token_with_its_sum():
    e = explanation([[1.0, 2.0, *[0.0] * 9]], [[1.0, 5.0, *[0.5] * 9]], vocabulary=("<pad>", "a", "b"))
    seen = view(e)
    assert seen.kind == "tokens", "ids may come as floats; the vocabulary says what they are"
    assert seen.names == ("a", "b", "<pad> x 9")
    assert seen.relevance.tolist() == [1, 5, 4.5]
    assert view(explanation([[1, 0, 0]], [[1.0, 2.0, 3.0]])).names == ("1", "0", "0")
    assert view(explanation([[7] * 3], [[1.0] * 3])).names == ("7", "7", "7")
    assert view(explanation([[7] * 4], [[1.0] * 4])).names == ("7 x 4",)


def test_no_token_leaves_the_sheet():
    words = ["word" * n for n in range(1, 60, 3)]
    sheet = np.asarray(tokens(words, np.ones(len(words)), "a title", "a method").image())
    for edge in (sheet[:, :8], sheet[:, -8:], sheet[:8], sheet[-8:]):
        assert (edge == 255).all()


def test_tokens_and_values_must_match():
    with pytest.raises(BadInputError, match="2 tokens"):
        tokens(["a", "b"], np.ones(3))
    with pytest.raises(BadInputError, match="1 tokens"):
        tokens_html(["a"], np.ones((1, 1)))


def test_columns_of_a_wave_sum_what_they_cover():
    values = RNG.normal(size=5000)
    ground = columns(values)
    assert ground.size == 960
    assert ground.sum() == pytest.approx(values.sum())


def words_of(page):
    return [line.text for line in page.lines]


def curve(sheet):
    return (sheet == np.array(INK)).all(-1) | (sheet == np.array(LIGHT)).all(-1)


@pytest.mark.parametrize("length", [1, 3, 700, 960, 961, 5000])
def test_the_curve_spans_every_column(length):
    signal = np.sin(np.linspace(0, 20, length))
    sheet = np.asarray(wave(signal, np.zeros(length), Words()).image())
    inked = curve(sheet).any(0)
    start = np.flatnonzero(inked)[0]
    assert inked[start : start + 960].all()


def test_the_largest_value_of_a_signal_is_drawn_highest():
    sheet = np.asarray(wave(np.linspace(-1, 1, 960), np.zeros(960), Words()).image())
    heights = [np.flatnonzero(curve(sheet[:, 16 + x])).mean() for x in (1, 480, 958)]
    assert heights[0] > heights[1] + 100 > heights[2] + 200


@pytest.mark.parametrize("signs", [(0, 1), (-1, 1), (-1, 0)])
def test_the_curve_stands_out_from_each_column(signs):
    values = np.linspace(*signs, 960)
    page = wave(np.sin(np.linspace(0, 20, 960)), values, Words())
    panel = np.asarray(page.pictures[0][1]).astype(int)
    on = curve(panel)
    brightness = panel.mean(-1)
    for x in range(5, 955, 19):
        ground = np.median(brightness[~on[:, x], x])
        assert abs(brightness[on[:, x], x].mean() - ground) > 60


@pytest.mark.parametrize(("samples", "last"), [(4000, "0.5 s"), (160, "0.020 s"), (8000 * 75, "60 s"), (7, "0.0008 s")])
def test_the_axis_of_a_wave_shows_seconds(samples, last):
    page = wave(np.zeros(samples), np.ones(samples), Words(), rate=8000)
    assert last in words_of(page) and "time" in words_of(page)
    place = next(line.place[0] for line in page.lines if line.text == last)
    width = page.pictures[0][1].width
    assert place == pytest.approx(16 + float(last.split()[0]) * 8000 / samples * (width - 1), abs=1)
    assert "time" not in words_of(wave(np.zeros(samples), np.ones(samples), Words()))


@pytest.mark.parametrize(
    ("shape", "sound", "across", "down"),
    [
        (["N", 40, "T"], True, "time in frames", "frequency in bins"),
        (["N", "T", 40], True, "frequency in bins", "time in frames"),
        (["N", 40, 90], True, "axis 2 of the input", "axis 1 of the input"),
        (["N", 40, "T"], False, "axis 2 of the input", "axis 1 of the input"),
    ],
)
def test_the_axes_of_a_spectrogram_have_names(shape, sound, across, down):
    size = [40 if each == 40 else 90 for each in shape[1:]]
    e = like((2, *size))
    given = {"rate": 8000, "shape": shape} if sound else None
    e = replace(e, record={**e.record, "model": {"sound": given} if sound else {}})
    said = words_of(view(e, 1).page())
    assert said.count(across) == 2 and said.count(down) == 1 and "0" in said
    assert f"Down: {down}, from 0 to {size[0] - 1}; across: {across}." in " ".join(said)


def test_pictures_have_no_axes():
    assert "axis" not in " ".join(words_of(view(like((2, 3, 8, 8), channel_axis=1)).page()))


def test_a_hot_stretch_is_coloured_where_it_lies():
    values = np.zeros(1000)
    values[500:600], values[0] = 1, -1
    sheet = np.asarray(wave(np.zeros(1000), values, Words()).image())
    hot = np.flatnonzero((np.abs(sheet.astype(int) - np.array(POSITIVE)).sum(-1) < 6).sum(0) > 200)
    hot = hot[hot < 970]
    assert hot.min() == pytest.approx(16 + 480, abs=3)
    assert hot.max() == pytest.approx(16 + 576, abs=3)


@pytest.mark.parametrize(("length", "each"), [(900, "sample"), (5000, "column of samples")])
def test_a_wave_says_what_lies_where_and_draws_no_lines(length, each):
    page = wave(np.zeros(length), np.linspace(-1, 1, length), Words(), Style(vmax=1))
    said = " ".join(line.text for line in page.lines)
    assert f"±1 per {each} (given)" in said and f"to sample {length} at the right" in said and "Lines" not in said


def test_a_signal_must_fit_its_attribution():
    with pytest.raises(BadInputError, match="does not fit"):
        wave(np.zeros(3), np.zeros(4), Words())


def test_the_same_on_axes():
    pytest.importorskip("matplotlib").use("Agg")
    for e in (like((1, 5), "i"), like((1, 1, 90))):
        axes = e.plot()
        assert axes.get_title() == "fish: score 2.5  gradient; target class 0, the highest of 3\nscores"
        assert isinstance(Image.fromarray(axes.images[0].get_array()), Image.Image)
