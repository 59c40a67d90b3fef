"""Against figures of PyTorch, captum and zennit that tools/golden.py wrote; none of them needs to be here."""

from __future__ import annotations

import json

import numpy as np
import pytest
from nets import ROOT, digits, network, node

import onnxplain as ox

GOLDEN = ROOT / "tests" / "golden"
NETWORKS = ("digits_cnn", "plain_cnn")
CAPTUM = ("input_x_gradient", "guided_backprop", "deconvnet", "deeplift")
ZENNIT = (
    "lrp.epsilon", "lrp.gamma", "lrp.alpha_beta", "lrp.z_plus", "excitation_backprop", "lrp.epsilon_plus",
    "lrp.epsilon_plus_flat", "lrp.epsilon_alpha2_beta1", "lrp.epsilon_alpha2_beta1_flat",
    "lrp.epsilon_gamma_box",
)  # fmt: skip
METHODS = ("gradient", *CAPTUM, *ZENNIT)
TOLERANCE = {
    "plain_cnn": 1e-12,  # float32 weights, nothing to fold: what is left is rounding in float64
    "digits_cnn": 1e-6,  # its BatchNorms are folded into float32 weights here, into float64 weights there
}


def golden(name):
    with np.load(GOLDEN / f"{name}.npz") as file:
        return dict(file)


def plain_cnn(weights, precision):
    nodes = [
        node("Conv", "x conv1_weight conv1_bias", "c1", pads=[1, 1, 1, 1]),
        node("Relu", "c1", "r1"),
        node("MaxPool", "r1", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "p conv2_weight conv2_bias", "c2", strides=[2, 2]),
        node("Relu", "c2", "r2"),
        node("Flatten", "r2", "f"),
        node("Gemm", "f dense1_weight dense1_bias", "d1", transB=1),
        node("Relu", "d1", "r3"),
        node("Gemm", "r3 dense2_weight dense2_bias", "y", transB=1),
    ]
    initialisers = {k: v.astype("f") for k, v in weights.items() if k.endswith(("_weight", "_bias"))}
    return ox.load(network(nodes, weights["x"].shape, initialisers), precision=precision)


def ours(name, method, figures, precision):
    model = digits(precision=precision) if name == "digits_cnn" else plain_cnn(figures, precision)
    low, high = figures["bounds"]
    special = {"lrp.epsilon_gamma_box": {"low": low, "high": high}, "deeplift": {"baseline": figures["baseline"]}}
    options = special.get(method, {})
    return ox.explain(model, figures["x"].astype("f"), method, target=figures["target"], **options)


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NETWORKS)
def test_float64_equals_the_golden_figures(name, method):
    figures = golden(name)
    e = ours(name, method, figures, "float64")
    assert relative(e.attribution, figures[method]) < TOLERANCE[name]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NETWORKS)
def test_float32_equals_the_golden_figures(name, method):
    figures = golden(name)
    e = ours(name, method, figures, "float32")
    assert relative(e.attribution, figures[method]) < 2e-6


@pytest.mark.parametrize("name", NETWORKS)
def test_the_figures_say_what_made_them(name):
    made = json.loads(str(golden(name)["made"]))
    assert made.keys() == {"captum", "numpy", "torch", "zennit", "script"}
    assert (ROOT / made["script"]).is_file()
