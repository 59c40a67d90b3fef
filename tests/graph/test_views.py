"""Weights that are only moved about: the nodes go, the output stays, and nothing is copied."""

import numpy as np
import onnx
import pytest
from passes.same import RNG, model, run

from onnxplain.graph.runtime import open_session
from onnxplain.graph.views import views
from onnxplain.passes import attach_weights, canonicalise, detach_weights

W = RNG(3).standard_normal((6, 4, 3, 3)).astype("f")
FRONT = -(2**31)
ENDS = {"s": np.array([-1, -1]), "e": np.array([FRONT, FRONT]), "axes": np.array([2, 3]), "step": np.array([-1, -1])}
SOME = {"s": np.array([0, 1]), "e": np.array([9, 3]), "axes": np.array([2, 3]), "step": np.array([2, 1])}
MOVES = {
    "transposed": ("v = Transpose <perm = [1, 0, 2, 3]> (w)", {}),
    "moved round": ("v = Transpose <perm = [2, 0, 3, 1]> (w)", {}),
    "moved to the other end": ("v = Transpose <perm = [3, 2, 1, 0]> (w)", {}),
    "turned": ("t = Transpose <perm = [1, 0, 2, 3]> (w) v = Slice (t, s, e, axes, step)", ENDS),
    "cut": ("v = Slice (w, s, e, axes, step)", SOME),
    "reshaped": ("v = Reshape (w, n)", {"n": np.array([4, -1, 3, 3])}),
}


def named(proto, weight="w"):
    """The proto with one weight named only, and this weight."""
    light, weights = onnx.ModelProto(), {}
    light.CopyFrom(proto)
    for each in light.graph.initializer:
        if each.name == weight:
            weights[weight] = onnx.numpy_helper.to_array(each)
            each.ClearField("raw_data")
            each.data_location = onnx.TensorProto.EXTERNAL
    return light, weights


@pytest.mark.parametrize("move", MOVES)
def test_what_is_moved_is_a_view(move):
    text, constants = MOVES[move]
    proto = model(f"(float[N] x) => (float[K] y) {{ {text} y = Mul (v, x) }}", w=W, **constants)
    light, weights = named(proto)
    found = views(light, weights)
    assert [node.op_type for node in light.graph.node] == ["Mul"]
    assert np.shares_memory(found["v"], weights["w"])
    x = {"x": np.array([2], "f")}
    np.testing.assert_array_equal(open_session(light, found).run(None, x)[0], run(proto, x)[0])


@pytest.mark.parametrize(
    "text",
    [
        "y = Transpose <perm = [1, 0, 2, 3]> (w)",  # an output of the model
        "v = Exp (w) y = Mul (v, x)",  # computed, not moved
        "v = Reshape (w, n) y = Mul (v, x)",  # 0 stands for the weight's own size
        "t = Transpose (w) y = Mul (t, x)",  # an order that is not stated
    ],
)
def test_other_nodes_stay(text):
    light, weights = named(model(f"(float[N] x) => (float[K] y) {{ {text} }}", w=W, n=np.array([0, 4, -1])))
    before = light.SerializeToString(deterministic=True)
    assert views(light, weights).keys() == {"w"}
    assert light.SerializeToString(deterministic=True) == before


def test_a_graph_comes_apart_and_together_again():
    w = RNG(4).standard_normal((4, 5000)).astype("f")
    proto = model("(float[N,4] x) => (float[N,5000] y) { h = MatMul(x, w) y = Add(h, b) }", w=w, b=np.ones(1, "f"))
    graph = canonicalise(proto).graph
    light, weights = detach_weights(graph)
    ((name, values),) = weights.items()
    assert values is graph.tensors()[name].values
    assert light.ByteSize() < w.nbytes / 100
    x = {"x": RNG(5).standard_normal((2, 4)).astype("f")}
    np.testing.assert_array_equal(open_session(light, weights).run(None, x)[0], run(proto, x)[0])
    np.testing.assert_array_equal(run(attach_weights(light, weights), x)[0], run(proto, x)[0])
