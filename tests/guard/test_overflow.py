"""Scores beyond float16: the file's own are infinite, where those in float32 are finite."""

import numpy as np
import pytest
from graph.test_half import in_type
from nets import node
from onnx import TensorProto

import onnxplain as ox
from onnxplain.errors import NumericalError

W = np.eye(4, 3).astype(np.float16)
FINE, BEYOND = np.full((1, 4), 2, "f"), np.full((1, 4), 300, "f")
SQUARED = [node("Mul", "x x", "s"), node("MatMul", "s w", "y")]


def squares():
    return ox.load(in_type(TensorProto.FLOAT16, SQUARED, {"w": W}))


@pytest.mark.parametrize("method", ["gradient", "deeplift", "integrated_gradients", "occlusion"])
@pytest.mark.parametrize("row", [0, 3])
def test_a_row_beyond_float16_is_refused_wherever_it_stands(method, row):
    """Only the first two rows are compared with the file; 300 squared is no number of float16."""
    x = np.concatenate([FINE] * 5)
    x[row] = BEYOND
    with pytest.raises(NumericalError, match=rf"row {row}: the file computes in float16, .* 3 of its own .* scores"):
        ox.explain(squares(), x, method, target=0)


def test_what_float16_holds_is_explained():
    e = ox.explain(squares(), np.concatenate([FINE] * 5), "gradient", target=0)
    assert e.attribution[4].tolist() == [4, 0, 0, 0]


def test_a_row_of_a_later_call_is_seen_too():
    explainer = ox.Explainer(squares(), "gradient")
    explainer(FINE, 0)
    with pytest.raises(NumericalError, match="row 0: the file computes in float16"):
        explainer(BEYOND, 0)


def test_the_graph_alone_is_explained_where_that_is_asked():
    model = ox.load(in_type(TensorProto.FLOAT16, SQUARED, {"w": W}), parity="never")
    assert ox.explain(model, BEYOND, "gradient", target=0).score == 90000


def test_scores_beyond_float16_behind_a_softmax_are_refused():
    nodes = [node("Mul", "x x", "s"), node("MatMul", "s w", "z"), node("Softmax", "z", "y", axis=1)]
    model = ox.load(in_type(TensorProto.FLOAT16, nodes, {"w": W * np.float16([1, 0.5, 0.25])}))
    with pytest.raises(NumericalError, match=r"ends at 65504, and scores reach 9e\+04 in float32"):
        ox.explain(model, BEYOND, "gradient")
