"""Averages in a file: the same points and the same noise as in the library, for any number of rows."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
import pytest
from encoder import IDS, WORDS, bert
from exported import here, pictures, worst
from nets import BUNDLED, digits, network, node, relu_cnn
from onnx import TensorProto, helper
from PIL import Image

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.graph.check import nodes_of

WALKS = {
    "integrated_gradients": {"steps": 7, "baseline": 0.2},
    "smoothgrad": {"samples": 5, "random_seed": 3},
    "vargrad": {"samples": 5, "sigma": 0.3},
    "expected_gradients": {"samples": 9},
    "deepshap": {},
}


@cache
def background(model):
    return pictures(model, 7)[4:]


def options(model, method):
    many = {"baseline": background(model)} if method in ("expected_gradients", "deepshap") else {}
    return WALKS[method] | many


@pytest.mark.parametrize("method", WALKS)
def test_the_file_averages_as_the_library_does(method, tmp_path):
    """The class is that predicted for the row, and not for its points; 20 rows go one point at a time."""
    model, path = digits(), tmp_path / "e.onnx"
    given = options(model, method)
    ox.export(model, method, path, heatmap=True, **given)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    x, explainer = pictures(model), ox.Explainer(model, method, **given)
    for rows, target in ((x[:1], [-1]), (x, [0, 1, -1, 3, -1, 5, 9]), (np.tile(x, (3, 1, 1, 1))[:20], [-1] * 20)):
        found = here(path, image=rows, target=np.array(target))
        predicted = found["logits"].argmax(1)
        e = explainer(rows, [int(p) if t < 0 else t for t, p in zip(target, predicted, strict=True)])
        np.testing.assert_array_equal(predicted, e.prediction.argmax(1))
        np.testing.assert_allclose(found["logits"], e.prediction, rtol=1e-5, atol=1e-5)
        assert worst(found["attribution"], e.attribution) < 1e-5
        assert worst(found["heatmap"], e.relevance) < 1e-5


@pytest.mark.parametrize("seed", ["probability", "contrast"])
def test_what_is_integrated_is_the_derivative_of_the_seed(seed, tmp_path):
    model, x = relu_cnn()
    ox.export(ox.load(model), "integrated_gradients", tmp_path / "e.onnx", seed=seed, steps=5)
    e = ox.explain(ox.load(model, engine="numpy"), x, "integrated_gradients", 2, seed=seed, steps=5)
    assert worst(here(tmp_path / "e.onnx", x=x, target=np.full(3, 2))["attribution"], e.attribution) < 1e-5


def test_a_mean_of_other_walks(tmp_path):
    """A walk with a baseline of its own, computed within the body of the Loop."""
    model, x = relu_cnn()
    given = {"of": "deeplift", "samples": 3, "baseline": 0.3}
    ox.export(ox.load(model), "smoothgrad", tmp_path / "e.onnx", **given)
    e = ox.explain(ox.load(model), x, "smoothgrad", 1, **given)
    assert worst(here(tmp_path / "e.onnx", x=x, target=np.full(3, 1))["attribution"], e.attribution) < 1e-5


@pytest.mark.parametrize("method", ["integrated_gradients", "vargrad"])
def test_a_linear_model_has_one_slope_everywhere(method, tmp_path):
    """The variance of equal gradients is 0 to the bit."""
    model = ox.load(BUNDLED / "digits_linear_sklearn.onnx")
    x = np.random.default_rng(0).uniform(0, 16, (3, 64)).astype("f")
    ox.export(model, method, tmp_path / "e.onnx")
    found = here(tmp_path / "e.onnx", **{model.explained_input.name: x}, target=np.full(3, 4))
    e = ox.explain(model, x, method, 4)
    np.testing.assert_allclose(found["attribution"], e.attribution, rtol=0, atol=1e-5 * np.abs(e.attribution).max())
    assert method != "vargrad" or not found["attribution"].any()


def test_a_batch_that_the_file_fixes(tmp_path):
    model, x = relu_cnn()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3
    ox.export(ox.load(model), "integrated_gradients", tmp_path / "e.onnx", steps=4)
    e = ox.explain(ox.load(model), x, "integrated_gradients", steps=4)
    assert worst(here(tmp_path / "e.onnx", x=x, target=np.full(3, -1))["attribution"], e.attribution) < 1e-5


def test_inputs_beside_the_explained_one(tmp_path):
    """One of them has an entry for each row, and is repeated for each point; the other one is the same for all."""
    rng = np.random.default_rng(0)
    nodes = [
        *(node("MatMul", "x w", "h"), node("Mul", "h s", "scaled"), node("Tanh", "scaled", "r")),
        *(node("Mul", "r m", "masked"), node("ReduceSum", "masked one", "p", keepdims=0), node("MatMul", "p v", "y")),
    ]
    shapes = {"x": ["N", 5, 4], "m": ["N", 5, 1], "s": [6]}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    weights = {"w": rng.normal(size=(4, 6)).astype("f"), "v": rng.normal(size=(6, 3)).astype("f"), "one": np.array([1])}
    model = ox.load(network(nodes, None, weights, inputs=inputs, opset=20), input="x")
    feeds = {n: rng.normal(size=[3 if s == "N" else s for s in shape]).astype("f") for n, shape in shapes.items()}
    for method in ("integrated_gradients", "smoothgrad"):
        ox.export(model, method, tmp_path / "e.onnx")
        found = here(tmp_path / "e.onnx", **feeds, target=np.full(3, -1))
        assert worst(found["attribution"], ox.explain(model, feeds, method).attribution) < 1e-5


@pytest.mark.parametrize("method", ["integrated_gradients", "smoothgrad", "deepshap", "deeplift"])
def test_points_lie_between_embeddings(method, tmp_path):
    """The embedding is looked up before the Loop; gradients are folded by their norm, contributions by their sum."""
    model, target = ox.load(bert(), vocabulary=["[PAD]", "[MASK]", *map(str, range(2, WORDS))]), [1, 0, 2]
    baseline = {"deepshap": np.arange(10).reshape(2, 5), "deeplift": "zeros", "integrated_gradients": 3}.get(method)
    ox.export(model, method, tmp_path / "e.onnx", baseline=baseline)
    found = here(tmp_path / "e.onnx", ids=IDS, target=np.array(target))
    exact = ox.load(bert(), vocabulary=model.vocabulary, precision="float64")
    e = ox.explain(exact, IDS, method, target, baseline=baseline)
    assert found["attribution"].shape == IDS.shape
    assert worst(found["attribution"], e.attribution) < (2e-5 if method == "deepshap" else 1e-5)
    np.testing.assert_allclose(found["y"], e.prediction, atol=1e-5)


def test_the_baseline_of_tokens_is_that_of_the_library(tmp_path):
    """Without a vocabulary it is no id, but zeros of the embedding."""
    ox.export(bert(), "deeplift", tmp_path / "e.onnx")
    found = here(tmp_path / "e.onnx", ids=IDS, target=np.full(3, 1))
    assert worst(found["attribution"], ox.explain(bert(), IDS, "deeplift", 1).attribution) < 1e-5


def test_pixels_in_and_a_smoothed_map_out(tmp_path):
    model, path = digits("digits_cnn_keras"), tmp_path / "e.onnx"
    ox.export(model, "integrated_gradients", path, with_preprocessing=True, smooth=1.5, steps=6)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), np.uint8)
    x = np.concatenate([model.preprocess(Image.fromarray(each[..., 0])) for each in pixels])
    e = ox.explain(model, x, "integrated_gradients", smooth=1.5, steps=6)
    assert worst(here(path, image=pixels, target=np.full(3, -1))["attribution"], e.attribution) < 1e-5


@pytest.mark.parametrize("method", ["integrated_gradients", "smoothgrad", "deepshap"])
def test_the_weights_are_in_the_file_once(method, tmp_path):
    source, path = BUNDLED / "digits_cnn_torch.onnx", tmp_path / "e.onnx"
    model = ox.load(source)
    ox.export(model, method, path)
    added = len(list(nodes_of(onnx.load(path).graph.node))) - len(model.canonical.graph.nodes)
    noise = 25 * 256 * 4 if method == "smoothgrad" else 0
    assert path.stat().st_size < 1.1 * source.stat().st_size + 100 * added + noise


def test_noise_and_backgrounds_have_a_largest_size(tmp_path):
    """2^26 bytes are 65,536 pictures of 256 numbers."""
    for method, given in (("smoothgrad", {"samples": 65537}), ("deepshap", {"baseline": np.zeros((65537, 1, 16, 16))})):
        with pytest.raises(UsageError, match=f"{method}: 65537 .* take 67109888 bytes, .*: give 65536 or fewer"):
            ox.export(digits(), method, tmp_path / "e.onnx", **given)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("opset", [None, 21])
def test_the_opset_of_a_loop(opset, tmp_path):
    model, x = digits(), pictures(digits(), 2)
    ox.export(model, "integrated_gradients", tmp_path / "e.onnx", opset=opset, steps=3)
    stated = [each.version for each in onnx.load(tmp_path / "e.onnx").opset_import if each.domain == ""]
    assert stated == [opset or 15]
    e = ox.explain(model, x, "integrated_gradients", steps=3)
    assert worst(here(tmp_path / "e.onnx", image=x, target=np.full(2, -1))["attribution"], e.attribution) < 1e-5
