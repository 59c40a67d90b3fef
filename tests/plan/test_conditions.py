"""Concept relevance: what passes through channels, by sums, by hand, and in every engine."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from nets import relu_cnn

import onnxplain as ox
from onnxplain.errors import UsageError

METHODS = ("gradient", "input_x_gradient", "lrp.epsilon", "lrp.epsilon_plus", "lrp.gamma")


def load(model, **options):
    return ox.load(model, precision="float64", **options)


@pytest.mark.parametrize("layer", ["r1", "p1", "r2", "s"])
@pytest.mark.parametrize("method", METHODS)
def test_the_maps_of_all_channels_sum_to_the_whole(method, layer):
    model, x = relu_cnn()
    loaded = load(model)
    whole = ox.explain(loaded, x, method, target=1).attribution
    parts = [ox.explain(loaded, x, method, target=1, conditions={layer: [k]}).attribution for k in range(6)]
    together = ox.explain(loaded, x, method, target=1, conditions={layer: range(6)}).attribution
    for found in (sum(parts), together):
        np.testing.assert_allclose(found, whole, atol=1e-10 * np.abs(whole).max())
    assert max(np.abs(part - whole).max() for part in parts) > 0.1 * np.abs(whole).max()


def test_it_is_the_relevance_of_the_channels_sent_on_from_the_layer():
    """By two walks: down to the layer, then on from it, by a target that is the layer with a seed of its relevance."""
    model, x = relu_cnn(bias=False)
    loaded = load(model)
    at_layer = ox.explain(loaded, x, "gradient", target=2, layer="r2").attribution
    for k in (0, 3):
        found = ox.explain(loaded, x, "gradient", target=2, conditions={"r2": k})
        expected = np.zeros_like(found.attribution)
        for i, j in np.ndindex(at_layer.shape[2:]):
            inner = ox.explain(loaded, x, "gradient", target=ox.Neuron("r2", k, (i, j))).attribution
            expected += at_layer[:, k, i, j][:, None, None, None] * inner
        np.testing.assert_allclose(found.attribution, expected, atol=1e-12)
        assert found.delta is None and found.record["parameters"]["conditions"] == {"r2": [k]}
        assert "Through(rule=" in str(found.plan)


def test_conditions_on_two_layers_are_met_together():
    model, x = relu_cnn()
    loaded = load(model)
    both = ox.explain(loaded, x, "lrp.epsilon", target=0, conditions={"r2": [1, 2], "r1": [0]}).attribution
    parts = [
        ox.explain(loaded, x, "lrp.epsilon", target=0, conditions={"r2": [k], "r1": [0]}).attribution for k in (1, 2)
    ]
    np.testing.assert_allclose(both, sum(parts), atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_engines_and_exports_agree(method, tmp_path):
    model, x = relu_cnn()
    exact = ox.explain(load(model), x, method, target=1, conditions={"r2": [0, 4]}).attribution
    for engine in ("numpy", "onnxruntime"):
        found = ox.explain(ox.load(model, engine=engine), x, method, target=1, conditions={"r2": [0, 4]}).attribution
        np.testing.assert_allclose(found, exact, atol=1e-4 * np.abs(exact).max())
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 11
    ox.export(ox.load(model), method, tmp_path / "explained.onnx", conditions={"r2": [0, 4]})
    session = onnxruntime.InferenceSession(tmp_path / "explained.onnx", providers=["CPUExecutionProvider"])
    attribution = session.run(["attribution"], {"x": x, "target": np.full(3, 1)})[0]
    np.testing.assert_allclose(attribution, exact, atol=1e-4 * np.abs(exact).max())


@pytest.mark.parametrize(
    ("method", "conditions", "says"),
    [
        ("gradient", {"r2": [6]}, "'r2' has no channel 6; it has 6"),
        ("gradient", {"r2": [-1]}, "no channel -1"),
        ("gradient", {"r22": [0]}, "no value 'r22'; the nearest names: 'r2'"),
        ("gradient", {"x": [0]}, "no node between the target and 'x' makes the value 'x'"),
        ("gradient", {"c2": [0]}, "a branch leads around 'c2'"),
        ("gradient", {}, "expected channels by the name of a value"),
        ("gradient", ["r2"], "expected channels"),
        ("gradient", {"r2": [True]}, "expected channels"),
        ("gradient", {"r2": []}, "expected channels"),
        ("deeplift", {"r2": [0]}, "'deeplift' passes on multipliers"),
        ("occlusion", {"r2": [0]}, "'occlusion' does not walk once"),
        ("smoothgrad", {"r2": [0]}, "'smoothgrad' does not walk once"),
    ],
)
def test_what_is_no_condition_is_refused(method, conditions, says):
    model, x = relu_cnn()
    with pytest.raises(UsageError, match=says):
        ox.explain(ox.load(model), x, method, conditions=conditions)
