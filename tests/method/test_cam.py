"""Class activation maps: each against its paper's formula in float64, and where they lie in the input."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from nets import DIGITS, digits, network, node, relu_cnn
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import onnxplain as ox
from onnxplain.errors import NumericalError, UnsupportedModelError, UsageError

CAMS = ("cam", "grad_cam", "grad_cam_pp", "layer_cam", "hires_cam", "xgrad_cam", "score_cam", "ablation_cam",
        "eigen_cam", "guided_grad_cam")  # fmt: skip
K, CLASSES = 5, 3
SIZES = {1: (12,), 2: (7, 6), 3: (4, 5, 3)}


def load(model, **options):
    return ox.load(model, precision="float64", **options)


def draw(*shape, seed=0):
    return (np.random.default_rng(seed).normal(size=shape) / 2).astype("f")


def conv_net(rank, pooled=False, **options):
    """Conv, ReLU "r", then a dense layer over all of it, or over the mean of each channel: G is its weights."""
    sizes = SIZES[rank]
    w, v = draw(K, 2, *[3] * rank, seed=1), draw(CLASSES, K if pooled else K * int(np.prod(sizes)), seed=2)
    b = draw(CLASSES, seed=3)
    end = [node("GlobalAveragePool", "r", "g")] if pooled else []
    nodes = [
        node("Conv", "x w", "c", pads=[1] * 2 * rank),
        node("Relu", "c", "r"),
        *end,
        node("Flatten", "g" if pooled else "r", "f"),
        node("Gemm", "f v b", "y", transB=1),
    ]
    return network(nodes, (1, 2, *sizes), {"w": w, "v": v, "b": b}), w, v, b, draw(3, 2, *sizes, seed=4)


def activations(x, w):
    """r of x [N, C, *sizes], in float64."""
    rank = x.ndim - 2
    padded = np.pad(x.astype(float), [(0, 0), (0, 0), *[(1, 1)] * rank])
    windows = sliding_window_view(padded, [3] * rank, range(2, 2 + rank))
    grid, kernel = "ghi"[:rank], "xyz"[:rank]
    return np.maximum(np.einsum(f"nc{grid}{kernel},kc{kernel}->nk{grid}", windows, w.astype(float)), 0)


def resized(maps, sizes):
    """ONNX's Resize, linear with half-pixel centres, by the reference evaluator in float64."""
    graph = helper.make_graph(
        [helper.make_node("Resize", ["x", "", "", "s"], ["y"], mode="linear")],
        "resize",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, None)],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)],
        [onnx.numpy_helper.from_array(np.array([len(maps), *sizes]), "s")],
    )
    return ReferenceEvaluator(helper.make_model(graph)).run(None, {"x": maps.astype(float)})[0]


def grad_cam(A, G):
    return sum(G[k].mean() * A[k] for k in range(K))


def grad_cam_pp(A, G):
    """The paper's α from second and third derivatives; those of the exponential, without its own factor."""
    weights = []
    for k in range(K):
        below = 2 * G[k] ** 2 + A[k].sum() * G[k] ** 3
        weights.append((G[k] ** 2 / below * np.maximum(G[k], 0)).sum())
    return sum(w * A[k] for k, w in enumerate(weights))


def xgrad_cam(A, G):
    return sum((G[k] * A[k]).sum() / A[k].sum() * A[k] for k in range(K))


FORMULAS = {
    "xgrad_cam": xgrad_cam,
    "grad_cam": grad_cam,
    "grad_cam_pp": grad_cam_pp,
    "layer_cam": lambda A, G: sum(np.maximum(G[k], 0) * A[k] for k in range(K)),
    "hires_cam": lambda A, G: sum(G[k] * A[k] for k in range(K)),
}


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("method", FORMULAS)
def test_the_map_is_the_formula(method, rank):
    """Sound, pictures and volumes, where each position has a gradient of its own."""
    model, w, v, _, x = conv_net(rank)
    e = ox.explain(load(model), x, method, target=[0, 1, 2])
    raw = ox.explain(load(model), x, method, target=[0, 1, 2], relu=False).raw
    assert e.record["parameters"]["layer"] == "r"
    for i, A in enumerate(activations(x, w)):
        expected = FORMULAS[method](A, v[i].astype(float).reshape(A.shape))
        np.testing.assert_allclose(raw[i], expected, atol=1e-12)
        np.testing.assert_allclose(e.raw[i], np.maximum(expected, 0), atol=1e-12)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_cam_explains_the_score(rank):
    """The map is the sum of channels by the class's weights, and its mean plus the bias is the score."""
    model, w, v, b, x = conv_net(rank, pooled=True)
    e = ox.explain(load(model), x, "cam", target=1)
    np.testing.assert_allclose(e.raw, np.einsum("nk...,k->n...", activations(x, w), v[1].astype(float)), atol=1e-12)
    np.testing.assert_allclose(e.raw.reshape(3, -1).mean(1) + b[1], e.score, atol=1e-12)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_score_cam_weighs_by_scores_of_masked_inputs(rank):
    model, w, v, b, x = conv_net(rank, pooled=True)
    e = ox.explain(load(model), x, "score_cam", target=2)
    for row, A, found in zip(x.astype(float), activations(x, w), e.raw, strict=True):
        scores = []
        for channel in resized(A, row.shape[1:]):
            mask = (channel - channel.min()) / (channel.max() - channel.min())
            seen = activations((row * mask)[None], w)[0].reshape(K, -1).mean(1)
            scores.append(seen @ v[2] + b[2])
        weights = np.exp(scores) / np.exp(scores).sum()
        np.testing.assert_allclose(found, np.maximum(np.einsum("k...,k->...", A, weights), 0), atol=1e-6)
    assert e.plan is None


