"""The result of explaining several inputs: one attribution for each, and everything else of all of them together."""

from __future__ import annotations

import hashlib
import json
import pickle
import warnings

import joint
import numpy as np
import onnx
import pytest
from PIL import Image

import onnxplain as ox
from onnxplain.errors import BadInputError, UsageError

PROTO, X = joint.picture_and_table()
WAY = {"scale": 1 / 255, "size": [6, 6], "colour": "grey", "layout": "NCHW"}


@pytest.fixture(scope="module")
def e():
    model = ox.load(PROTO, input="all", labels=["cat", "dog", "bird"], features=["age", "dose", "weight"])
    return ox.explain(model, X, "deeplift", "dog")


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def test_what_is_of_one_input_is_asked_of_its_part(e):
    assert list(e.parts) == ["image", "table"] and len(e) == 3
    for name in ("attribution", "relevance", "inputs", "channel_axis", "features"):
        with pytest.raises(UsageError, match=r"'image', 'table' are explained together.*\['image'\]"):
            getattr(e, name)
    with pytest.raises(UsageError, match=r"take e.attributions\['image'\]"):
        ox.Explainer(ox.load(PROTO, input="all"), "gradient").attribute(X, 0)
    image, table = e.parts.values()
    assert image.relevance.shape == (3, 6, 6) and table.features == ("age", "dose", "weight")
    assert image.score is e.score and image.delta is None and image.conservation is None
    assert ox.region(image, (0, 0, 3, 3)).area[0] == 0.25
    one = ox.explain(ox.load(PROTO, input="table"), X, "gradient", 0)
    assert list(one.parts) == ["table"] and one.attributions["table"] is one.attribution


def test_the_record_knows_each_attribution_by_its_digest(e):
    record = e.record
    assert record["explained"] == record["model"]["inputs"] == ["image", "table"]
    assert record["model"]["input"] == "image" and "attribution" not in record
    for name, part in e.parts.items():
        assert record["attributions"][name]["sha256"] == digest(e.attributions[name])
        assert record["inputs"][name]["sha256"] == digest(X[name]) == part.record["input"]["sha256"]
        assert part.record["attribution"] == record["attributions"][name]
        assert (part.record["explained"], part.record["together"]) == (name, ["image", "table"])
    assert json.loads(json.dumps(e.to_dict()))["delta"] == e.delta.tolist()
    assert record["baseline"] == {"inputs": {"image": 0.0, "table": 0.0}}


def test_a_row_has_the_record_that_it_would_have_alone():
    model, start = ox.load(PROTO, input="all"), {"table": joint.draw(3, 3, seed=4)}
    whole = ox.explain(model, X, "deeplift", [0, 1, 2], baseline=start)
    row = whole[1]
    alone = ox.explain(model, {k: v[1:2] for k, v in X.items()}, "deeplift", 1, baseline={"table": start["table"][1:2]})
    for name in X:
        np.testing.assert_allclose(row.attributions[name], alone.attributions[name], atol=1e-6)
        assert row.record["attributions"][name]["sha256"] == digest(row.attributions[name])
        assert row.record["inputs"][name]["sha256"] == alone.record["inputs"][name]["sha256"]
        assert row.parts[name].record["input"] == row.record["inputs"][name]
    assert row.record["baseline"]["inputs"]["table"]["rows"] == [1] and row.record["target"] == [1]
    np.testing.assert_array_equal(row.delta, whole.delta[1:2])
    np.testing.assert_array_equal(row.conservation.due, whole.conservation.due[1:2])
    assert len(whole[:2]) == 2 and [each.labels for each in whole] == [("0",), ("1",), ("2",)]
    with pytest.raises(IndexError):
        whole[3]


def test_files_hold_an_array_for_each_input(e, tmp_path):
    e.save(tmp_path / "e.npz")
    with np.load(tmp_path / "e.npz") as arrays:
        for name, part in e.parts.items():
            np.testing.assert_array_equal(arrays[f"attribution:{name}"], part.attribution)
            np.testing.assert_array_equal(arrays[f"inputs:{name}"], X[name])
        np.testing.assert_array_equal(arrays["relevance:image"], e.parts["image"].relevance)
        np.testing.assert_array_equal(arrays["delta"], e.delta)
    e.save(tmp_path / "e.json")
    assert set(json.loads((tmp_path / "e.json").read_text())["attributions"]) == {"image", "table"}
    with pytest.raises(UsageError, match="the map of one input"):
        e.save(tmp_path / "e.dcm")
    with pytest.raises(UsageError, match="plot one by itself"):
        e.plot()


def test_a_picture_has_what_each_input_got_side_by_side(e, tmp_path):
    e.save(tmp_path / "e.png", row=1)
    assert e.image(1, contours=()).size == e.image(1, cmap="grey").size  # contours are of maps alone
    with Image.open(tmp_path / "e.png") as picture:
        assert json.loads(picture.text["onnxplain"])["attributions"] == e.record["attributions"]
        size = picture.size
    parts = [part.image(1) for part in e.parts.values()]
    assert size[0] == sum(each.width for each in parts) and size[1] > max(each.height for each in parts)
    html = e._repr_html_()
    assert html.count("<figure>") == 3 and html.count("<img") == 6 and "<b>dog:" in html
    with pytest.raises(UsageError, match="several inputs are shown one row at a time"):
        e.image("all")
    for row in (-1, 5):
        with pytest.raises(UsageError, match=f"row {row}: the explanation has"):
            e.image(row)
    assert e.parts["table"].image("all").width > 0


