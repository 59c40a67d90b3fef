"""Small graphs of every make: the gradient is that of finite differences, DeepLIFT completes, LRP's books balance.

Finite differences run onnx's reference evaluator in float64 on the file as it is, before any pass.
"""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

import onnxplain as ox

# the reference evaluator rounds to float32 where a GroupNormalization says so, and always in the erf form of Gelu
DOUBLE = 11


def draw(*shape, seed=0):
    return (np.random.default_rng(seed).normal(size=shape) / np.sqrt(shape[0])).astype("f")


def attention():
    """One head: queries, keys and values from x, Softmax of their products, a LayerNorm and a residual."""
    nodes = [
        node("MatMul", "x q", "Q"),
        node("MatMul", "x k", "K"),
        node("MatMul", "x v", "V"),
        node("Transpose", "K", "Kt", perm=[0, 2, 1]),
        node("MatMul", "Q Kt", "S"),
        node("Mul", "S scale", "Ss"),
        node("Softmax", "Ss", "A", axis=-1),
        node("MatMul", "A V", "O"),
        node("Add", "O x", "r"),
        node("LayerNormalization", "r gain shift", "n", axis=-1),
        node("Gelu", "n", "e", approximate="tanh"),
        node("ReduceMean", "e axes", "m", keepdims=0),
        node("Gemm", "m head", "y", transB=1),
    ]
    weights = {name: draw(6, 6, seed=i) for i, name in enumerate("qkv")}
    weights |= {"scale": np.array(0.4, "f"), "gain": 1 + draw(6), "shift": draw(6, seed=4), "head": draw(3, 6, seed=5)}
    return network(nodes, (2, 4, 6), weights | {"axes": np.array([1])}), (2, 4, 6)


def squeeze_and_excite():
    """A gate per channel: GlobalAveragePool, two convolutions, Sigmoid, and a product with what it gates."""
    nodes = [
        node("Conv", "x w", "c", pads=[1, 1, 1, 1]),
        node("HardSwish", "c", "h"),
        node("GlobalAveragePool", "h", "g"),
        node("Conv", "g w1", "g1"),
        node("Sigmoid", "g1", "s"),
        node("Mul", "h s", "p"),
        node("ReduceMax", "p axes", "y", keepdims=0),
    ]
    weights = {"w": draw(4, 2, 3, 3), "w1": draw(4, 4, 1, 1, seed=1), "axes": np.array([2, 3])}
    return network(nodes, (2, 2, 5, 4), weights), (2, 2, 5, 4)


def rearranged():
    """Split, slices of any step, Concat with a constant, Pad, Resize, Tile, Expand and a normalised input."""
    nodes = [
        node("Sub", "x mean", "d"),
        node("Div", "d std", "n"),
        node("Split", "n", "a b", axis=1, num_outputs=2),
        node("Slice", "a starts ends axes steps", "r"),
        node("Concat", "r b", "c", axis=1),
        node("Resize", "c  scales", "z", mode="linear"),
        node("Pad", "z pads", "p", mode="reflect"),
        node("AveragePool", "p", "v", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, count_include_pad=1),
        node("Mul", "v gain", "t"),
        node("Tanh", "t", "u"),
        node("Flatten", "u", "f"),
        node("MatMul", "f head", "y"),
    ]
    nodes[5].input[:] = ["c", "", "scales"]
    weights = {
        "mean": np.array(0.3, "f"), "std": draw(1, 4, 1, 1) + 2, "starts": np.array([-1]), "ends": np.array([-9]),
        "axes": np.array([3]), "steps": np.array([-1]), "scales": np.array([1, 1, 2, 1.5], "f"),
        "pads": np.array([0, 0, 1, 2, 0, 0, 2, 1]), "gain": draw(1, 4, 1, 1, seed=3) + 1, "head": draw(4 * 6 * 4, 3),
    }  # fmt: skip
    return network(nodes, (2, 4, 5, 4), weights), (2, 4, 5, 4)


