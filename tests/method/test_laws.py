"""Laws that hold whatever the network: they need no reference implementation."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from nets import BUNDLED, DIGITS, digits, network, node, relu_cnn
from PIL import Image

import onnxplain as ox

LRP = [name for name in ox.methods() if name.startswith("lrp.")]


def explain(model, x, method, **options):
    return ox.explain(ox.load(model, precision="float64"), x, method, **options)


def relative(a, b):
    return np.abs(a - b).max() / np.abs(b).max()


def test_lrp_zero_is_input_times_gradient_on_a_relu_network_without_bias():
    model, x = relu_cnn(bias=False)
    zero, gradient = explain(model, x, "lrp.zero"), explain(model, x, "input_x_gradient")
    assert relative(zero.attribution, gradient.attribution) < 1e-11
    np.testing.assert_allclose(zero.attribution.sum((1, 2, 3)), zero.score, rtol=1e-11)


@pytest.mark.parametrize("method", [m for m in LRP if m != "lrp.epsilon_gamma_box"])
def test_lrp_conserves_without_bias(method):
    model, x = relu_cnn(bias=False)
    options = {} if method == "lrp.zero" else {"eps": 1e-12}
    e = explain(model, x, method, target=1, book=True, **options)
    lost = sum(entry.lost for entry in e.book.entries)
    np.testing.assert_allclose(e.attribution.sum() + lost, e.score.sum(), rtol=1e-6)
    np.testing.assert_allclose(e.delta, e.attribution.sum((1, 2, 3)) - e.score, atol=1e-9)


@pytest.mark.parametrize("method", LRP)
def test_the_book_balances_at_every_node(method):
    model, x = relu_cnn()
    bounds = {"low": -4.0, "high": 4.0} if method == "lrp.epsilon_gamma_box" else {}
    book = explain(model, x, method, book=True, **bounds).book
    assert len(book.entries) == 9
    for entry in book.entries:
        assert abs(entry.gap) < 1e-9 * entry.scale, entry


@pytest.mark.parametrize("method", LRP)
def test_the_book_adds_up_from_the_seed_to_the_input(method):
    model, x = relu_cnn()
    bounds = {"low": -4.0, "high": 4.0} if method == "lrp.epsilon_gamma_box" else {}
    e = explain(model, x, method, book=True, **bounds)
    absorbed = sum(each.bias + each.eps + each.lost + each.constants for each in e.book.entries)
    np.testing.assert_allclose(e.attribution.sum() + absorbed, e.score.sum(), rtol=1e-9)


@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_deeplift_sums_to_the_difference_from_the_baseline(baseline):
    model, x = relu_cnn()
    e = explain(model, x, "deeplift", baseline=baseline, target=2)
    still = explain(model, np.full_like(x, baseline), "gradient", target=2)
    np.testing.assert_allclose(e.attribution.sum((1, 2, 3)), e.score - still.score, rtol=1e-10)
    assert np.abs(e.delta).max() < 1e-10


def test_deeplift_equals_input_times_gradient_where_nothing_switches():
    """On a linear stretch (same active set for x and the baseline) the multiplier is the gradient."""
    w = np.abs(np.random.default_rng(0).normal(size=(4, 5))).astype("f")
    model = network([node("Gemm", "x w", "h", transB=1), node("Relu", "h", "y")], (2, 5), {"w": w})
    x = np.array([[1, 2, 3, 4, 5], [0.5, 0.1, 0.2, 0.3, 0.4]], "f")
    a, b = explain(model, x, "deeplift", target=3), explain(model, x, "input_x_gradient", target=3)
    assert relative(a.attribution, b.attribution) < 1e-12


def test_one_weight_and_one_function_used_three_times_are_three_nodes():
    """captum refuses a module that is used twice, or is silently wrong; here every use is a node of its own."""
    w = (np.random.default_rng(1).normal(size=(4, 4)) / 2).astype("f")
    nodes = []
    for i, source in enumerate(("x", "r0", "r1")):
        nodes += [node("Gemm", f"{source} w", f"h{i}", transB=1), node("Relu", f"h{i}", f"r{i}")]
    x = np.random.default_rng(2).normal(size=(5, 4)).astype("f")
    e = explain(network(nodes, x.shape, {"w": w}, output="r2"), x, "deeplift", target=0)
    h = x.astype(float)
    for _ in range(3):
        h = np.maximum(h @ w.T.astype(float), 0)
    np.testing.assert_allclose(e.attribution.sum(1), h[:, 0], atol=1e-12)


@pytest.mark.parametrize("method", [*LRP, "gradient", "guided_backprop", "deconvnet", "deeplift"])
def test_rows_do_not_touch_each_other(method):
    """A row's explanation is the same alone, in a batch and in another order."""
    model = digits()
    x = np.concatenate([model.preprocess(Image.open(path)) for path in DIGITS[:4]])
    explainer = ox.Explainer(model, method)
    together, order = explainer(x), [2, 0, 3, 1]
    shuffled = explainer(x[order])
    scale = np.abs(together.attribution).max()
    np.testing.assert_allclose(shuffled.attribution, together.attribution[order], rtol=0, atol=2e-6 * scale)
    for i in range(4):
        alone = explainer(x[i : i + 1])
        np.testing.assert_allclose(alone.attribution[0], together.attribution[i], rtol=0, atol=2e-6 * scale)


@cache
def exact(name):
    return digits(name, precision="float64")


