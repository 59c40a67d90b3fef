"""Slices, pads and the like that the graph computes from the size of its input: a walk is made for one size anyway."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from nets import network, node
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError

WIDTH = [node("Shape", "x", "s"), node("Gather", "s last", "w"), node("Div", "w two", "half")]
INT, FLOAT = TensorProto.INT64, TensorProto.FLOAT
GRAPHS = {
    "Slice": [*WIDTH, node("Slice", "x nought half last", "c")],
    "Slice backwards": [*WIDTH, node("Neg", "half", "low"), node("Slice", "x minus low last minus", "c")],
    "Pad": [*WIDTH, node("Concat", "seven half", "p", axis=0), node("Pad", "x p", "c", mode="reflect")],
    "Tile": [*WIDTH, node("Concat", "ones half", "r", axis=0), node("Tile", "x r", "c")],
    "Resize by scales": [
        *WIDTH, node("Cast", "w", "f", to=FLOAT), node("Div", "eighteen f", "g"),
        node("Concat", "units g", "scales", axis=0),
        helper.make_node("Resize", ["x", "", "scales"], ["c"], mode="linear"),
    ],
    "Resize to a size": [
        *WIDTH, node("Add", "w half", "more"), node("Slice", "s nought last", "front"),
        node("Concat", "front more", "sizes", axis=0),
        helper.make_node("Resize", ["x", "", "", "sizes"], ["c"], mode="linear"),
    ],
    "Expand and Reshape": [
        *WIDTH, node("Unsqueeze", "x one", "u"), node("Concat", "one half ones", "e", axis=0),
        node("Expand", "u e", "v"), node("Concat", "nought minus w", "r", axis=0), node("Reshape", "v r", "z"),
        node("Tanh", "z", "zt"), node("ReduceMean", "zt one", "m"), node("Unsqueeze", "m one", "mu"),
        node("Mul", "x mu", "c"),
    ],
    "Range": [
        *WIDTH, node("Squeeze", "half", "h"), node("Range", "o h i", "places"), node("Gather", "x places", "c", axis=3),
    ],
    "CumSum and Trilu": [
        *WIDTH, node("Sub", "w half", "k1"), node("Squeeze", "k1", "k"), node("CumSum", "x axis", "u"),
        node("Trilu", "u k", "c"),
    ],
    "Split": [node("Split", "x", "a b", axis=3, num_outputs=2), node("Mul", "a a", "c")],
    "Split by sizes": [*WIDTH, node("Sub", "w half", "rest"), node("Concat", "half rest", "parts", axis=0),
                       node("Split", "x parts", "a b", axis=3), node("Mul", "a a", "c")],
}  # fmt: skip
WEIGHTS = {
    "last": np.array([3]), "two": np.array([2]), "nought": np.array([0]), "minus": np.array([-1]), "one": np.array([1]),
    "seven": np.zeros(7, int), "ones": np.ones(3, int), "eighteen": np.array([18], "f"), "units": np.ones(3, "f"),
    "o": np.array(0), "i": np.array(1), "axis": np.array(3),
}  # fmt: skip


def model(name):
    body = GRAPHS[name]
    used = {each for made in body for each in made.input}
    ends = [node("Tanh", "c", "t"), node("ReduceSum", "t all", "y", keepdims=0)]
    inputs = [helper.make_tensor_value_info("x", FLOAT, ["N", 3, 4, "W"])]
    weights = {key: value for key, value in WEIGHTS.items() if key in used} | {"all": np.array([2, 3])}
    return network([*body, *ends], None, weights, inputs=inputs)


def check_slopes(proto, x, attribution, step=1e-5):
    """The derivative of score 1 along some directions, by central differences of the reference evaluator in float64."""
    evaluator, rng = ReferenceEvaluator(proto), np.random.default_rng(1)
    for _ in range(4):
        v = rng.normal(size=x.shape)
        after, before = (evaluator.run(None, {"x": x + way * step * v})[0][:, 1] for way in (1, -1))
        found = (attribution * v).reshape(len(x), -1).sum(1)
        np.testing.assert_allclose(found, (after - before) / (2 * step), atol=1e-5 * np.abs(attribution).sum())


@pytest.mark.parametrize("name", GRAPHS)
def test_each_size_is_walked(name):
    proto = model(name)
    explainers = [
        ox.Explainer(ox.load(proto, **options), "gradient")
        for options in ({}, {"engine": "numpy"}, {"precision": "float64"})
    ]
    for rows, width in ((2, 6), (1, 9)):
        x = np.random.default_rng(width).normal(size=(rows, 3, 4, width)).astype("f")
        for explainer in explainers:
            check_slopes(proto, x, explainer(x, 1).attribution)


def test_what_depends_on_the_number_of_rows_is_compiled_for_each():
    rows = [node("Shape", "x", "s"), node("Gather", "s nought", "n"), node("Mul", "n two", "stop")]
    GRAPHS["rows"] = [*rows, node("Slice", "x nought stop last", "c")]
    proto = model("rows")
    del GRAPHS["rows"]
    explainer = ox.Explainer(ox.load(proto), "gradient")
    for count in (1, 3, 2):
        x = np.random.default_rng(count).normal(size=(count, 3, 4, 7)).astype("f")
        check_slopes(proto, x, explainer(x, 1).attribution)


def test_deeplift_walks_from_a_baseline_of_the_same_size():
    proto, x = model("Pad"), np.random.default_rng(0).normal(size=(2, 3, 4, 6)).astype("f")
    for options in ({}, {"engine": "numpy"}):
        e = ox.explain(ox.load(proto, **options), x, "deeplift", 1, baseline=0.3)
        assert np.abs(e.delta).max() < 1e-5 * np.abs(e.score).max()


def test_what_another_input_decides_is_refused_by_name():
    nodes = [node("Slice", "x nought stop last", "c"), node("ReduceSum", "c all", "y", keepdims=0)]
    inputs = [
        helper.make_tensor_value_info("x", FLOAT, ["N", 3, 4, "W"]),
        helper.make_tensor_value_info("stop", INT, [1]),
    ]
    weights = {name: WEIGHTS[name] for name in ("nought", "last")} | {"all": np.array([2, 3])}
    loaded = ox.load(network(nodes, None, weights, inputs=inputs), input="x")
    with pytest.raises(UnsupportedModelError, match=r"Slice \(node 'c'\): its input 'ends' is computed from an input"):
        ox.Explainer(loaded, "gradient")


def test_an_exported_walk_has_the_size_of_the_preprocessing(tmp_path):
    proto, x = model("Slice"), np.random.default_rng(0).normal(size=(2, 3, 4, 6)).astype("f")
    with pytest.raises(ox.errors.UsageError, match="'x' has the shape"):
        ox.export(ox.load(proto), "gradient", tmp_path / "open.onnx")
    loaded = ox.load(proto, preprocess={"size": [4, 6], "layout": "NCHW", "mean": [0] * 3, "std": [1] * 3})
    ox.export(loaded, "gradient", tmp_path / "e.onnx")
    session = ort.InferenceSession(tmp_path / "e.onnx")
    found = session.run(["attribution"], {"x": x, "target": np.array([1, 1])})[0]
    np.testing.assert_allclose(found, ox.explain(loaded, x, "gradient", 1).attribution, atol=1e-6)