def test_it_prints_and_is_pickled_with_its_parts(e):
    assert repr(e).startswith("JointExplanation(method='deeplift', labels=('dog', 'dog', 'dog')")
    again = pickle.loads(pickle.dumps(e))  # noqa: S301
    assert again.record == e.record and list(again.parts) == list(e.parts)
    np.testing.assert_array_equal(again.attributions["table"], e.attributions["table"])
    explainer = ox.Explainer(ox.load(PROTO, input="all"), "deeplift", baseline={"image": 0.5})
    other = pickle.loads(pickle.dumps(explainer))  # noqa: S301
    assert explainer(X, 1).record["attributions"] == other(X, 1).record["attributions"]
    assert "image, table, together" in repr(explainer.model)


def test_a_stream_walks_several_at_once():
    explainer = ox.Explainer(ox.load(PROTO, input="all"), "integrated_gradients")
    rows = [{name: array[i : i + 1] for name, array in X.items()} for i in range(3)]
    bad = {"image": rows[0]["image"], "table": np.full((1, 3), "word")}
    stream = explainer.stream([*rows[:2], bad, rows[2]], 0, batch_size=2, on_error="skip")
    found, whole = list(stream), explainer(X, 0)
    assert len(found) == 3 and len(stream.failures) == 1
    for i, each in enumerate(found):
        np.testing.assert_allclose(each.attributions["table"], whole.attributions["table"][i : i + 1], atol=1e-6)


@pytest.fixture
def files(tmp_path):
    onnx.save(PROTO, tmp_path / "m.onnx")
    for i in range(2):
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (6, 6), np.uint8)).save(tmp_path / f"{i}.png")
        np.save(tmp_path / f"{i}.npy", X["table"][i : i + 1])
    return tmp_path


def test_pictures_and_tables_are_read_from_files_and_explained_again_from_the_record(files):
    model = ox.load(files / "m.onnx", input="all", preprocess={"image": WAY}, features={"table": ["a", "b", "c"]})
    e = ox.explain(model, {"image": files / "0.png", "table": files / "0.npy"}, "deeplift", baseline={"table": 1.0})
    assert e.parts["image"].originals and e.parts["image"].at_original().shape == (6, 6)
    assert e.parts["table"].originals is None and e.parts["table"].features == ("a", "b", "c")
    assert e.record["inputs"]["table"]["names"] == [str(files / "0.npy")]
    e.save(files / "e.json")
    came = ox.replay(files / "e.json")
    assert came.same and came.explanation.record["model"]["features"] == {"table": ["a", "b", "c"]}
    e.save(files / "e.npz")
    changed = json.loads((files / "e.json").read_text())
    changed["attributions"]["table"]["sha256"] = "0" * 64
    with np.load(files / "e.npz") as arrays:
        held = dict(arrays) | {
            "record": np.array(json.dumps(changed)),
            "attribution:table": e.attributions["table"] + 1,
        }
    np.savez(files / "other.npz", **held)
    assert ox.replay(files / "other.npz").distance == pytest.approx(1, rel=1e-5)
    np.save(files / "0.npy", X["table"][2:])
    with pytest.raises(BadInputError, match=r"0.npy is not the file"):
        ox.replay(files / "e.json")
    with pytest.raises(BadInputError, match="is of one of 'image', 'table'"):
        ox.replay(e.parts["image"])


def test_a_row_is_explained_again_where_one_input_has_files_and_the_other_rows_of_one_file(files):
    np.save(files / "both.npy", X["table"][:2])
    model = ox.load(files / "m.onnx", input="all", preprocess={"image": WAY})
    e = ox.explain(model, {"image": [files / "0.png", files / "1.png"], "table": files / "both.npy"}, "gradient")
    for row in (e, e[0], e[1]):
        assert ox.replay(row).same
    np.save(files / "both.npy", X["table"][:1])
    with pytest.raises(BadInputError, match=r"both.npy\[1\]: the file has no such row now"):
        ox.replay(e[1])


def test_what_was_in_memory_is_given_again(e):
    model = ox.load(PROTO, input="all", labels=["cat", "dog", "bird"])
    assert ox.replay(e, model, X).same
    with pytest.raises(BadInputError, match=r"table\[0\]|image\[0\].*was in memory"):
        ox.replay(e, model)
    with pytest.raises(BadInputError, match="the input 'table' is not what was explained"):
        ox.replay(e, model, X | {"table": X["table"] + 1})


def test_names_and_preprocessing_go_to_the_inputs_that_they_fit():
    with pytest.raises(UsageError, match="features: it fits none of the inputs 'image', 'table'"):
        ox.load(PROTO, input="all", features=["a", "b"])
    with pytest.raises(UsageError, match="features: 'tabel' is not explained"):
        ox.load(PROTO, input="all", features={"table": ["a", "b", "c"], "tabel": []})
    model = ox.load(PROTO, input="all", preprocess=WAY)
    assert model.alone["image"].preprocess and model.alone["table"].preprocess is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.predict(X).scores.shape == (3, 3)