def arithmetic():
    """Products and quotients of activations, powers, minima and maxima, a mask and a constant on either side."""
    nodes = [
        node("Exp", "x", "e"),
        node("Add", "e one", "e1"),
        node("Div", "x e1", "q"),
        node("Mul", "x x", "s"),
        node("Pow", "e1 power", "w"),
        node("Min", "q s", "m"),
        node("Max", "m x", "k"),
        node("Sub", "one w", "o"),
        node("Where", "mask k o", "z"),
        node("ReduceSum", "z axes", "t", keepdims=1),
        node("Sqrt", "e1", "root"),
        node("Div", "t root", "v"),
        node("MatMul", "v head", "y"),
    ]
    weights = {
        "one": np.array(1, "f"), "power": np.array(0.7, "f"), "axes": np.array([1]), "head": draw(5, 3),
        "mask": np.array([[True, False, True, True, False]]),
    }  # fmt: skip
    return network(nodes, (3, 5), weights), (3, 5)


def norms():
    """InstanceNormalization, GroupNormalization and LRN between convolutions."""
    nodes = [
        node("Conv", "x w", "c"),
        node("InstanceNormalization", "c gain shift", "i"),
        node("LeakyRelu", "i", "l", alpha=0.2),
        node("GroupNormalization", "l gain shift", "g", num_groups=2, stash_type=DOUBLE),
        node("LRN", "g", "n", size=3, alpha=0.3, beta=0.75, bias=1.0),
        node("GlobalMaxPool", "n", "m"),
        node("Flatten", "m", "y"),
    ]
    weights = {"w": draw(4, 2, 2, 2), "gain": 1 + draw(4), "shift": draw(4, seed=2)}
    return network(nodes, (4, 2, 4, 5), weights), (4, 2, 4, 5)


def gates():
    """A rectifier by Where and one by a Cast, comparisons of activations, logic, counts and roundings."""
    nodes = [
        node("Greater", "x zero", "up"), node("Where", "up x zero", "r"),
        node("MatMul", "r w", "h"), node("GreaterOrEqual", "h third", "over"),
        node("Cast", "over", "gate", to=1), node("Mul", "h gate", "g"),
        node("Less", "h r", "less"), node("LessOrEqual", "x h", "most"), node("Not", "most", "rest"),
        node("And", "less over", "both"), node("Or", "both rest", "any"), node("Xor", "any up", "one"),
        node("Where", "one g r", "z"), node("Cast", "one", "number", to=7), node("Mul", "number three", "times"),
        node("ReduceSum", "times axes", "count"), node("Cast", "count", "counted", to=1),
        node("Mul", "z counted", "t"), node("Floor", "t", "down"), node("Sign", "h", "sign"),
        node("IsNaN", "t", "odd"), node("Where", "odd zero t", "c"),
        node("Cast", "t", "trunc", to=6), node("Equal", "trunc whole", "same"), node("Where", "same third zero", "k"),
        node("Sum", "c down sign k", "s"), node("MatMul", "s head", "y"),
    ]  # fmt: skip
    weights = {
        "zero": np.array(0, "f"), "third": np.array(0.33, "f"), "w": draw(5, 5), "three": np.array(3),
        "head": draw(5, 3), "axes": np.array([1]), "whole": np.array(1, np.int32),
    }  # fmt: skip
    return network(nodes, (4, 5), weights), (4, 5)


def masked():
    """A causal attention whose masked scores are -∞, by an addition, and by a Where."""
    nodes = [
        node("MatMul", "x q", "Q"),
        node("Transpose", "x", "t", perm=[0, 2, 1]),
        node("MatMul", "Q t", "S"),
        node("Add", "S below", "added"),
        node("Softmax", "added", "A", axis=-1),
        node("Mul", "S scale", "scaled"),
        node("Where", "later nothing scaled", "chosen"),
        node("Softmax", "chosen", "B", axis=-1),
        node("Add", "A B", "P"),
        node("MatMul", "P x", "O"),
        node("Relu", "O", "r"),
        node("ReduceMean", "r axes", "m", keepdims=0),
        node("MatMul", "m head", "y"),
    ]
    later = np.triu(np.ones((4, 4), bool), 1)
    weights = {"q": draw(5, 5), "below": np.where(later, -np.inf, 0).astype("f"), "later": later, "head": draw(5, 3)}
    weights |= {"nothing": np.array(-np.inf, "f"), "scale": np.array(0.4, "f"), "axes": np.array([1])}
    return network(nodes, (2, 4, 5), weights), (2, 4, 5)


