"""Files whose operators do not tell where the rows are: running them does, on the inputs of the first call."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError

W = np.random.default_rng(0).normal(size=(4, 3)).astype("f")
X = np.random.default_rng(1).normal(size=(3, 4)).astype("f")

GIVEN = {"x": X, "times": 2}


def looped(inner, rows="N"):
    """y = x w, and then a loop as long as an input says: h = h + e + i in step i. The nodes `inner` make e of h."""
    step = [
        helper.make_node("Add", ["h", "e"], ["sum"]),
        helper.make_node("Cast", ["i"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["sum", "number"], ["g"]),
    ]
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"]), *inner, *step],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info("h", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("d", TensorProto.BOOL, []),
            helper.make_tensor_value_info("g", TensorProto.FLOAT, None),
        ],
    )
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["s"]),
        helper.make_node("Loop", ["times", "", "s"], ["y"], body=body),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 4]),
            helper.make_tensor_value_info("times", TensorProto.INT64, []),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(W, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


APART = [helper.make_node("Tanh", ["h"], ["e"])]
MIXED = [helper.make_node("CumSum", ["h", "one"], ["e"])]
ONE = helper.make_node("Constant", [], ["one"], value=onnx.numpy_helper.from_array(np.array(0)))


@pytest.mark.parametrize("rows", ["N", 3])
def test_rows_that_are_apart_in_a_run_are_explained(rows):
    """Occlusion of one column is the drop of the score without it."""
    e = ox.explain(ox.load(looped(APART, rows)), GIVEN, "occlusion", target=1, window=1, stride=1)
    assert e.attribution.shape == X.shape

    def score(x):
        h = x @ W
        for i in range(2):
            h = h + np.tanh(h) + i
        return h[:, 1]

    np.testing.assert_allclose(e.prediction[:, 1], score(X), rtol=1e-5)
    for i in range(4):
        without = np.where(np.arange(4) == i, 0, X).astype("f")
        np.testing.assert_allclose(e.attribution[:, i], score(X) - score(without), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", ["N", 3])
@pytest.mark.parametrize("given", [X, X[:1], np.ones((1, 4), "f")])
def test_rows_that_change_one_another_in_a_run_are_refused(rows, given):
    with pytest.raises(UnsupportedModelError, match="'y' does not hold the rows"):
        ox.explain(ox.load(looped([ONE, *MIXED], rows)), {"x": given, "times": 2}, "occlusion", target=1)


def test_a_model_is_asked_once(monkeypatch):
    from onnxplain.rows import probe

    seen = []
    monkeypatch.setattr(probe, "_runner", lambda *given, own=probe._runner: seen.append(1) or own(*given))
    loaded = ox.load(looped(APART))
    for method in ("occlusion", "lime"):
        ox.explain(loaded, GIVEN, method, target=1)
    assert seen == [1]


def test_equal_rows_that_get_other_scores_in_a_run_are_refused_where_the_first_row_hides_it():
    """The place of a row counts from its second entry on, which is 0 in the first row."""
    by_place = [helper.make_node("Where", ["places", "h", "zero"], ["e"])]
    constants = {"places": np.tril(np.ones((2, 3), bool)), "zero": np.float32(0)}
    held = [helper.make_node("Constant", [], [n], value=onnx.numpy_helper.from_array(v)) for n, v in constants.items()]
    hidden = np.linalg.lstsq(W.T, np.array([1.0, 0, 0]), rcond=None)[0].astype("f")
    given = np.stack([hidden, X[1]])
    with pytest.raises(UnsupportedModelError, match="'y' does not hold the rows"):
        ox.explain(ox.load(looped([*held, *by_place], 2)), {"x": given, "times": 1}, "occlusion", target=1)
