"""RevealCancel against the paper's toy, its authors' figures, and a replica of its formulas on dense matrices."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from method.test_graphs import GRAPHS, case
from nets import BUNDLED, DIGITS, ROOT, digits, network, node, relu_cnn

import onnxplain as ox

REVEAL = "deeplift.reveal_cancel"


def explain(model, x, method=REVEAL, precision="float64", **options):
    return ox.explain(ox.load(model, precision=precision), np.asarray(x, "f"), method, **options)


# --- published figures --------------------------------------------------------------------------------------------


def minimum():
    """min(a, b) = a - relu(a - b), of a = x[0] and b = x[1]: figure 3 of Shrikumar et al. 2017."""
    nodes = [
        node("Gemm", "x w", "h", transB=1),
        node("Relu", "h", "r"),
        node("Concat", "x r", "c", axis=1),
        node("Gemm", "c v", "y", transB=1),
    ]
    return network(nodes, (1, 2), {"w": np.array([[1, -1]], "f"), "v": np.array([[1, 0, -1]], "f")})


@pytest.mark.parametrize("x", [(3, 1), (1, 3), (2, 2), (5, 0.5)])
def test_both_inputs_of_a_minimum_share_its_credit(x):
    np.testing.assert_allclose(explain(minimum(), [x]).attribution, [[min(x) / 2] * 2], rtol=1e-12)


def test_rescale_gives_the_credit_of_a_minimum_to_one_input():
    np.testing.assert_allclose(explain(minimum(), [(3, 1)], "deeplift").attribution, [[0, 1]], atol=1e-12)


def test_the_figures_of_the_authors_own_test():
    """test_revealcancel_dense.py of kundajelab/deeplift: one ReLU of 1 + x·(1, -2, -3, 4) at (-1, -1, 1, 1) from 0."""
    w, x = np.array([[1, -2, -3, 4]], "f"), np.array([[-1, -1, 1, 1]], "f")
    model = network(
        [node("Gemm", "x w b", "h", transB=1), node("Relu", "h", "y")], x.shape, {"w": w, "b": np.ones(1, "f")}
    )
    up, down = 4.5 / 6, 2.5 / 4
    np.testing.assert_allclose(explain(model, x).attribution, x * w * [down, up, down, up], rtol=1e-12)


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_the_figures_of_the_authors_library(engine):
    """Conv, ReLU, Flatten, Dense, ReLU, Dense, sigmoid, Dense: by deeplift 0.6.13, see tools/golden_deeplift.py."""
    with np.load(ROOT / "tests" / "golden" / "reveal_cancel.npz") as file:
        figures = dict(file)
    nodes = [
        node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
        node("Conv", "t kernel conv_bias", "c"),
        node("Relu", "c", "r"),
        node("Transpose", "r", "u", perm=[0, 2, 3, 1]),
        node("Flatten", "u", "f"),
        node("Gemm", "f dense0 dense0_bias", "h0"),
        node("Relu", "h0", "r0"),
        node("Gemm", "r0 dense1 dense1_bias", "h1"),
        node("Sigmoid", "h1", "r1"),
        node("Gemm", "r1 dense2 dense2_bias", "y"),
    ]
    weights = {name: figures[name] for name in sorted(figures) if name.startswith(("dense", "conv_"))}
    weights["kernel"] = figures["conv"].transpose(3, 2, 0, 1)
    explainer = ox.Explainer(ox.load(network(nodes, figures["x"].shape, weights), engine=engine), REVEAL)
    for target, wanted in enumerate(figures["contributions"]):
        got = explainer(figures["x"], target, baseline=figures["baseline"]).attribution
        np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())


# --- the formulas, on dense matrices ------------------------------------------------------------------------------


def reveal(f, z0, up, down, m):
    """Multipliers of the two parts; of a part that is 0 the limit, by central differences."""
    above = (f(z0 + up) - f(z0) + f(z0 + down + up) - f(z0 + down)) / 2
    below = (f(z0 + down) - f(z0) + f(z0 + down + up) - f(z0 + up)) / 2
    limit = sum(f(z + 1e-6) - f(z - 1e-6) for z in (z0, z0 + up + down)) / 4e-6
    return tuple(m * np.divide(dy, dz, out=limit.copy(), where=dz != 0) for dy, dz in ((above, up), (below, down)))


def through(A, dx, above, below):
    """The Linear rule: contributions of either sign have the multiplier of their part; half and half where Δx = 0."""
    P, N = np.maximum(A, 0), np.minimum(A, 0)
    rising, falling = P.T @ above + N.T @ below, N.T @ above + P.T @ below
    return np.where(dx > 0, rising, np.where(dx < 0, falling, A.T @ (above + below) / 2))


def replica(layers, f, x, x0, target):
    """Contributions to the target of a perceptron, layers [(A, b), ...], f between them."""
    tape = []
    for A, b in layers:
        tape.append((x, x0))
        z, z0 = A @ x + b, A @ x0 + b
        x, x0 = f(z), f(z0)
    m = layers[-1][0][target]
    for (A, b), (x, x0) in zip(layers[-2::-1], tape[-2::-1], strict=True):
        contributions = A * (x - x0)
        up, down = np.maximum(contributions, 0).sum(1), np.minimum(contributions, 0).sum(1)
        m = through(A, x - x0, *reveal(f, A @ x0 + b, up, down, m))
    return m * (tape[0][0] - tape[0][1])


ACTIVATIONS = {
    "Relu": ({}, lambda z: np.maximum(z, 0)),
    "LeakyRelu": ({"alpha": 0.25}, lambda z: np.where(z > 0, z, z / 4)),
    "Sigmoid": ({}, lambda z: 1 / (1 + np.exp(-z))),
    "Tanh": ({}, np.tanh),
    "Softplus": ({}, lambda z: np.log1p(np.exp(z))),
    "HardSwish": ({}, lambda z: z * np.clip(z / 6 + 0.5, 0, 1)),
}


def draw(rng, *shape):
    return (rng.normal(size=shape) * 1.5 / np.sqrt(shape[-1])).astype("f")


@pytest.mark.parametrize("op", ACTIVATIONS)
def test_a_perceptron_equals_the_formulas(op):
    attrs, f = ACTIVATIONS[op]
    rng, nodes, weights, value = np.random.default_rng(0), [], {}, "x"
    sizes = (9, 14, 12, 11, 4)
    for i, (n, m) in enumerate(pairwise(sizes)):
        weights |= {f"w{i}": draw(rng, m, n), f"b{i}": draw(rng, m)}
        nodes += [node("Gemm", f"{value} w{i} b{i}", f"h{i}", transB=1), node(op, f"h{i}", f"a{i}", **attrs)]
        value = f"a{i}"
    model = network(nodes[:-1], (1, sizes[0]), weights, output="h3")
    x, x0 = rng.normal(size=(2, 6, sizes[0])).astype("f")
    x0[:, 2] = x[:, 2]
    layers = [(weights[f"w{i}"].astype(float), weights[f"b{i}"].astype(float)) for i in range(4)]
    got = explain(model, x, baseline=x0, target=1).attribution
    want = np.stack([replica(layers, f, *rows, 1) for rows in zip(x.astype(float), x0.astype(float), strict=True)])
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-9 * np.abs(want).max())


@pytest.mark.parametrize("rearranged", [False, True])
def test_a_shift_and_a_scale_stand_between_the_sum_and_the_activation(rearranged):
    """MatMul, Add, Mul, Add: as one dense layer, of matrix c A and bias c b + d, also where the sums are rearranged."""
    rng = np.random.default_rng(1)
    A, head = draw(rng, 7, 5), draw(rng, 3, 7)
    # on a coarse grid, so that a pass which merges them rounds nothing
    c, (b, d) = rng.choice(np.array([-2, -0.5, 1, 2], "f"), (1, 7)), np.round(draw(rng, 2, 7) * 64) / 64
    nodes = [
        node("MatMul", "x w", "h"),
        node("Add", "b h", "h1"),
        node("Mul", "h1 c", "h2"),
        *([node("Transpose", "h2", "t", perm=[1, 0, 2]), node("Unsqueeze", "t places", "u")] if rearranged else []),
        node("Add", "u d" if rearranged else "h2 d", "h3"),
        node("Tanh", "h3", "a"),
        *([node("Squeeze", "a places", "v"), node("Transpose", "v", "a1", perm=[1, 0, 2])] if rearranged else []),
        node("Mul", "a1 mask" if rearranged else "a mask", "k"),
        node("ReduceSum", "k axes", "r", keepdims=0),
        node("MatMul", "r head", "y"),
    ]
    mask = np.array([[0], [1]], "f")  # of two tokens the scores read the second
    weights = {
        "w": A.T,
        "b": b,
        "c": c,
        "d": d,
        "head": head.T,
        "mask": mask,
        "axes": np.array([1]),
        "places": np.array([2]),
    }
    model = network(nodes, (1, 2, 5), weights)
    x, x0 = rng.normal(size=(2, 4, 2, 5)).astype("f")
    layers = [(A * c[0][:, None].astype(float), b * c[0].astype(float) + d), (head.astype(float), 0.0)]
    got = explain(model, x, baseline=x0, target=2).attribution
    assert revealed(model) == ["a"]
    rows = zip(x[:, 1].astype(float), x0[:, 1].astype(float), strict=True)
    want = np.stack([replica(layers, np.tanh, *row, 2) for row in rows])
    np.testing.assert_allclose(got[:, 1], want, rtol=0, atol=1e-9 * np.abs(want).max())
    np.testing.assert_array_equal(got[:, 0], 0)


def test_a_sum_of_two_activations_is_a_linear_node():
    """everywhere=True, y = V tanh(x + tanh(A x)): the sum is the matrix [1 1] on both terms."""
    rng = np.random.default_rng(2)
    A, V = draw(rng, 6, 6), draw(rng, 3, 6)
    nodes = [
        node("Gemm", "x A", "h", transB=1),
        node("Tanh", "h", "t"),
        node("Add", "x t", "s"),
        node("Tanh", "s", "u"),
    ]
    model = network([*nodes, node("Gemm", "u V", "y", transB=1)], (1, 6), {"A": A, "V": V})
    x, x0 = rng.normal(size=(2, 5, 6)).astype("f")
    e = explain(model, x, baseline=x0, target=0, everywhere=True)
    A, V, both = A.astype(float), V.astype(float), np.hstack([np.eye(6)] * 2)
    for got, row, still in zip(e.attribution, x.astype(float), x0.astype(float), strict=True):
        terms, before = np.r_[row, np.tanh(A @ row)], np.r_[still, np.tanh(A @ still)]
        moved = terms - before
        parts = np.maximum(both * moved, 0).sum(1), np.minimum(both * moved, 0).sum(1)
        m = through(both, moved, *reveal(np.tanh, both @ before, *parts, V[0]))
        contributions = A * (row - still)
        parts = np.maximum(contributions, 0).sum(1), np.minimum(contributions, 0).sum(1)
        inner = through(A, row - still, *reveal(np.tanh, A @ still, *parts, m[6:]))
        want = (m[:6] + inner) * (row - still)
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-9 * np.abs(want).max())


# --- laws, and where it applies -----------------------------------------------------------------------------------

# "rearranged" resizes: runtimes place its pixels in float32 and so does the adjoint, while the float64 evaluator places
# them in float64, which leaves 4e-7 of the score between them for every method
NETWORKS = {name: lambda name=name: case(name) for name in GRAPHS if name != "rearranged"} | {
    "relu_cnn": relu_cnn,
    "digits": lambda: (BUNDLED / "digits_cnn_torch.onnx", None),
    "dynamo": lambda: (BUNDLED / "digits_cnn_dynamo.onnx", None),
    "sklearn": lambda: (BUNDLED / "digits_mlp_sklearn.onnx", np.load(BUNDLED / "digits_samples.npy")[:4]),
    "wine": lambda: (BUNDLED / "wine_mlp_torch.onnx", np.load(BUNDLED / "wine_sample.npy")),
}


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_contributions_sum_to_the_difference_of_the_scores(name, everywhere):
    source, x = NETWORKS[name]()
    if x is None:
        x = np.stack([digits().preprocess(DIGITS[i])[0] for i in (1, 7)])
    e = explain(source, x, target=1, baseline=0.1, everywhere=everywhere)
    still = explain(source, np.full_like(x, 0.1), target=1)
    sums = e.attribution.reshape(len(x), -1).sum(1)
    np.testing.assert_allclose(sums, e.score - still.score, rtol=0, atol=1e-9 * (1 + np.abs(e.score).max()))


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_float32_agrees_with_float64(engine, everywhere):
    model, x = relu_cnn()
    single = ox.explain(ox.load(model, engine=engine), x, REVEAL, target=1, everywhere=everywhere, baseline=0.2)
    exact = explain(model, x, target=1, everywhere=everywhere, baseline=0.2)
    np.testing.assert_allclose(single.attribution, exact.attribution, atol=1e-5 * np.abs(exact.attribution).max())


def revealed(model, **options):
    plan = ox.Explainer(ox.load(model), REVEAL, **options).plan
    return [name for name, _, _, rule in plan.rows() if rule.startswith("RevealCancel")]


def test_it_applies_behind_dense_layers_or_everywhere():
    rng = np.random.default_rng(0)
    nodes = [
        node("Conv", "x w", "c"),
        node("Relu", "c", "behind_conv"),
        node("MaxPool", "behind_conv", "p", kernel_shape=[2, 2]),
        node("Tanh", "p", "behind_pool"),
        node("Flatten", "behind_pool", "f"),
        node("Gemm", "f v", "g", transB=1),
        node("Exp", "g", "no_activation"),
        node("Gemm", "f v", "g2", transB=1),
        node("Gelu", "g2", "behind_dense"),
        node("Add", "no_activation behind_dense", "s"),
        node("Sigmoid", "s", "behind_sum"),
        node("Gemm", "behind_sum head", "y", transB=1),
    ]
    weights = {"w": draw(rng, 3, 2, 3, 3), "v": draw(rng, 5, 12), "head": draw(rng, 2, 5)}
    model = network(nodes, (1, 2, 6, 6), weights)
    assert revealed(model) == ["behind_dense"]
    assert revealed(model, everywhere=True) == ["behind_conv", "behind_dense", "behind_sum"]
    assert revealed(model, everywhere=True, layer="c") == ["behind_dense", "behind_sum"]