GRAPHS = {each.__name__: each for each in (attention, squeeze_and_excite, rearranged, arithmetic, norms, gates, masked)}


def double(model):
    """A float64 evaluator of the file, passes or no passes."""
    copy = type(model)()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        if tensor.data_type == 1 and tensor.name != "scales":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(float), tensor.name))
    for attribute in (each for made in copy.graph.node if made.op_type == "Cast" for each in made.attribute):
        attribute.i = DOUBLE if attribute.i == 1 else attribute.i
    return lambda x: ReferenceEvaluator(copy).run(None, {"x": x})[0]


def case(name):
    model, shape = GRAPHS[name]()
    return model, np.random.default_rng(7).normal(size=shape).astype("f")


@pytest.mark.parametrize("name", GRAPHS)
def test_the_gradient_is_that_of_finite_differences(name):
    model, x = case(name)
    e = ox.explain(ox.load(model, precision="float64"), x, "gradient", target=1)
    f, point, step = double(model), x.astype(float), 1e-6
    rng = np.random.default_rng(0)
    for _ in range(8):
        v = rng.normal(size=x.shape)
        slope = (f(point + step * v)[:, 1] - f(point - step * v)[:, 1]) / (2 * step)
        np.testing.assert_allclose((e.attribution * v).reshape(len(x), -1).sum(1), slope, rtol=2e-6, atol=2e-8)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("baseline", [0.1, -0.8])
def test_deeplift_completes(name, baseline):
    model, x = case(name)
    e = ox.explain(ox.load(model, precision="float64"), x, "deeplift", target=1, baseline=baseline)
    f = double(model)
    difference = f(x.astype(float))[:, 1] - f(np.full(x.shape, np.float64(np.float32(baseline))))[:, 1]
    np.testing.assert_allclose(e.attribution.reshape(len(x), -1).sum(1), difference, rtol=1e-6)
    assert np.abs(e.delta).max() < 1e-6 * np.abs(difference).max()


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("method", ["lrp.epsilon", "lrp.epsilon_plus_flat", "lrp.gamma"])
def test_the_book_balances(name, method):
    model, x = case(name)
    e = ox.explain(ox.load(model, precision="float64"), x, method, target=1, book=True, eps=1e-4)
    for entry in e.book.entries:
        assert abs(entry.gap) <= 1e-7 * entry.scale, entry


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon", "deeplift"])
def test_float32_agrees_with_float64(name, method):
    model, x = case(name)
    options = {"eps": 1e-4} if method == "lrp.epsilon" else {}
    single, exact = (ox.explain(ox.load(model, precision=p), x, method, target=1, **options).attribution
                     for p in ("float32", "float64"))  # fmt: skip
    assert single.dtype == np.float32 and exact.dtype == np.float64
    # LRP of a product divides by values near 0 here; its stabiliser of 1e-4 bounds what rounding can do
    bound = 1e-3 if method == "lrp.epsilon" else 1e-5
    np.testing.assert_allclose(single, exact, rtol=0, atol=bound * np.abs(exact).max())


@pytest.mark.parametrize("name", ["gates", "masked"])
@pytest.mark.parametrize(("method", "options"), [("deepshap", {}), ("deeplift.reveal_cancel", {"everywhere": True})])
@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_gates_and_masks_complete_by_all_methods_with_a_baseline(name, method, options, engine):
    model, x = case(name)
    baselines = np.random.default_rng(8).normal(size=(2, *x.shape[1:])).astype("f")
    given = baselines if method == "deepshap" else baselines[0]
    e = ox.explain(ox.load(model, engine=engine), x, method, target=1, baseline=given, **options)
    f = double(model)
    still = f(baselines.astype(float))[:, 1]
    due = f(x.astype(float))[:, 1] - (still.mean() if method == "deepshap" else still[0])
    np.testing.assert_allclose(e.attribution.reshape(len(x), -1).sum(1), due, atol=1e-5 * np.abs(due).max())
