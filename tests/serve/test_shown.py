"""What the page shows is what a saved picture shows, in parts."""

import base64
import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from serve.pages import CHIRP, TEXT, WINE, XRAY, model

import onnxplain as ox
from onnxplain.serve.shown import shown
from onnxplain.show import Style
from onnxplain.show.view import view


def picture(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))


@pytest.mark.parametrize(("method", "alpha"), [("lrp.epsilon_plus_flat", 0.6), ("grad_cam", 0.25)])
def test_the_layers_of_a_map_make_the_panel(method, alpha):
    e = ox.explain(model("xray"), XRAY / "opacity.png", method)
    found = shown(e)
    assert found["kind"] == "map" and set(found["layers"]) == {"photo", "heat", "lines"}
    laid = {name: picture(uri).convert("RGBA") for name, uri in found["layers"].items()}
    laid["heat"].putalpha(laid["heat"].getchannel("A").point([round(alpha * i) for i in range(256)]))
    whole = laid["photo"]
    whole.alpha_composite(laid["heat"])
    whole.alpha_composite(laid["lines"])
    panel = np.asarray(view(e, 0, Style(alpha=alpha)).panel(), int)
    assert list(whole.size) == found["size"] and np.abs(np.asarray(whole.convert("RGB"), int) - panel).max() <= 3


def test_the_scale_says_numbers_and_their_shares_of_the_score():
    e = ox.explain(model("xray"), XRAY / "opacity.png", "lrp.epsilon_plus_flat")
    marks = shown(e)["scale"]["marks"]
    top = view(e).map.scale(Style()).top
    assert [each["at"] for each in marks] == [0, 0.5, 1]
    assert float(marks[2]["number"]) == pytest.approx(top, rel=1e-2)
    assert float(marks[2]["share"].rstrip(" %")) == pytest.approx(100 * top / e.score[0], rel=5e-2)


def test_a_table_is_a_waterfall_from_the_base_value_to_the_score():
    e = ox.explain(model("wine"), np.load(WINE), "deeplift")
    found = shown(e)
    steps = found["steps"]
    assert found["kind"] == "waterfall" and steps[0]["whole"] and steps[-1]["end"] == pytest.approx(e.score[0])
    assert all(a["end"] == pytest.approx(b["start"]) for a, b in pairwise(steps))
    assert np.float32(found["values"]).tolist() == np.load(WINE)[0].tolist()
    bars = shown(e, Style(sign="negative"))
    assert bars["kind"] == "bars" and all(each["end"] <= 0 for each in bars["steps"])


def test_texts_are_words_in_their_colours():
    e = ox.explain(model("reviews"), TEXT, "lrp.epsilon")
    found = shown(e)
    words = [each["text"] for each in found["tokens"]]
    strongest = int(np.abs(e.relevance[0]).argmax())
    assert found["kind"] == "tokens" and words[1:-1] == TEXT.split()
    assert min(found["tokens"], key=lambda each: min(each["ground"]))["text"] == words[strongest]


def test_a_sound_is_its_curve_over_coloured_columns():
    e = ox.explain(model("sounds"), CHIRP, "gradient")
    found, seen = shown(e), view(e)
    whole = np.asarray(seen.draw())
    curve = np.asarray(picture(found["picture"]))
    places = np.argwhere((whole[: 1 - len(curve), : 1 - curve.shape[1]] == curve[0, 0]).all(2))
    assert any(np.array_equal(whole[y : y + len(curve), x : x + curve.shape[1]], curve) for y, x in places)
    assert found["kind"] == "wave" and found["ends"] == ["0 s", "0.5 s"] and found["scale"]["marks"]


def test_all_rows_of_a_table_are_one_picture():
    found = shown(ox.explain(model("wine"), WINE), row="all")
    assert found["kind"] == "picture" and picture(found["picture"]).width > 500 and found["score"] is None
