"""Maps whose channels are weighed by scores, in a file: one run of a Loop for several channels."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from exported import here, pictures, worst
from nets import digits, relu_cnn

import onnxplain as ox


def sized():
    """`relu_cnn`, with the size of its input stated."""
    model, x = relu_cnn()
    for axis, size in ((2, 11), (3, 9)):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = size
    return model, x


@pytest.mark.parametrize("name", ["digits_cnn_torch", "digits_cnn_keras"])
@pytest.mark.parametrize("method", ["score_cam", "ablation_cam"])
def test_channels_are_weighed_as_the_library_does(method, name, tmp_path):
    model, path = digits(name), tmp_path / "e.onnx"
    ox.export(model, method, path, heatmap=True)
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    x, scores, explainer = pictures(model, 5), proto.graph.output[0].name, ox.Explainer(model, method)
    for rows, target in ((1, [-1]), (5, [3, -1, 5, -1, 0])):
        found = here(path, **{model.explained_input.name: x[:rows]}, target=np.array(target))
        predicted = found[scores].argmax(1)
        e = explainer(x[:rows], [int(p) if t < 0 else t for t, p in zip(target, predicted, strict=True)])
        np.testing.assert_allclose(found[scores], e.prediction, rtol=1e-5, atol=1e-5)
        assert worst(found["attribution"], e.attribution) < 1e-5
        assert worst(found["heatmap"], e.relevance) < 1e-5


@pytest.mark.parametrize("seed", ["probability", "contrast"])
@pytest.mark.parametrize("method", ["score_cam", "ablation_cam"])
def test_the_number_that_is_explained(method, seed, tmp_path):
    """A probability is close to 1 with and without a channel, so that its difference is one of float64."""
    model, x = sized()
    given = {"relu": False, "layer": "p1", **({"baseline": 0.5} if method == "score_cam" else {})}
    ox.export(ox.load(model), method, tmp_path / "e.onnx", seed=seed, **given)
    e = ox.explain(ox.load(model), x, method, 2, seed=seed, **given)
    assert worst(here(tmp_path / "e.onnx", x=x, target=np.full(3, 2))["attribution"], e.attribution) < 1e-5


@pytest.mark.parametrize("method", ["score_cam", "ablation_cam"])
def test_a_batch_that_the_file_fixes(method, tmp_path):
    model, x = sized()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3
    ox.export(ox.load(model), method, tmp_path / "e.onnx")
    e = ox.explain(ox.load(model), x, method)
    assert worst(here(tmp_path / "e.onnx", x=x, target=np.full(3, -1))["attribution"], e.attribution) < 1e-5
