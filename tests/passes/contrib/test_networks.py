"""A network, and the files that onnxruntime makes of it when it optimises it: all have the same attributions."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from encoder import TOKENS, WIDTH, bert
from nets import network, node
from onnx import numpy_helper
from passes.contrib.optimised import LEVELS, optimised

import onnxplain as ox
from onnxplain.method.registry import DEFAULT

RNG = np.random.default_rng(0)
METHODS = ("gradient", "lrp.epsilon", DEFAULT, "deeplift", "integrated_gradients")


def draw(*shape):
    return (RNG.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))).astype("f")


@cache
def mobile():
    """A CNN with what onnxruntime fuses: BatchNorm, HardSwish, squeeze and excite, a skip, ReLU6, SiLU."""
    weights = {
        "w": draw(16, 3, 3, 3), "b": draw(16), "d": draw(16, 1, 3, 3), "s1": draw(4, 16, 1, 1), "s2": draw(16, 4, 1, 1),
        "p": draw(16, 16, 1, 1), "scale": 1 + draw(16), "mean": draw(16), "var": 1 + np.abs(draw(16)),
        "e": draw(18, 16, 3, 3), "zero": np.array(0, "f"), "six": np.array(6, "f"), "h1": draw(8, 18),
        "h1b": draw(8), "h2": draw(4, 8),
    }  # fmt: skip
    norm = "scale b mean var"
    nodes = [
        node("Conv", "x w b", "c1", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("BatchNormalization", f"c1 {norm}", "n1"), node("HardSwish", "n1", "a1"),
        node("Conv", "a1 d", "c2", pads=[1, 1, 1, 1], group=16),
        node("BatchNormalization", f"c2 {norm}", "n2"), node("Clip", "n2 zero six", "a2"),
        node("GlobalAveragePool", "a2", "g"), node("Conv", "g s1", "q1"), node("Relu", "q1", "q2"),
        node("Conv", "q2 s2", "q3"), node("HardSigmoid", "q3", "q4", alpha=1 / 6, beta=0.5), node("Mul", "a2 q4", "m"),
        node("Conv", "m p b", "c3"), node("Add", "c3 a1", "r"), node("Relu", "r", "a3"),
        node("MaxPool", "a3", "l", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Conv", "l e", "c4", pads=[1, 1, 1, 1]), node("Sigmoid", "c4", "i"), node("Mul", "c4 i", "a4"),
        node("GlobalAveragePool", "a4", "g2"), node("Flatten", "g2", "f"),
        node("Gemm", "f h1 h1b", "k", transB=1), node("Relu", "k", "k2"), node("Gemm", "k2 h2", "y", transB=1),
    ]  # fmt: skip
    return network(nodes, ("N", 3, 12, 12), weights, opset=17)


def transformer():
    """An encoder from the embeddings of its tokens, with the exact GELU, which is what the optimisers fuse."""
    model = bert(embedded=True)
    for each in model.graph.node:
        if each.op_type == "Gelu":
            del each.attribute[:]
    return model


def attributions(model, x):
    """The attributions of each method, and the operators of the walked graph."""
    model = ox.load(model, engine="numpy", precision="float64")
    assert not any(each.domain for each in model.canonical.graph.nodes)
    return {name: ox.explain(model, x, name, target=1).attribution for name in METHODS}


CASES = {"convolutions": (mobile, draw(2, 3, 12, 12)), "attention": (transformer, draw(2, TOKENS, WIDTH))}
plain = cache(lambda case: attributions(CASES[case][0](), CASES[case][1]))


def equal(case, file):
    """Check that a file has the attributions of the plain one; the weights that were folded are rounded to float32."""
    found = attributions(file, CASES[case][1])
    for name, wanted in plain(case).items():
        np.testing.assert_allclose(found[name], wanted, rtol=0, atol=1e-5 * np.abs(wanted).max(), err_msg=name)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", CASES)
def test_an_optimised_file_has_the_attributions_of_the_plain_one(case, level, tmp_path):
    file = optimised(CASES[case][0](), tmp_path, level)
    fused = {each.op_type for each in file.graph.node if each.domain}
    assert bool(fused) == (level != "basic")
    equal(case, file)


def test_a_file_of_the_optimiser_for_transformers_has_them_too():
    optimizer = pytest.importorskip("onnxruntime.transformers.optimizer")
    made = optimizer.optimize_model(transformer(), "bert", num_heads=2, hidden_size=WIDTH, opt_level=0).model
    assert {each.op_type for each in made.graph.node if each.domain} == {"SkipLayerNormalization", "BiasGelu"}
    equal("attention", made)


def test_attention_in_one_node_has_them_too():
    """The first layer of the encoder as it is fused: one matrix and one bias for queries, keys and values."""
    model = transformer()
    values = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    joined = {"w": [values[f"{each}0"] for each in "qkv"], "wb": [values[f"{each}0_bias"] for each in "qkv"]}
    model.graph.initializer.extend(numpy_helper.from_array(np.concatenate(v, -1), k) for k, v in joined.items())
    model.graph.initializer.append(numpy_helper.from_array(np.repeat(values["hidden"], TOKENS, 2), "shift"))
    nodes = list(model.graph.node)
    ends = [i for i, each in enumerate(nodes) if each.output[0] in ("x", "C0")]
    fused = node("Attention", "x w wb", "C0", domain="com.microsoft", num_heads=2)
    fused.input.extend(["", "", "shift"])
    del model.graph.node[:]
    model.graph.node.extend([*nodes[: ends[0] + 1], fused, *nodes[ends[1] + 1 :]])
    equal("attention", model)


def normalised(*, centred, opset):
    """A classifier with a normalisation that is written out."""
    weights = {"w": draw(6, 6), "g": 1 + draw(6), "b": draw(6), "two": np.array(2, "f"), "eps": np.array(1e-3, "f")}
    nodes = [node("MatMul", "x w", "a")]
    nodes += [node("ReduceMean", "a", "m", axes=[-1]), node("Sub", "a m", "d")] if centred else []
    d = "d" if centred else "a"
    nodes += [node("Pow", f"{d} two", "p"), node("ReduceMean", "p", "v", axes=[-1]), node("Add", "v eps", "e")]
    nodes += [node("Sqrt", "e", "s"), node("Div", f"{d} s", "q"), node("Mul", "g q", "n")]
    nodes += [node("Add", "n b", "o"), node("MatMul", "o w", "y")]
    used = {name for each in nodes for name in each.input}
    return network(nodes, ("N", 6), {k: v for k, v in weights.items() if k in used}, opset=opset)


@pytest.mark.parametrize("opset", [13, 17])
@pytest.mark.parametrize(("centred", "op"), [(True, "LayerNormalization"), (False, "SimplifiedLayerNormalization")])
def test_operators_that_onnxruntime_has_in_the_domain_of_onnx(centred, op, opset, tmp_path):
    """It writes a LayerNormalization into files that are older than it, and one that ONNX knows by another name."""
    model, x = normalised(centred=centred, opset=opset), draw(4, 6)
    file = optimised(model, tmp_path, "extended")
    assert (op, "") in {(each.op_type, each.domain) for each in file.graph.node}
    found, wanted = attributions(file, x), attributions(model, x)
    for name in METHODS:
        np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=1e-5 * np.abs(wanted[name]).max())
