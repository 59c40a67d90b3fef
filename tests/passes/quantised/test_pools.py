"""What rounding made equal: the pool of it, and the gate of a ReLU that a quantiser stands for."""

import warnings

import numpy as np
import pytest
from nets import SHARED, network, node
from passes.quantised.files import static

import onnxplain as ox
from onnxplain.plan.selector import op

torch = pytest.importorskip("torch", reason="the gradient is compared with PyTorch's autograd")
RNG = np.random.default_rng(5)
STEP = np.float32(0.5)
NEAR = (RNG.integers(-3, 4, (2, 3, 8, 8)) * STEP + RNG.uniform(-0.24, 0.24, (2, 3, 8, 8))).astype("f")
"""Values that are rounded to seven different ones, so that most windows hold the largest of them twice."""
POOL = {"kernel_shape": [3, 3], "strides": [2, 2]}
FORMS = {
    "of floats": [
        node("QuantizeLinear", "x s z", "q"),
        node("DequantizeLinear", "q s z", "d"),
        node("MaxPool", "d", "p", **POOL),
    ],
    "of integers": [
        node("QuantizeLinear", "x s z", "q"),
        node("MaxPool", "q", "i", **POOL),
        node("DequantizeLinear", "i s z", "p"),
    ],
    "of floats, turned": [
        node("Transpose", "x", "t", perm=[0, 2, 3, 1]),
        node("QuantizeLinear", "t s z", "q"),
        node("DequantizeLinear", "q s z", "d"),
        node("Transpose", "d", "u", perm=[0, 3, 1, 2]),
        node("MaxPool", "u", "p", **POOL),
    ],
}


def pooled(form):
    """A pool of quantised values, and random sums of what it makes."""
    weights = {"s": STEP, "z": np.int8(0), "w": RNG.normal(size=(27, 4)).astype("f")}
    nodes = [*FORMS[form], node("Flatten", "p", "f"), node("MatMul", "f w", "y")]
    return network(nodes, NEAR.shape, weights, opset=21), weights["w"]


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
@pytest.mark.parametrize("form", FORMS)
def test_of_equal_integers_that_wins_which_was_the_largest(form, engine):
    model, w = pooled(form)
    x = torch.tensor(NEAR, requires_grad=True)
    scores = torch.nn.functional.max_pool2d(x, 3, 2).flatten(1) @ torch.tensor(w)
    (want,) = torch.autograd.grad(scores[:, 1].sum(), x)
    e = ox.explain(ox.load(model, engine=engine), NEAR, "gradient", target=1)
    np.testing.assert_allclose(e.attribution, want.numpy(), atol=1e-6)
    assert e.parity.difference == 0


@pytest.mark.parametrize("form", FORMS)
def test_deeplift_completes_behind_ties(form):
    e = ox.explain(ox.load(pooled(form)[0]), NEAR, "deeplift", target=1, baseline=NEAR[::-1].copy())
    assert np.abs(e.delta).max() < 1e-5 * np.abs(e.prediction).max()


def test_a_selector_of_maxpool_finds_it():
    from onnxplain.method.backward import GRADIENT
    from onnxplain.rules.gradient import route

    mine = ox.Composite(GRADIENT, ((op("MaxPool"), route),))
    with warnings.catch_warnings(action="error"):  # what a selector that matches nothing would warn of
        plan = ox.Explainer(ox.load(static("qdq")), mine).plan
    assert [node.op.full_name for node, _ in plan.steps if node.op.name == "MaxPool"] == ["onnxplain::MaxPool"]


def test_the_gate_of_a_dropped_relu_is_that_of_the_relu():
    """The range begins at 0: what lies less than half a step beside 0 is rounded to it, whichever side it is on."""
    nodes = [
        node("MatMul", "x w", "m"),
        node("QuantizeLinear", "m s z", "q"),
        node("DequantizeLinear", "q s z", "d"),
        node("MatMul", "d v", "y"),
    ]
    given = {"w": -np.eye(4, dtype="f"), "v": np.ones((4, 2), "f"), "s": STEP, "z": np.uint8(0)}
    x = np.float32([[0.2, 0.0, -0.2, -0.3]])
    e = ox.explain(ox.load(network(nodes, (1, 4), given, opset=21)), x, "gradient", target=0)
    assert e.attribution.tolist() == [[0, 0, -1, -1]]


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"real models are not at {SHARED}")
def test_a_real_network_in_int8_has_the_gradient_of_its_float_twin_more_nearly():
    """With the first of equal integers the winner of each pool, the maps would correlate at 0.74."""
    picture = SHARED / "images/photos/goldfish.jpg"
    files = ("exported/squeezenet1.1-qdq-int8.onnx", "exported/squeezenet1.1-fp32-ts9.onnx")
    maps = [
        ox.explain(ox.load(SHARED / each, preprocess="imagenet"), picture, "gradient", target=1).attribution.ravel()
        for each in files
    ]
    assert np.corrcoef(*maps)[0, 1] > 0.8