@pytest.mark.parametrize("target", [0, 1, 2])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_ablation_cam_weighs_by_what_the_score_loses(rank, target):
    """One score of the three is negative, where a channel that raises it has a positive weight as well."""
    model, w, v, b, x = conv_net(rank)
    e = ox.explain(load(model), x, "ablation_cam", target=target, relu=False)
    for row, found in zip(activations(x, w), e.raw, strict=True):
        score = row.ravel() @ v[target] + b[target]
        lost = [
            score - ((row * (np.arange(K) != k).reshape(K, *[1] * rank)).ravel() @ v[target] + b[target])
            for k in range(K)
        ]
        np.testing.assert_allclose(found, np.einsum("k,k...->...", lost, row) / abs(score), rtol=1e-9, atol=1e-12)
    assert e.plan is None


@pytest.mark.parametrize("centre", [False, True])
def test_eigen_cam_is_the_map_of_most_variance(centre):
    """The largest eigenvalue of the channels' second moments: no other mix of them has larger values in all."""
    model, w, _, _, x = conv_net(2)
    e = ox.explain(load(model), x, "eigen_cam", relu=False, centre=centre)
    other = ox.explain(load(model), x, "eigen_cam", relu=False, centre=centre, target=1)
    np.testing.assert_array_equal(e.raw, other.raw)
    flat = activations(x, w).reshape(3, K, -1)
    flat = flat - flat.mean(2, keepdims=True) if centre else flat
    for A, found in zip(flat, e.raw.reshape(3, -1), strict=True):
        values, vectors = np.linalg.eigh(A @ A.T)
        assert (found**2).sum() == pytest.approx(values[-1])
        assert abs(found @ (vectors[:, -1] @ A)) == pytest.approx(values[-1])
        assert found.max() == np.abs(found).max() and (centre or found.min() >= -1e-12)


def test_score_cam_hides_by_the_baseline():
    """Where the baseline is the input, every channel shows the same, and all weigh alike."""
    model, w, _, _, x = conv_net(2, pooled=True)
    e = ox.Explainer(load(model), "score_cam")(x, baseline=x)
    np.testing.assert_allclose(e.raw, activations(x, w).mean(1), atol=1e-12)


def test_a_constant_channel_of_score_cam_shows_the_baseline():
    """It has no smallest and largest place to bring to 0 and 1; its map is constant too."""
    model, x = relu_cnn()
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.zeros((6, 3, 3, 3), "f"), "w1"))
    e = ox.explain(load(model), x, "score_cam", layer="r1")
    assert np.ptp(e.raw) < 1e-12


def test_guided_grad_cam_is_the_product():
    model, x = relu_cnn()
    guided, cam, both = (ox.explain(load(model), x, m) for m in ("guided_backprop", "grad_cam", "guided_grad_cam"))
    np.testing.assert_allclose(both.attribution, guided.attribution * cam.relevance[:, None], atol=1e-13)
    np.testing.assert_allclose(both.raw, cam.raw, atol=1e-13)


def test_guided_grad_cam_passes_force_on():
    nodes = [
        node("Conv", "x w", "c"),
        node("Tanh", "c", "t"),
        node("GlobalAveragePool", "t", "g"),
        node("Flatten", "g", "y"),
    ]
    model, x = network(nodes, (1, 2, 6, 6), {"w": draw(3, 2, 3, 3)}), draw(1, 2, 6, 6)
    with pytest.raises(UnsupportedModelError, match="Tanh"):
        ox.explain(load(model), x, "guided_grad_cam")
    assert ox.explain(load(model), x, "guided_grad_cam", force=True).raw.shape == (1, 4, 4)


@pytest.mark.parametrize("method", CAMS[:-1])
def test_the_map_is_enlarged_and_shared_by_channels(method):
    """relevance is the raw map by ONNX's Resize, as onnxruntime computes it; each channel has the same part of it."""
    model, x = relu_cnn()
    e = ox.explain(load(model), x, method)
    assert (e.attribution.shape, e.raw.shape) == (x.shape, (3, 5, 4))
    np.testing.assert_allclose(e.relevance, resized(e.raw, (11, 9)), atol=1e-6 * np.abs(e.raw).max())
    for channel in range(3):
        np.testing.assert_allclose(e.attribution[:, channel], e.relevance / 3, atol=1e-14)


