"""Feature visualisation: the ascent by hand on a linear model, its seed, and what is refused."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from encoder import bert
from measure.linear import linear
from nets import digits, relu_cnn

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.visualisation import _roughness


def test_a_linear_model_is_climbed_along_its_weights():
    """Each step adds step_size · w / mean |w|, whatever the input."""
    model, _, w = linear()
    found = ox.visualise(model, 1, steps=7, step_size=0.1, jitter=0)
    start = ox.visualise(model, 1, steps=1, step_size=0.0, jitter=0).picture
    step = 0.1 * w[1] / np.abs(w[1]).mean()
    np.testing.assert_allclose(found.picture, start + 7 * step, atol=1e-5)
    np.testing.assert_allclose(np.diff(found.scores), (w[1] * step).sum(), rtol=1e-4)
    assert found.scores.shape == (8,) and found.picture.shape == (2, 6, 5)


def test_the_last_score_is_that_of_the_picture():
    model, target = digits(), 3
    found = ox.visualise(model, target, steps=40)
    e = ox.explain(ox.load("models/digits_cnn_torch.onnx"), found.picture[None], "gradient", target=target)
    assert found.scores[-1] == pytest.approx(e.score[0], rel=1e-4)
    assert found.scores[-1] > 10 + found.scores[0] and e.prediction[0].argmax() == target
    low, high = model.preprocess.bounds()
    assert (found.picture >= low - 1e-6).all() and (found.picture <= high + 1e-6).all()


def test_the_seed_decides():
    model = digits()
    a, b, other = (ox.visualise(model, 5, steps=5, random_seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a.picture, b.picture)
    np.testing.assert_array_equal(a.scores, b.scores)
    assert np.abs(a.picture - other.picture).max() > 0


def test_a_neuron_is_climbed_too():
    proto, _ = relu_cnn()
    for axis, size in ((2, 11), (3, 9)):
        proto.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = size
    found = ox.visualise(ox.load(proto), ox.Neuron("c2", 2, (1, 1)), steps=20)
    assert found.scores[-1] > found.scores[0] + 0.1


def test_total_variation_keeps_neighbours_alike():
    x = np.random.default_rng(0).normal(size=(1, 2, 5, 4))
    due = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        ends = []
        for step in (-1e-5, 1e-5):
            moved = x.copy()
            moved[place] += step
            ends.append(sum((np.diff(moved, axis=axis) ** 2).sum() for axis in (2, 3)) / x.size)
        due[place] = (ends[1] - ends[0]) / 2e-5
    np.testing.assert_allclose(_roughness(x, [2, 3]), due, atol=1e-8)
    rough, smooth = (ox.visualise(digits(), 3, steps=30, tv=tv).picture[0] for tv in (0.0, 300.0))
    assert (np.diff(smooth, axis=0) ** 2).mean() < 0.5 * (np.diff(rough, axis=0) ** 2).mean()


@pytest.mark.parametrize("given", [{"steps": 0}, {"step_size": -1}, {"tv": -1}, {"jitter": -1}, {"random_seed": 0.5}])
def test_what_makes_no_sense_is_refused(given):
    with pytest.raises(UsageError, match=next(iter(given))):
        ox.visualise(digits(), 3, **given)


def test_one_target_of_an_input_of_floats_with_a_size():
    for target in (None, [1, 2]):
        with pytest.raises(UsageError, match="expected one class"):
            ox.visualise(digits(), target)
    with pytest.raises(UsageError, match="holds no floats"):
        ox.visualise(ox.load(bert()), 0)
    proto = onnx.ModelProto()
    proto.CopyFrom(relu_cnn()[0])
    dim = proto.graph.input[0].type.tensor_type.shape.dim
    dim[2].dim_param, dim[3].dim_param = "H", "W"
    with pytest.raises(UsageError, match="a picture needs its size"):
        ox.visualise(ox.load(proto), 0)
