"""An explanation is saved as arrays, as a picture of one row, or as its record."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from onnxplain.errors import UsageError
from onnxplain.explanation import Explanation
from onnxplain.show.view import view

RNG = np.random.default_rng(0)


def explanation(shape=(2, 3, 8, 8), channel_axis=1, images=True):
    picture = RNG.integers(0, 256, (8, 8, 3), np.uint8)
    return Explanation(
        attribution=RNG.normal(size=shape).astype(np.float32),
        target=np.array([1, 0]),
        score=np.array([2.5, 7.0]),
        prediction=np.array([[1, 2.5], [7, 0]]),
        delta=None,
        method="gradient",
        plan=None,
        labels=("fish", "bird"),
        record={"model": {"path": "m.onnx"}},
        channel_axis=channel_axis,
        inputs=RNG.normal(size=shape).astype(np.float32),
        images=(picture, None) if images else None,
    )


def test_npz_holds_every_array_and_the_record(tmp_path):
    e = explanation()
    e.save(tmp_path / "e.npz")
    with np.load(tmp_path / "e.npz", allow_pickle=False) as saved:
        for name in ("attribution", "relevance", "score", "prediction", "inputs"):
            assert np.array_equal(saved[name], getattr(e, name))
        assert json.loads(str(saved["record"]))["model"] == e.record["model"]
        assert "delta" not in saved


def test_npz_holds_nothing_twice_and_is_compressed(tmp_path):
    e = explanation((2, 13), None, images=False)
    replace(e, attribution=np.zeros((2, 100_000), np.float32)).save(tmp_path / "e.npz")
    assert (tmp_path / "e.npz").stat().st_size < 10_000
    with np.load(tmp_path / "e.npz", allow_pickle=False) as saved:
        assert "relevance" not in saved, "without channels it is the attribution"


def test_an_open_file_takes_every_format():
    e = explanation()
    written = {name: io.BytesIO() for name in ("png", "npz", "json")}
    for name, file in written.items():
        e.save(file, format=name)
    assert np.array_equal(np.asarray(Image.open(written["png"])), np.asarray(e.image()))
    assert np.array_equal(np.load(io.BytesIO(written["npz"].getvalue()))["score"], e.score)
    assert json.loads(written["json"].getvalue()) == e.to_dict()
    with pytest.raises(UsageError, match=r"an open file.*format='png'"):
        e.save(io.BytesIO())


def test_a_png_carries_the_record(tmp_path):
    e = explanation()
    e.save(tmp_path / "e.png")
    with Image.open(tmp_path / "e.png") as saved:
        assert json.loads(saved.text["onnxplain"]) == e.record


def test_the_choices_of_a_drawing_are_keywords(tmp_path):
    e = explanation()
    assert not np.array_equal(np.asarray(e.image()), np.asarray(e.image(background="none")))
    e.save(tmp_path / "e.png", row=1, sign="absolute", cmap="viridis")
    with Image.open(tmp_path / "e.png") as saved:
        assert np.array_equal(np.asarray(saved), np.asarray(e.image(1, sign="absolute", cmap="viridis")))
    for draw in (e.image, e.plot, lambda **given: e.save(tmp_path / "other.png", **given)):
        with pytest.raises(UsageError, match="alpha=2"):
            draw(alpha=2)
    assert not (tmp_path / "other.png").exists()


def test_npz_holds_the_gap_and_the_map_of_methods_that_have_them(tmp_path):
    found = {"delta": np.array([0.25, -1.0]), "raw": RNG.normal(size=(2, 4, 4))}
    replace(explanation(), **found).save(tmp_path / "e.npz")
    with np.load(tmp_path / "e.npz", allow_pickle=False) as saved:
        for name, value in found.items():
            assert np.array_equal(saved[name], value)


def test_json_is_the_record_and_what_was_found(tmp_path):
    explanation().save(tmp_path / "e.json")
    saved = json.loads((tmp_path / "e.json").read_text())
    assert saved == explanation().to_dict()
    assert saved["model"] == {"path": "m.onnx"} and saved["score"] == [2.5, 7.0]


@pytest.mark.parametrize("row", [0, 1])
def test_png_has_two_panels_and_the_input_stands_in_for_a_picture(tmp_path, row):
    explanation().save(tmp_path / "e.png", row=row)
    with Image.open(tmp_path / "e.png") as saved:
        assert saved.width > 650


def test_tables_become_bars(tmp_path):
    explanation((2, 13), None, images=False).save(tmp_path / "e.png")
    with Image.open(tmp_path / "e.png") as saved:
        assert saved.width == 720


def test_tables_and_tokens_keep_their_text_in_vector_files():
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    table, ids = explanation((1, 3), None, images=False), np.array([[2, 0, 1]])
    words = replace(table, inputs=ids, vocabulary=("a", "b", "c"))
    for e, text in ((table, "feature 1"), (words, "c")):
        page = view(e).page()
        assert any(line.text.startswith(text) for line in page.lines)
        assert len(page.figure().texts) >= len(page.lines)


def test_other_endings_and_rows_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"\.tiff; use .*\.png"):
        explanation().save(tmp_path / "e.tiff")
    with pytest.raises(UsageError, match="row 2"):
        explanation().save(tmp_path / "e.png", row=2)
    assert not list(tmp_path.iterdir())


def test_plot_names_class_score_and_method():
    matplotlib = pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    ax = explanation().plot(plt.figure().subplots())
    assert all(word in ax.get_title("left") for word in ("fish", "2.5", "gradient"))
    plt.close("all")


def test_an_annotation_may_name_the_file_of_several_pictures():
    e = replace(explanation(), record={"input": {"names": ["x/scan.dcm[0]", "x/scan.dcm[1]"]}})
    plain = np.asarray(e.image(1))
    for name in ("scan.dcm", "x/scan.dcm", "scan.dcm[1]", "x/scan.dcm[1]"):
        assert not np.array_equal(np.asarray(e.image(1, boxes={name: [(1, 1, 5, 5)]})), plain)
    assert np.asarray(e.image(1, boxes={"scan.dcm[0]": [(1, 1, 5, 5)]})).shape == plain.shape