@pytest.mark.parametrize("method", CAMS)
def test_engines_agree(method):
    model, x = relu_cnn()
    exact = ox.explain(load(model), x, method, target=1)
    for engine in ("numpy", "onnxruntime"):
        e = ox.explain(ox.load(model, engine=engine), x, method, target=1)
        assert e.attribution.dtype == e.raw.dtype == np.float32
        for a, b in ((e.attribution, exact.attribution), (e.raw, exact.raw)):
            np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max())


@pytest.mark.parametrize("method", CAMS)
def test_rows_do_not_touch_each_other(method):
    model, x = relu_cnn()
    explainer = ox.Explainer(load(model), method)
    whole = explainer(x, [2, 0, 1])
    alone = explainer(x[1:2], 0)
    np.testing.assert_allclose(alone.attribution[0], whole.attribution[1], atol=1e-13)
    assert whole.target.tolist() == [2, 0, 1] and whole.delta is None
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    np.testing.assert_allclose(ox.explain(load(model), x, method, [2, 0, 1]).raw, whole.raw, atol=1e-13)


def test_neurons_labels_and_seeds():
    model, x = relu_cnn()
    loaded = load(model, labels=["a", "b", "c", "d"])
    by_name, by_index = (ox.explain(loaded, x, "grad_cam", target) for target in ("c", 2))
    np.testing.assert_array_equal(by_name.raw, by_index.raw)
    inner = ox.explain(loaded, x, "grad_cam", ox.Neuron("c2", 1, (0, 0)), layer="p1")
    assert inner.raw.shape == (3, 5, 4)
    contrast = ox.explain(loaded, x, "cam", 2, seed="contrast").raw
    parts = [ox.explain(loaded, x, "cam", c).raw for c in range(4)]
    np.testing.assert_allclose(contrast, parts[2] - (parts[0] + parts[1] + parts[3]) / 3, atol=1e-12)


def test_raw_is_saved(tmp_path):
    e = ox.explain(digits(), DIGITS[3], "grad_cam")
    e.save(tmp_path / "map.npz")
    e.save(tmp_path / "map.png")
    with np.load(tmp_path / "map.npz") as file:
        np.testing.assert_array_equal(file["raw"], e.raw)


@pytest.mark.parametrize(
    ("method", "given", "says"),
    [
        ("grad_cam", {"layer": "f"}, r"layer 'f' has shape .*; expected \[N, K, \.\.\.\]"),
        ("grad_cam", {"layer": "r22"}, "no value 'r22'; the nearest names: 'r2'"),
        ("grad_cam", {"steps": 3}, "no parameter 'steps'; it takes: relu"),
        ("guided_grad_cam", {"steps": 3}, "no parameter 'steps'"),
        ("cam", {"target": ox.Neuron("c2", 1)}, "'cam' explains a class"),
    ],
)
def test_errors_say_what_was_expected(method, given, says):
    model, x = relu_cnn()
    with pytest.raises(UsageError, match=says):
        ox.explain(load(model), x, method, **given)


def test_a_score_that_is_no_number_is_named():
    """The logarithm of what a ReLU leaves is -inf."""
    pooled = [
        node("Conv", "x w", "c"),
        node("Relu", "c", "r"),
        node("GlobalAveragePool", "r", "g"),
        node("Flatten", "g", "f"),
    ]
    model = network([*pooled, node("Log", "f", "y")], (1, 2, 6, 6), {"w": draw(5, 2, 3, 3)})
    with pytest.raises(NumericalError, match=r"begins at Log \(node 'y'\)"):
        ox.explain(load(model), np.ones((1, 2, 6, 6), "f"), "score_cam")


def test_token_ids_cannot_be_dimmed():
    ids = [helper.make_tensor_value_info("x", TensorProto.INT64, ["N", 4])]
    weights = {"table": draw(9, 3), "w": draw(5, 3, 1), "v": draw(5, 2)}
    nodes = [
        node("Gather", "table x", "e"),
        node("Transpose", "e", "t", perm=[0, 2, 1]),
        node("Conv", "t w", "c"),
        node("Relu", "c", "r"),
        node("GlobalAveragePool", "r", "g"),
        node("Flatten", "g", "f"),
        node("MatMul", "f v", "y"),
    ]
    model, x = load(network(nodes, (1, 4), weights, inputs=ids)), np.array([[1, 2, 3, 4]])
    with pytest.raises(UsageError, match="int64 values, such as token ids"):
        ox.explain(model, x, "score_cam")
    e = ox.explain(model, x, "grad_cam")
    np.testing.assert_allclose(e.attribution, e.raw, atol=1e-15)
