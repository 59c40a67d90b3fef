"""What is known of the signs of values, which decides whether a quantiser stands for a ReLU."""

import numpy as np
import onnx_graphsurgeon as gs
import pytest

from onnxplain.passes.quantised.walked import _is_nonnegative


@pytest.mark.parametrize(("first", "sign"), [("Relu", True), ("Tanh", False)])
def test_the_ways_through_many_residual_branches_are_not_gone_one_by_one(first, sign):
    """There are 2^64 of them."""
    value = gs.Variable("start", np.float32)
    gs.Node(first, inputs=[gs.Variable("x", np.float32)], outputs=[value])
    for depth in range(64):
        total = gs.Variable(f"sum_{depth}", np.float32)
        gs.Node("Add", inputs=[value, value], outputs=[total])
        value = total
    assert _is_nonnegative(value, {}) is sign
