"""Results are themselves and nothing else: their arrays have no one truth value."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from nets import DIGITS, digits, network, node, relu_cnn
from onnx import TensorProto, helper
from PIL import Image

import onnxplain as ox
from onnxplain.errors import UsageError

MODEL = digits()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ox.explain(MODEL, DIGITS[:2], "gradient"),
        lambda: ox.compare(MODEL, DIGITS[:1], ["gradient"]),
        lambda: ox.evaluate(MODEL, DIGITS[:1], ["gradient"], ["completeness"]),
        digits,
    ],
    ids=["explanation", "comparison", "evaluation", "model"],
)
def test_a_result_is_equal_to_itself_alone(make):
    a, b = make(), make()
    assert a == a and a != b  # noqa: PLR0124
    assert {a: "a", b: "b"}[a] == "a"


def test_what_an_evaluation_found_is_equal_to_itself_alone():
    a, b = (ox.evaluate(MODEL, DIGITS[:2], ["gradient"], ["completeness"]) for _ in range(2))
    key = next(iter(a.results))
    assert a[key] == a[key] and a[key] != b[key] and len({a[key], b[key]}) == 2


def test_what_was_found_in_plain_types():
    e = ox.explain(MODEL, DIGITS[:2], "lrp.epsilon")
    found = e.to_dict()
    assert {name: found[name] for name in e.record} == e.record
    assert found["labels"] == list(e.labels)
    assert found["score"] == e.score.tolist() and found["delta"] == e.delta.tolist()
    assert "\n".join(found["plan"]) == str(e.plan)
    occluded = ox.explain(MODEL, DIGITS[0], "occlusion", window=8, stride=8).to_dict()
    assert occluded["delta"] is None and occluded["plan"] == []


def test_a_map_goes_back_to_the_picture_as_it_came():
    """Each half of a wide picture is explained as the middle of it alone; the sides were never seen."""
    crop = replace(MODEL.preprocess, crop=1.0)
    model = ox.load(MODEL.source, preprocess=crop)
    wide = Image.new("L", (300, 160))
    with Image.open(DIGITS[0]) as digit:
        wide.paste(digit.resize((160, 160), Image.Resampling.NEAREST), (70, 0))
    e = ox.explain(model, [wide, DIGITS[0]], "gradient")
    back = e.at_original()
    assert back.shape == (160, 300) and back.dtype == np.float32
    assert np.isnan(back[:, :70]).all() and np.isnan(back[:, 230:]).all() and np.isfinite(back[:, 70:230]).all()
    np.testing.assert_allclose(back[5::10, 75:230:10], e.relevance[0], atol=0.2 * np.abs(e.relevance[0]).max())
    assert np.array_equal(e.at_original(1), e.relevance[1]), "a picture of the model's own size"
    for row in (2, -1, None):
        with pytest.raises(UsageError, match="row"):
            e.at_original(row)
    with pytest.raises(UsageError, match="at_original"):
        ox.explain(model, np.zeros((1, *e.inputs.shape[1:]), "f"), "gradient").at_original()


def _alone(e):
    """What the record of one row states, without what depends on how the row was passed."""
    record = {**e.record, "input": {**e.record["input"], "names": None, "notes": None}}
    return {key: value for key, value in record.items() if key not in ("attribution", "parity", "conservation")}


ROWS = {
    "lrp.epsilon": {},
    "deeplift": {"baseline": np.random.default_rng(5).normal(size=(3, 3, 11, 9)).astype("f")},
    "expected_gradients": {"baseline": np.random.default_rng(6).normal(size=(3, 3, 11, 9)).astype("f"), "samples": 4},
    "integrated_gradients": {"steps": 3},
    "grad_cam": {},
    "occlusion": {"window": 4, "stride": 4},
}


@pytest.mark.parametrize("method", ROWS)
def test_a_row_is_what_it_is_alone(method):
    model, x = relu_cnn()
    loaded, options = ox.load(model, engine="numpy"), dict(ROWS[method])
    e = ox.explain(loaded, x, method, target=[0, 3, 1], **options)
    rows = list(e)
    assert len(e) == len(rows) == 3
    for i, row in enumerate(rows):
        own = dict(options)
        by_row = method == "deeplift"
        if by_row:
            own["baseline"] = options["baseline"][i]
        alone = ox.explain(loaded, x[i : i + 1], method, target=[e.target[i]], **own)
        np.testing.assert_array_equal(row.attribution, e.attribution[i : i + 1])
        np.testing.assert_allclose(row.attribution, alone.attribution, rtol=1e-3, atol=1e-6)
        np.testing.assert_array_equal(row.inputs, alone.inputs)
        for name in ("score", "delta", "prediction", "target"):
            if getattr(row, name) is not None:
                np.testing.assert_allclose(getattr(row, name), getattr(alone, name), rtol=1e-4, atol=1e-5)
        found, due = _alone(row), _alone(alone)
        if by_row:
            assert found.pop("baseline")["rows"] == [i] and due.pop("baseline")
        assert found == due
        assert row.record["attribution"]["sha256"] == hashlib.sha256(row.attribution.tobytes()).hexdigest()
        assert row.record["input"]["sha256"] == hashlib.sha256(x[i : i + 1].tobytes()).hexdigest()
        assert row.record["input"]["names"] == [f"input[{i}]"]
        if row.conservation is not None:
            assert row.conservation.line(0) == e.conservation.line(i)
            assert row.record["conservation"] == row.conservation.to_dict()


def test_slices_and_rows_from_the_end():
    e = ox.explain(MODEL, DIGITS[:4], "lrp.epsilon", seed=np.eye(10)[:4], book=True)
    assert e[-1].labels == e.labels[-1:] and e[np.int64(3)].record == e[-1].record
    part = e[1:3]
    assert len(part) == 2 and part.record["input"]["names"] == list(map(str, DIGITS[1:3]))
    assert part.record["seed"] == np.eye(10)[1:3].tolist() and len(part.images) == 2
    assert part.record["input"]["files"] == [hashlib.sha256(each.read_bytes()).hexdigest() for each in DIGITS[1:3]]
    assert part.book is None and e.book is not None
    assert e[::-1][0].record == e[3].record
    assert e[2].to_dict()["labels"] == [e.labels[2]]
    alone = ox.explain(MODEL, DIGITS[0], "lrp.epsilon", book=True)
    assert alone[0] is alone and alone[0].book is not None
    for wrong in (4, -5, slice(4, None)):
        with pytest.raises(IndexError, match="4 rows"):
            e[wrong]
    with pytest.raises(TypeError):
        e["cat"]


def test_other_inputs_are_cut_where_they_have_an_entry_for_each_row():
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", ["N", 4]), ("z", ["N", 4]))]
    inputs.append(helper.make_tensor_value_info("t", TensorProto.FLOAT, [4]))
    nodes = [node("Mul", "x z", "a"), node("Add", "a t", "b"), node("MatMul", "b w", "y")]
    model = network(nodes, None, {"w": np.eye(4, 3, dtype="f")}, inputs=inputs)
    x, z = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("f")
    given = {"x": x, "z": z, "t": np.arange(4, dtype="f")}
    e = ox.explain(ox.load(model, input="x"), given, "gradient", target=1)
    assert e.record["input"]["others"]["z"]["by_row"] and not e.record["input"]["others"]["t"]["by_row"]
    alone = ox.explain(ox.load(model, input="x"), {**given, "x": x[2:], "z": z[2:]}, "gradient", target=1)
    assert _alone(e[2]) == _alone(alone)
    np.testing.assert_array_equal(e[2].others["z"], z[2:])


def test_a_value_within_the_network_is_the_target_of_each_row():
    model, x = relu_cnn()
    e = ox.explain(ox.load(model), x, "gradient", ox.Neuron("r1", 2, "max"))
    assert e[1].target == e.target and e[1].record["target"] == e.record["target"]
