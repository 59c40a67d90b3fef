"""What walks compute between convolutions stays in the blocked layout, and is what it would be in any other."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from calls import normal
from engines.tracing import check, trace

from onnxplain.engines.window import Window

WINDOW = Window.resolve((6, 5), (3, 3), {"pads": [1, 1, 1, 1]})
X, R = normal(7, 16, 6, 5), normal(7, 16, 6, 5, seed=2)
W, BIAS = normal(16, 16, 3, 3, seed=1) / 12, normal(16, 1, 1, seed=3)


def conv(f, x, w):
    return f.conv(x, f.const(w), WINDOW, 1)


def adjoint(f, g, w):
    return f.conv_adjoint(g, f.const(w), g, WINDOW, 1)


def silu_gradient(f, x):
    """The gradient of a SiLU between two convolutions."""
    z = conv(f, x, W)
    s = f.sigmoid(z)
    return adjoint(f, adjoint(f, x, W) * (s + z * s * (1 - s)), W)


def z_plus(f, x):
    """LRP's z⁺ rule for a convolution of values of both signs, with its bias."""
    x = conv(f, x, W)
    above, below = f.maximum(x, 0), f.minimum(x, 0)
    up, down = np.maximum(W, 0), np.minimum(W, 0)
    z = conv(f, above, up) + conv(f, below, down) + f.const(np.maximum(BIAS, 0))
    share = f.ratio(f.const(R[:1]), z, 0.25)
    return above * adjoint(f, share, up) + below * adjoint(f, share, down)


def of_positive_values(f, x):
    """The same rule for values that are not negative: one convolution, its bias and the stabiliser."""
    above, up = f.maximum(conv(f, x, W), 0), np.maximum(W, 0)
    share = f.ratio(f.const(R[:1]), conv(f, above, up) + f.const(np.maximum(BIAS, 0)), 0.25)
    return above * adjoint(f, share, up)


def optimised(model, folder):
    """How often each operator is there when onnxruntime has optimised a model."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 4
    ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return Counter(each.op_type for each in onnx.load(folder / "optimised.onnx").graph.node)


@pytest.fixture
def graph(tmp_path):
    """Return a function that counts the operators of what onnxruntime makes of another one, in the blocked layout."""
    if not optimised(trace(lambda f, x: conv(f, x, W), X)[0], tmp_path)["ReorderOutput"]:
        pytest.skip("onnxruntime does not put a convolution into the blocked layout, or does not say so, here")
    return lambda function: optimised(trace(function, X)[0], tmp_path)


@pytest.mark.parametrize("function", [silu_gradient, z_plus, of_positive_values])
def test_it_is_what_numpy_computes(function):
    check(function, X, atol=2e-5)


def test_the_gradient_of_a_silu_leaves_the_blocked_layout_at_its_end_alone(graph):
    found = graph(silu_gradient)
    assert found["ReorderOutput"] == 1
    assert not {"Sub", "Where"} & set(found)


def test_a_bias_and_the_stabiliser_are_one_bias(graph):
    assert graph(of_positive_values)["Add"] == 0


def test_the_z_plus_rule_leaves_it_for_its_quotient_alone(graph):
    found = graph(z_plus)
    assert found["ReorderOutput"] == 2  # of the denominator, and at the end
    assert not {"Min", "Where", "GreaterOrEqual"} & set(found)
