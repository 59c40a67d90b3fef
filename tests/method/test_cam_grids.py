"""The grid of a class activation map: which value it is, where it lies in the input, and what `cam` asks of it."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from nets import network, node, relu_cnn
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError, UsageError

CAMS = ("cam", "grad_cam", "grad_cam_pp", "layer_cam", "hires_cam", "xgrad_cam", "score_cam", "ablation_cam",
        "eigen_cam", "guided_grad_cam")  # fmt: skip
CLASSES = 3


def load(model, **options):
    return ox.load(model, precision="float64", **options)


def draw(*shape, seed=0):
    return (np.random.default_rng(seed).normal(size=shape) / 2).astype("f")


@pytest.mark.parametrize(("layer", "grid"), [("r1", (11, 9)), ("p1", (5, 4)), ("c2", (5, 4))])
def test_layer_names_the_grid(layer, grid):
    model, x = relu_cnn()
    e = ox.explain(load(model), x, "grad_cam", layer=layer)
    assert (e.raw.shape, e.attribution.shape, e.relevance.shape) == ((3, *grid), x.shape, (3, 11, 9))
    g = ox.explain(load(model), x, "gradient", layer=layer).attribution
    model.graph.output.append(onnx.ValueInfoProto(name=layer))
    a = ort.InferenceSession(model.SerializeToString()).run([layer], {"x": x})[0]
    expected = np.maximum((g.mean((2, 3), keepdims=True) * a).sum(1), 0)
    np.testing.assert_allclose(e.raw, expected, atol=1e-6 * expected.max())


@pytest.mark.parametrize("method", CAMS)
def test_channels_may_come_last(method):
    """The same network behind a Transpose, and with its last activation behind one: one map."""
    model, x = relu_cnn()
    plain = ox.explain(load(model), x, method, target=1)
    nodes = list(model.graph.node)
    nodes[0].input[0] = "nchw"
    nodes[5:7] = [
        node("Transpose", "s", "nhwc", perm=[0, 2, 3, 1]),
        node("Relu", "nhwc", "last"),
        node("Transpose", "last", "r2", perm=[0, 3, 1, 2]),
        nodes[6],
    ]
    weights = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    turned = network([node("Transpose", "x", "nchw", perm=[0, 3, 1, 2]), *nodes], (1, 11, 9, 3), weights)
    e = ox.explain(load(turned), x.transpose(0, 2, 3, 1), method, target=1)
    np.testing.assert_allclose(e.raw, plain.raw, atol=1e-12)
    np.testing.assert_allclose(e.attribution, plain.attribution.transpose(0, 2, 3, 1), atol=1e-12)


def vit(side=8, patch=4, d=6):
    """Patches, a class token, an attention between residuals, and a score read from the class token alone."""
    tokens = (side // patch) ** 2
    names = ("q", "k", "v", "o")
    weights = {f"w{n}": draw(d, d, seed=i) for i, n in enumerate(names)} | {"wy": draw(d, CLASSES, seed=9)}
    weights |= {"wp": draw(d, 3, patch, patch, seed=5), "cls": draw(1, 1, d, seed=6), "one": np.ones(d, "f")}
    weights |= {"flat": np.array([0, d, tokens]), "zero": np.array(0), "pos": draw(1, tokens + 1, d, seed=7)}
    nodes = [
        node("Conv", "x wp", "p", strides=[patch, patch]),
        node("Reshape", "p flat", "pf"),
        node("Transpose", "pf", "pt", perm=[0, 2, 1]),
        node("Concat", "cls pt", "cat", axis=1),
        node("Add", "cat pos", "t0"),
        node("LayerNormalization", "t0 one", "n1"),
        *[node("MatMul", f"n1 w{n}", n) for n in names[:3]],
        node("Transpose", "k", "kt", perm=[0, 2, 1]),
        node("MatMul", "q kt", "qk"),
        node("Softmax", "qk", "s"),
        node("MatMul", "s v", "sv"),
        node("MatMul", "sv wo", "o"),
        node("Add", "t0 o", "t1"),
        node("LayerNormalization", "t1 one", "n2"),
        node("Gather", "n2 zero", "head", axis=1),
        node("MatMul", "head wy", "y"),
    ]
    feeds = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, side, side])]
    return network(nodes, (1, 3, side, side), weights, inputs=feeds), draw(1, 3, side, side, seed=8)


@pytest.mark.parametrize("method", ["grad_cam", "grad_cam_pp", "layer_cam", "hires_cam", "score_cam"])
def test_tokens_are_laid_out_without_the_class_token(method):
    """The class token alone is read of the last values, so the grid is the one that its attention mixes."""
    model, x = vit()
    e = ox.explain(load(model), x, method)
    assert (e.record["parameters"]["layer"], e.raw.shape, e.attribution.shape) == ("n1", (1, 2, 2), x.shape)
    if method == "hires_cam":
        g = ox.explain(load(model), x, "gradient", layer="n1").attribution
        model.graph.output.append(onnx.ValueInfoProto(name="n1"))
        a = ort.InferenceSession(model.SerializeToString()).run(["n1"], {"x": x})[0]
        np.testing.assert_allclose(e.raw[0], np.maximum((g * a).sum(2)[0, 1:].reshape(2, 2), 0), atol=1e-6)


def test_behind_the_last_attention_patches_do_not_count():
    model, x = vit()
    assert not ox.explain(load(model), x, "hires_cam", layer="n2").raw.any()


def test_a_free_size_is_read_from_the_input():
    model, x = relu_cnn()
    plain = ox.explain(load(model), x, "grad_cam")
    for i, name in ((2, "H"), (3, "W")):
        model.graph.input[0].type.tensor_type.shape.dim[i].dim_param = name
    free = ox.Explainer(load(model), "grad_cam")
    np.testing.assert_allclose(free(x).attribution, plain.attribution, atol=1e-13)
    assert free(draw(1, 3, 17, 15)).raw.shape == (1, 8, 7)


def test_branches_that_are_joined_count_together():
    nodes = [
        *[node("Conv", f"x {n}", f"c{n}") for n in "uv"],
        *[node("Relu", f"c{n}", f"r{n}") for n in "uv"],
        node("Concat", "ru rv", "both", axis=1),
        node("GlobalAveragePool", "both", "g"),
        node("Flatten", "g", "f"),
        node("MatMul", "f w", "y"),
    ]
    weights = {"u": draw(2, 2, 3, 3), "v": draw(3, 2, 3, 3, seed=1), "w": draw(5, 2)}
    e = ox.explain(load(network(nodes, (1, 2, 6, 6), weights)), draw(2, 2, 6, 6), "cam")
    assert e.record["parameters"]["layer"] == "both"


def mlp(*shape):
    nodes = [node("Flatten", "x", "f"), node("Gemm", "f w", "h"), node("Relu", "h", "r"), node("Gemm", "r v", "y")]
    return network(nodes, (1, *shape), {"w": draw(int(np.prod(shape)), 4), "v": draw(4, 2)})


@pytest.mark.parametrize("method", CAMS)
def test_a_network_without_a_grid_says_so(method):
    with pytest.raises(UnsupportedModelError, match=r"no value of this model lies on a grid .* layer="):
        ox.Explainer(load(mlp(2, 6, 6)), method)


def pooled(*end):
    weights = {"w": draw(5, 2, 3, 3), "v": draw(5, 5), "u": draw(5, 2)}
    return network([node("Conv", "x w", "c"), node("Relu", "c", "r"), *end], (1, 2, 6, 6), weights)


FLAT = node("Flatten", "g", "f")
GAP = (node("GlobalAveragePool", "r", "g"), FLAT)
HIDDEN, LAST = node("Gemm", "f v", "h"), node("Gemm", "f u", "y")


@pytest.mark.parametrize(
    ("end", "says"),
    [
        ([node("Flatten", "r", "f"), node("Gemm", "f z", "y")], "no global average pooling: Gemm .node 'y'. comes"),
        ([node("Flatten", "r", "y")], "no global average pooling: nothing follows"),
        ([node("GlobalMaxPool", "r", "g"), FLAT, LAST], "no global average pooling: GlobalMaxPool"),
        ([node("AveragePool", "r", "g", kernel_shape=[2, 2]), FLAT, node("Gemm", "f z", "y")], "leaves more than one"),
        ([GAP[0], node("Flatten", "g", "y")], "no linear layer behind GlobalAveragePool"),
        ([*GAP, HIDDEN, node("Relu", "h", "i"), node("Gemm", "i u", "y")], "Relu .node 'i'. follows the linear layer"),
        ([*GAP, HIDDEN, node("Gemm", "h u", "y")], "Gemm .node 'y'. follows the linear layer"),
    ],
)
def test_cam_says_which_part_of_its_structure_is_missing(end, says):
    model = pooled(*end)
    inputs = 45 if end[0].op_type == "AveragePool" else 80
    model.graph.initializer.append(onnx.numpy_helper.from_array(draw(inputs, 2), "z"))
    loaded = load(model)
    with pytest.raises(UnsupportedModelError, match=rf"needs global average pooling .* {says}"):
        ox.Explainer(loaded, "cam", layer="r")
    assert ox.explain(loaded, draw(1, 2, 6, 6), "grad_cam", layer="r").raw.shape == (1, 4, 4)


@pytest.mark.parametrize(
    "end",
    [
        [*GAP, node("MatMul", "f u", "m"), node("Add", "m b", "y")],
        [node("AveragePool", "r", "g", kernel_shape=[4, 4]), FLAT, LAST],
        [node("ReduceMean", "r axes", "f", keepdims=0), node("Gemm", "f u b", "y")],
        [GAP[0], node("Conv", "g k", "h"), node("Flatten", "h", "y")],
    ],
)
def test_cam_knows_its_structure_in_every_spelling(end):
    model = pooled(*end)
    extra = {"b": draw(2), "axes": np.array([2, 3]), "k": draw(2, 5, 1, 1)}
    model.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in extra.items())
    cam, grad = (ox.explain(load(model), draw(2, 2, 6, 6), m, relu=True) for m in ("cam", "grad_cam"))
    np.testing.assert_allclose(cam.raw, 16 * grad.raw, atol=1e-12)


def tokens(classes):
    """The grid as tokens, with `classes` of them before it, all pooled."""
    nodes = [
        node("Conv", "x w", "c"),
        node("Reshape", "c flat", "pf"),
        node("Transpose", "pf", "pt", perm=[0, 2, 1]),
        node("Concat", "cls pt", "cat", axis=1),
        node("MatMul", "cat k", "m"),
        node("Relu", "m", "r"),
        node("ReduceMean", "r axes", "f", keepdims=0),
        node("Gemm", "f u b", "y"),
    ]
    weights = {"w": draw(5, 2, 3, 3), "u": draw(5, 2), "b": draw(2), "k": draw(5, 5), "axes": np.array([1])}
    weights |= {"flat": np.array([1, 5, 16]), "cls": draw(1, classes, 5)}
    feeds = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 6, 6])]
    return network(nodes, (1, 2, 6, 6), weights, inputs=feeds)


def test_cam_refuses_what_is_pooled_but_has_no_place():
    """Without the class token, the mean of the map plus the bias would not be the score."""
    x, b = draw(1, 2, 6, 6), draw(2)
    e = ox.explain(load(tokens(0)), x, "cam", target=1)
    np.testing.assert_allclose(e.raw.mean((1, 2)) + b[1], e.score, atol=1e-12)
    with pytest.raises(UnsupportedModelError, match="such as a class token, has no place in the input"):
        ox.explain(load(tokens(1)), x, "cam")
    assert ox.explain(load(tokens(1)), x, "hires_cam").raw.shape == (1, 4, 4)


@pytest.mark.parametrize("method", ["grad_cam", "score_cam"])
def test_the_input_is_a_grid_too(method):
    model, x = relu_cnn()
    e = ox.explain(load(model), x, method, layer="x", relu=False)
    assert e.raw.shape == (3, 11, 9)
    if method == "grad_cam":
        g = ox.explain(load(model), x, "gradient").attribution
        np.testing.assert_allclose(e.raw, (g.mean((2, 3), keepdims=True) * x).sum(1), atol=1e-9)


@pytest.mark.parametrize("layer", [0, "", ["r1"]])
@pytest.mark.parametrize("method", ["grad_cam", "score_cam"])
def test_a_layer_is_a_name(method, layer):
    with pytest.raises(UsageError, match="the model has no value"):
        ox.Explainer(load(relu_cnn()[0]), method, layer=layer)
