"""Records are plain JSON, and what they say makes the same explanation again."""

from __future__ import annotations

import hashlib
import json
import platform
import sys

import numpy as np
import onnx
import PIL.Image
import pytest
from nets import relu_cnn

import onnxplain as ox
from onnxplain.method.backward import table_lrp
from onnxplain.plan.selector import first
from onnxplain.record import plain
from onnxplain.rules import lrp
from onnxplain.versions import installed

MODEL, X = relu_cnn()
BLOCKS = np.arange(99).reshape(11, 9) // 20
ASKED = {
    "gradient": {},
    "lrp.gamma": {"gamma": np.float32(0.001), "eps": np.float64(1e-5)},
    "lrp.epsilon_gamma_box": {"low": np.full((1, 3, 1, 1), -4, "f"), "high": np.int64(4)},
    "integrated_gradients": {"steps": np.int64(4)},
    "smoothgrad": {"samples": 3, "of": "lrp.gamma", "gamma": 0.5},
    "guided_grad_cam": {"layer": "r1"},
    "occlusion": {"window": [4, 4], "stride": (3, 2)},
    "lime": {"samples": np.int32(30), "superpixels": BLOCKS},
    "rise": {"samples": 20, "centre": np.bool_(False)},
    "meaningful_perturbation": {"steps": 2},
    "extremal_perturbation": {"steps": 2, "areas": (0.1, np.float32(0.5))},
}


def again(record):
    """The explainer that a record speaks of, from its text."""
    return ox.Explainer(ox.load(MODEL), record["method"], smooth=record["smooth"], **record["parameters"])


@pytest.mark.parametrize("method", ASKED)
def test_a_record_makes_the_same_explanation_again(method):
    x = X[:2]
    e = ox.Explainer(ox.load(MODEL), method, smooth=np.float32(0.5), **ASKED[method])(x, [1, 2], seed="one")
    record = json.loads(json.dumps(e.record))
    assert record == e.record, "nothing that JSON would change"
    found = again(record)(x, record["target"], seed=record["seed"])
    np.testing.assert_array_equal(found.attribution, e.attribution)
    assert found.record == e.record


def test_input_and_attribution_are_known_by_all_their_bytes():
    e = ox.explain(ox.load(MODEL), X, "gradient", smooth=1.0)
    assert e.record["input"]["sha256"] == hashlib.sha256(X.tobytes()).hexdigest()
    assert e.record["attribution"] == {
        "sha256": hashlib.sha256(e.attribution.tobytes()).hexdigest(),
        "shape": list(X.shape),
        "dtype": "float32",
    }


@pytest.mark.parametrize("position", ["max", (4, np.int64(3)), None])
def test_a_target_inside_the_network_can_be_asked_again(position):
    neuron = ox.Neuron("c1", np.int64(2), position)
    e = ox.explain(ox.load(MODEL), X, "gradient", neuron)
    record = json.loads(json.dumps(e.record))
    found = again(record)(X, ox.Neuron(**record["target"]))
    np.testing.assert_array_equal(found.attribution, e.attribution)
    assert found.record == e.record


def test_an_array_for_a_seed_can_be_asked_again():
    seed = np.array([0, 2, 0, -1], "f")
    e = ox.explain(ox.load(MODEL), X, "lrp.epsilon", seed=seed)
    record = json.loads(json.dumps(e.record))
    np.testing.assert_array_equal(again(record)(X, seed=record["seed"]).attribution, e.attribution)


def test_rules_and_composites_stay_as_they_are_printed():
    rule = lrp.Gamma(0.5)
    composite = ox.Composite(table_lrp(1e-6), ((first, rule),))
    assert plain({"rule": rule, "all": (composite,)}) == {"rule": repr(rule), "all": [repr(composite)]}
    e = ox.explain(ox.load(MODEL), X[:1], "smoothgrad", samples=2, of=composite)
    assert json.loads(json.dumps(e.record))["parameters"]["of"] == repr(composite)


def test_a_record_names_the_versions_of_all_that_touches_a_number():
    found = ox.explain(ox.load(MODEL), X[:1], "lime", samples=30, superpixels=BLOCKS).record["versions"]
    packages = ("onnxplain", "onnx", "onnx-graphsurgeon", "onnxruntime", "numpy", "pillow", "scikit-image")
    machine = {"python": sys.version.split()[0], "platform": platform.platform(), "machine": platform.machine()}
    assert found == {name: installed(name) for name in packages} | machine
    assert installed("pillow") == PIL.__version__ and installed("nothing-of-this-name") is None
    assert "scikit-image" not in ox.explain(ox.load(MODEL), X[:1], "gradient").record["versions"]


def test_the_model_is_known_by_file_and_weights(tmp_path):
    path = tmp_path / "m.onnx"
    copy, options = onnx.ModelProto.FromString(MODEL.SerializeToString()), {"location": "m.data", "size_threshold": 0}
    onnx.save(copy, path, save_as_external_data=True, **options)
    said = ox.explain(ox.load(path), X[:1], "gradient").record["model"]
    assert said["file_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest() != said["sha256"]
    weights = path.with_name("m.data")
    weights.write_bytes(bytes(len(weights.read_bytes())))
    again = ox.load(path)
    assert again.identity.file_sha256 == said["file_sha256"] and again.sha256 != said["sha256"]


def test_a_record_claims_the_preprocessing_only_where_it_was_applied(tmp_path):
    model = ox.load(MODEL, preprocess={"scale": 1 / 255})
    pixels = np.random.default_rng(0).integers(0, 256, (11, 9, 3), np.uint8)
    PIL.Image.fromarray(pixels).save(tmp_path / "a.png")
    digest = hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    said = [ox.explain(model, each, "gradient").record["input"] for each in (tmp_path / "a.png", pixels, X[:1])]
    assert [each["preprocess"] for each in said] == [model.preprocess.to_dict()] * 2 + [None]
    assert [each["files"] for each in said] == [[digest], [None], [None]]
    assert said[0]["sha256"] == said[1]["sha256"]
