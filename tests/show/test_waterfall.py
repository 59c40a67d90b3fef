"""A waterfall leads from the base value to the score, and says what is missing on the way."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from made import explanation
from nets import BUNDLED

import onnxplain as ox
from onnxplain.conservation import Conservation
from onnxplain.errors import MissingExtraError, UsageError
from onnxplain.show.scales import NEGATIVE, POSITIVE
from onnxplain.show.style import Style
from onnxplain.show.view import view
from onnxplain.show.waterfall import steps, waterfall


def wine(method="deeplift", rows=1):
    names = {"labels": BUNDLED / "wine.labels.txt", "features": BUNDLED / "wine.features.txt"}
    model = ox.load(BUNDLED / "wine_mlp_torch.onnx", **{name: str(path) for name, path in names.items()})
    return ox.explain(model, np.repeat(np.load(BUNDLED / "wine_sample.npy"), rows, 0), method)


def test_each_step_begins_where_the_one_before_ends():
    found = steps(["a", "b", "c"], np.array([1.0, -3.0, 0.5]), 2.0, 0.5, 2)
    assert [each.name for each in found] == ["base value", "b", "a", "1 others", "score"]
    assert [(each.start, each.end) for each in found[1:-1]] == [(2, -1), (-1, 0), (0, 0.5)]
    assert found[0].end == 2 and found[-1].end == 0.5


def test_what_no_contribution_accounts_for_is_a_row():
    found = steps(["a"], np.array([1.0]), 0.0, 3.0, 5)
    assert [each.name for each in found] == ["base value", "a", "not accounted for", "score"]
    assert (found[2].start, found[2].end) == (1, 3)


def test_bars_are_as_long_as_their_contributions():
    sheet = np.asarray(waterfall(["a", "b"], np.array([2.0, -1.0]), 1.0, 2.0, "class", "method").image())
    red, blue = (np.nonzero((sheet == colour).all(-1)) for colour in (POSITIVE, NEGATIVE))
    assert np.ptp(red[1]) / np.ptp(blue[1]) == pytest.approx(2, rel=0.03)
    assert abs(red[1].max() - blue[1].max()) <= 2, "one ends where the other begins"
    assert (sheet[:, -8:] == 255).all() and (sheet[:, :8] == 255).all()


def test_a_table_that_is_shared_out_is_a_waterfall_of_its_columns_and_their_values():
    e = wine()
    seen = view(e)
    assert any(name.startswith("alcohol = 13.") for name in seen.names)
    at = steps(seen.names, seen.relevance, seen.words.score - seen.words.due, seen.words.score, 20)
    assert at[-2].end == pytest.approx(e.score[0], abs=1e-3) and not any(each.missing for each in at)
    assert seen.draw().width == 760 and view(wine("gradient")).draw().width == 720


def test_contributions_of_one_sign_are_bars_since_they_do_not_lead_to_the_score():
    page = view(wine(), 0, Style(sign="negative")).page()
    assert page.width == 720 and not any(line.text == "base value" for line in page.lines)
    assert all(line.text.startswith("-") for line in page.lines if line.anchor == "rm" and "=" not in line.text)


def test_the_means_of_many_rows():
    e = wine("gradient", rows=3)
    seen = view(e, "all")
    np.testing.assert_allclose(seen.relevance, np.abs(e.relevance).mean(0), rtol=1e-6)
    assert len(set(e.labels)) == 1 and seen.words.title == f"mean |R| of 3 rows: {e.labels[0]}"
    assert e.image("all").width == 720
    with pytest.raises(UsageError, match="tables alone"):
        view(explanation(np.zeros((2, 1, 8, 8)), np.zeros((2, 1, 8, 8)), channel_axis=1), "all")


def test_what_shap_is_given(monkeypatch):
    monkeypatch.setitem(sys.modules, "shap", SimpleNamespace(Explanation=lambda **given: given))
    e = wine()
    given = e.to_shap()
    assert given["values"] is e.attribution and given["data"] is e.inputs and given["feature_names"] == list(e.features)
    np.testing.assert_allclose(given["base_values"] + e.attribution.sum(1), e.score, rtol=1e-4)
    assert np.isnan(wine("gradient").to_shap()["base_values"]).all()
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(MissingExtraError, match=r"onnxplain\[shap\]"):
        e.to_shap()


def test_shap_takes_it():
    shap = pytest.importorskip("shap", reason="shap is not installed")
    assert isinstance(wine().to_shap(), shap.Explanation)


def test_numbers_of_another_seed_are_no_parts_of_the_score():
    kept = Conservation("the seed", "the input", np.array([1.0]), np.array([1.0]))
    assert view(explanation(np.zeros((1, 3)), np.zeros((1, 3)), conservation=kept)).words.score is None