@pytest.mark.parametrize("method", [*LRP, "gradient", "deconvnet", "guided_backprop", "deeplift"])
def test_the_same_weights_from_pytorch_and_keras_explain_alike(method):
    """NCHW from PyTorch with its BatchNorm, NHWC from Keras folded by its exporter: one network, one explanation."""
    torch, keras = exact("digits_cnn_torch"), exact("digits_cnn_keras")
    for path in DIGITS[::3]:
        a, b = (ox.explain(model, path, method) for model in (torch, keras))
        assert a.target == b.target
        assert relative(b.attribution.reshape(a.attribution.shape), a.attribution) < 1e-5


def test_the_second_call_taps_less_and_says_the_same():
    """The first walk notes what it reads; later runs ask for that only."""
    model = digits(engine="numpy")
    explainer = ox.Explainer(model, "lrp.epsilon_plus_flat")
    first, second = explainer(DIGITS[3]), explainer(DIGITS[3])
    (reads,) = explainer.method.engine.inner._reads.values()
    assert reads.values < set(explainer.method.engine.inner._candidates(explainer.plan))
    np.testing.assert_allclose(second.attribution, first.attribution, atol=1e-6 * np.abs(first.attribution).max())


def test_neither_the_file_nor_a_given_proto_changes(tmp_path):
    import onnx

    model, x = relu_cnn()
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    before, bytes_before = model.SerializeToString(deterministic=True), path.read_bytes()
    for source in (model, path):
        ox.explain(ox.load(source), x, "lrp.epsilon")
    assert model.SerializeToString(deterministic=True) == before
    assert path.read_bytes() == bytes_before


def test_the_box_takes_its_bounds_per_channel_from_the_preprocessing_in_either_layout():
    """The same network behind channels first and channels last, the latter by a Transpose in front, as Keras does."""
    w, head = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype("f"), np.ones((4, 2), "f")
    first = [node("Conv", "t w", "c"), node("GlobalAveragePool", "c", "p"), node("Flatten", "p", "f")]
    nodes = [*first, node("MatMul", "f head", "y")]
    steps = {"scale": 1 / 255, "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4], "colour": "rgb"}
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (6, 6, 3), np.uint8))
    maps = {}
    for perm, shape in (([0, 1, 2, 3], (1, 3, 6, 6)), ([0, 3, 1, 2], (1, 6, 6, 3))):
        model = network([node("Transpose", "x", "t", perm=perm), *nodes], shape, {"w": w, "head": head})
        maps[shape] = ox.explain(ox.load(model, preprocess=steps), picture, "lrp.epsilon_gamma_box").relevance
    np.testing.assert_allclose(*maps.values(), rtol=1e-5)


def normalised(layout):
    """A convolution of (x - μ) / σ, one σ negative: μ and σ in nodes, or folded into its weight and bias."""
    rng = np.random.default_rng(0)
    mean, std = rng.normal(size=(3, 1, 1)).astype("f"), np.array([0.5, -2.0, 3.0], "f").reshape(3, 1, 1)
    w, b, head = (rng.normal(size=shape).astype("f") for shape in ((4, 3, 3, 3), (4,), (4, 2)))
    rest = [
        node("Relu", "c", "r"),
        node("GlobalAveragePool", "r", "p"),
        node("Flatten", "p", "f"),
        node("MatMul", "f head", "y"),
    ]
    if layout == "folded":
        weights = {"w": w / std, "b": b - (w * mean / std).sum((1, 2, 3)), "head": head}
        return network([node("Conv", "x w b", "c"), *rest], (2, 3, 6, 5), weights)
    weights = {"mean": mean, "std": std, "w": w, "b": b, "head": head}
    if layout == "channels first":
        front, shape = [node("Sub", "x mean", "m"), node("Div", "m std", "z")], (2, 3, 6, 5)
    else:
        weights |= {name: weights[name].reshape(3) for name in ("mean", "std")}
        front, shape = [node("Sub", "x mean", "m"), node("Div", "m std", "d")], (2, 6, 5, 3)
        front.append(node("Transpose", "d", "z", perm=[0, 3, 1, 2]))
    return network([*front, node("Conv", "z w b", "c"), *rest], shape, weights)


@pytest.mark.parametrize("layout", ["channels first", "channels last"])
@pytest.mark.parametrize(
    ("method", "bounds"),
    [
        ("lrp.epsilon_plus_flat", {}),
        ("lrp.epsilon_alpha2_beta1_flat", {}),
        ("lrp.epsilon_gamma_box", {"low": -3.0, "high": 4}),
    ],
)
def test_a_normalisation_in_the_file_is_as_good_as_folded(method, bounds, layout):
    """What the first layer gives to its input is the input's; bounds are those of the input before it."""
    x = np.random.default_rng(1).uniform(-3, 4, (2, 3, 6, 5)).astype("f")
    wanted = ox.explain(ox.load(normalised("folded")), x, method, 1, **bounds).attribution
    turned = x if layout == "channels first" else x.transpose(0, 2, 3, 1)
    got = ox.explain(ox.load(normalised(layout)), turned, method, 1, **bounds).attribution
    got = got if layout == "channels first" else got.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("name", ["wine_mlp_torch", "digits_mlp_sklearn", "digits_linear_sklearn"])
def test_the_default_method_explains_the_score_of_a_table(name):
    """Column by column, and not by the distance of each from its mean, which is a matter of its unit."""
    x = np.load(
        BUNDLED
        / f"{'wine' if name.startswith('wine') else 'digits'}_sample{'' if name.startswith('wine') else 's'}.npy"
    )
    e = ox.explain(ox.load(BUNDLED / f"{name}.onnx"), x)
    assert (np.abs(e.delta) < np.abs(e.score)).all()
    assert (np.ptp(e.attribution, axis=1) > 0.1 * np.abs(e.score)).all()
