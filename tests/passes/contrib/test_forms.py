"""Operators of onnxruntime's own and their standard forms compute the same, over attributes and optional inputs."""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
import pytest
from onnx import TensorProto, helper, numpy_helper
from passes.same import graph_of, ops, run

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError
from onnxplain.passes.contrib import contrib, why_left
from onnxplain.passes.contrib.form import MICROSOFT

RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.normal(size=shape).astype("f")


def case(op, outputs=1, constant=(), domain=MICROSOFT, attrs=None, **inputs):
    """A model of one node. inputs: arrays by name, in order; None leaves one out. constant: names of constants."""
    names = [name if value is not None else "" for name, value in inputs.items()]
    made = [f"y{i}" for i in range(outputs)]
    given = {name: value for name, value in inputs.items() if value is not None}
    feeds = {name: value for name, value in given.items() if name not in constant}
    graph = helper.make_graph(
        [helper.make_node(op, names, made, name=op, domain=domain, **(attrs or {}))],
        op,
        [helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for k, v in feeds.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in made],
        [numpy_helper.from_array(value, name) for name, value in given.items() if name in constant],
    )
    opsets = [helper.make_opsetid("", 24), helper.make_opsetid(domain, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10), feeds


def agree(op, *args, **options):
    """Check that a node and its form compute the same; return the operators of the form."""
    return compare(*case(op, *args, **options))


def compare(proto, feeds, rtol=2e-6):
    """Check that the node of a model and its form compute the same; return the operators of the form."""
    graph = graph_of(proto)
    assert contrib(graph) == 1, why_left(graph.nodes[0])
    assert {node.domain for node in graph.nodes} <= {None, ""}
    for wanted, got in zip(run(proto, feeds), run(gs.export_onnx(graph), feeds), strict=True):
        assert got.shape == wanted.shape and got.dtype == wanted.dtype
        np.testing.assert_allclose(got, wanted, rtol=0, atol=rtol * np.abs(wanted).max())
    return ops(graph)


@pytest.mark.parametrize("op", ["Gelu", "QuickGelu", "FastGelu"])
def test_activations(op):
    assert agree(op, X=3 * draw(4, 5))


def test_quick_gelu_has_a_slope():
    assert agree("QuickGelu", X=draw(4, 5), attrs={"alpha": 1.0})


def test_a_bias_before_gelu():
    assert agree("BiasGelu", A=draw(2, 3, 4), B=draw(4))
    assert agree("FastGelu", X=draw(2, 3, 4), bias=draw(4))


ACTIVATIONS = [
    {"activation": "Relu"},
    {"activation": "Sigmoid"},
    {"activation": "Tanh"},
    {"activation": "HardSwish"},
    {"activation": "LeakyRelu", "activation_params": [0.2]},
    {"activation": "HardSigmoid", "activation_params": [0.3, 0.4]},
    {"activation": "Clip", "activation_params": [-0.5, 0.7]},
]
OF_GEMM = ("LeakyRelu", "Elu", "ThresholdedRelu", "HardSigmoid", "Relu", "Sigmoid", "Tanh", "Softplus", "Softsign")


@pytest.mark.parametrize("activation", [{}, *ACTIVATIONS], ids=lambda each: each.get("activation", "none"))
@pytest.mark.parametrize(
    "given", [{}, {"B": draw(4)}, {"B": draw(4), "Z": draw(2, 4, 3, 3)}, {"B": None, "Z": draw(2, 4, 3, 3)}]
)
def test_a_convolution_with_what_was_fused_into_it(activation, given):
    window = {"kernel_shape": [3, 3], "pads": [1, 0, 1, 0], "strides": [2, 2], "dilations": [1, 2], "group": 2}
    inputs = {"X": draw(2, 6, 5, 9), "W": draw(4, 3, 3, 3), **given}
    attrs = {**window, **activation}
    assert "Conv" in agree("FusedConv", constant=("W", "B"), attrs=attrs, **inputs)


def test_a_convolution_that_pads_by_itself():
    assert agree(
        "FusedConv", X=draw(1, 3, 5, 5), W=draw(4, 3, 3, 3), attrs={"auto_pad": "SAME_UPPER", "activation": "Relu"}
    )


@pytest.mark.parametrize("op", ["FusedMatMul", "TransposeMatMul"])
@pytest.mark.parametrize(("a", "b"), [((3, 4), (4, 5)), ((2, 6, 3, 4), (2, 6, 4, 5)), ((2, 3, 4), (4, 5))])
@pytest.mark.parametrize("turned", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_a_product_with_a_factor(op, a, b, turned):
    a, b = ((*s[:-2], s[-1], s[-2]) if t else s for s, t in zip((a, b), turned, strict=True))
    attrs = {"alpha": 0.3, "transA": turned[0], "transB": turned[1]}
    assert "MatMul" in agree(op, A=draw(*a), B=draw(*b), attrs=attrs)


@pytest.mark.parametrize("turned", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_a_product_whose_batch_is_moved(turned):
    """transBatch moves the first axis behind those of the batch."""
    a, b = [(3, 2, 6, 4), (4, 2, 6, 5)]
    a, b = ((s[3], *s[1:3], s[0]) if t else s for s, t in zip((a, b), turned, strict=True))
    a, b = ((s[0], *s[1:3], s[3]) for s in (a, b))
    attrs = {"transBatchA": 1, "transBatchB": 1, "transA": turned[0], "transB": turned[1]}
    assert "MatMul" in agree("FusedMatMul", A=draw(*a), B=draw(*b), attrs=attrs)


@pytest.mark.parametrize("activation", OF_GEMM)
def test_a_gemm_with_an_activation(activation):
    attrs = {"activation": activation, "transB": 1, "alpha": 0.5, "beta": 2.0}
    attrs |= {"LeakyRelu": {"activation_alpha": 0.2}, "Elu": {"activation_alpha": 0.7}}.get(activation, {})
    attrs |= {"HardSigmoid": {"activation_alpha": 0.3, "activation_beta": 0.6}}.get(activation, {})
    attrs |= {"ThresholdedRelu": {"activation_alpha": 0.3}}.get(activation, {})
    assert "Gemm" in agree("FusedGemm", A=draw(3, 4), B=draw(5, 4), C=draw(5), attrs=attrs)


def test_a_gemm_without_a_bias():
    assert "Gemm" in agree("FusedGemm", A=draw(3, 4), B=draw(4, 5), attrs={"activation": "Relu"})


def test_a_transposed_convolution_whose_padding_is_an_input():
    inputs = {"X": draw(1, 3, 5, 5), "W": draw(3, 4, 3, 3), "Pads": np.array([1, 0, 1, 0]), "B": draw(4)}
    assert agree("ConvTransposeWithDynamicPads", constant=("Pads",), attrs={"strides": [2, 2]}, **inputs)


# --- normalisations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", [{}, {"beta": draw(4)}, {"beta": draw(4), "bias": draw(4)}, {"beta": None, "bias": draw(4)}]
)
@pytest.mark.parametrize("skip", [(2, 3, 4), (1, 3, 4), (3, 4)])
def test_a_layer_normalisation_of_a_sum(given, skip):
    inputs = {"input": draw(2, 3, 4), "skip": draw(*skip), "gamma": draw(4), **given}
    assert "LayerNormalization" in agree("SkipLayerNormalization", attrs={"epsilon": 1e-3}, **inputs)


def test_the_sum_before_a_normalisation_is_an_output():
    """The mean and the deviation come between."""
    for op, given in (("SkipLayerNormalization", {"beta": draw(4)}), ("SkipSimplifiedLayerNormalization", {})):
        proto, feeds = case(op, 4, input=draw(2, 3, 4), skip=draw(2, 3, 4), gamma=draw(4), **given)
        del proto.graph.output[1:3]
        proto.graph.node[0].output[1:3] = ["", ""]
        compare(proto, feeds)


@pytest.mark.parametrize("given", [{}, {"bias": draw(4)}])
def test_a_root_mean_square_of_a_sum(given):
    inputs = {"input": draw(2, 3, 4), "skip": draw(2, 3, 4), "gamma": draw(4), **given}
    assert "RMSNormalization" in agree("SkipSimplifiedLayerNormalization", attrs={"epsilon": 1e-3}, **inputs)


IDS = np.array([[3, 1, 4, 0], [2, 2, 0, 0]], np.int32)
TABLES = {"word_embedding": draw(5, 6), "position_embedding": draw(8, 6), "segment_embedding": draw(2, 6)}
SCALES = {"gamma": draw(6), "beta": draw(6)}


@pytest.mark.parametrize("segments", [True, False])
@pytest.mark.parametrize("positions", [True, False])
def test_the_embeddings_of_bert(segments, positions):
    tables = TABLES if segments else TABLES | {"segment_embedding": None}
    inputs = {"input_ids": IDS, "segment_ids": IDS % 2 if segments else None, **tables, **SCALES}
    if positions:
        inputs |= {"mask": None, "position_ids": IDS + 1}
    proto, feeds = case("EmbedLayerNormalization", 2, attrs={"epsilon": 1e-3}, **inputs)
    proto.graph.output[1].type.tensor_type.elem_type = TensorProto.INT32
    assert "LayerNormalization" in compare(proto, feeds)


@pytest.mark.parametrize("mask", [(IDS > 0).astype(np.int32), None])
def test_the_other_outputs_of_the_embeddings(mask):
    proto, feeds = case("EmbedLayerNormalization", 3, input_ids=IDS, segment_ids=IDS % 2, **TABLES, **SCALES, mask=mask)
    proto.graph.output[1].type.tensor_type.elem_type = TensorProto.INT32
    compare(proto, feeds)


# --- operators that ONNX has, too -------------------------------------------------------------------------------------


@pytest.mark.parametrize("upper", [0, 1])
def test_triangles(upper):
    assert agree("Trilu", X=draw(2, 4, 5), attrs={"upper": upper})
    assert agree("Trilu", X=draw(2, 4, 5), k=np.array(-1), attrs={"upper": upper})


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("attrs", [{}, {"padding_mode": "border", "align_corners": 1}])
def test_samples_from_a_grid(mode, attrs):
    grid = RNG.uniform(-1.2, 1.2, (2, 3, 4, 2)).astype("f")
    assert agree("GridSample", X=draw(2, 3, 5, 6), Grid=grid, attrs={"mode": mode, **attrs})


def test_padding_gathering_and_a_new_axis():
    assert agree("Pad", data=draw(2, 3), pads=np.array([[0, 1, 1, 0]]), value=np.array([2.0], "f"))
    assert agree("Pad", data=draw(2, 3), pads=np.array([0, 1, 1, 0]), attrs={"mode": "edge"})
    assert agree("GatherND", data=draw(2, 3), indices=np.array([[1], [0]], np.int32))
    assert agree("ExpandDims", X=draw(2, 3), axis=np.array([1], np.int32), constant=("axis",))


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean"])
def test_distances(metric):
    assert agree("CDist", A=draw(4, 3), B=draw(5, 3), attrs={"metric": metric})


CACHES = {"cos_cache": draw(9, 4), "sin_cache": draw(9, 4)}


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("positions", [np.array([3]), np.array([[3, 1, 4], [1, 5, 8]])])
@pytest.mark.parametrize("shape", [(2, 3, 16), (2, 2, 3, 8)])
def test_turning_by_position(interleaved, positions, shape):
    inputs = {"input": draw(*shape), "position_ids": positions, **CACHES}
    assert agree("RotaryEmbedding", attrs={"interleaved": interleaved}, **inputs)


def test_turning_a_part_of_each_head():
    inputs = {"input": draw(2, 3, 24), "position_ids": np.array([[3, 1, 4], [1, 5, 8]]), **CACHES}
    assert agree("RotaryEmbedding", attrs={"num_heads": 2, "rotary_embedding_dim": 8}, **inputs)


# --- what has no form -------------------------------------------------------------------------------------------------

CONV = {"X": draw(1, 3, 5, 5), "W": draw(4, 3, 3, 3)}
MEAN = case("SkipLayerNormalization", 2, input=draw(2, 3, 4), skip=draw(2, 3, 4), gamma=draw(4))[0]
MEAN.graph.node.append(helper.make_node("Neg", ["y1"], ["n"]))


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (case("FusedConv", **CONV, attrs={"activation": "Mystery"})[0], "its activation 'Mystery' is not known"),
        (case("ConvTransposeWithDynamicPads", **CONV, Pads=np.zeros(4, np.int64))[0], "its input 'Pads' is computed"),
        (case("BiasSoftmax", data=draw(2, 3), bias=draw(3))[0], "onnxruntime runs it on some GPUs alone"),
        (
            case("EPContext", X=draw(2, 3))[0],
            "it holds a part of the network that was compiled",
        ),
        (MEAN, "its output 'mean' is read"),
        (case("Mystery", X=draw(2, 3))[0], ""),
    ],
)
def test_why_a_node_stays_is_said(model, says):
    graph = graph_of(model)
    assert contrib(graph) == 0
    assert graph.nodes[0].domain == MICROSOFT
    assert why_left(graph.nodes[0]).startswith(says)


def test_the_reason_is_given_where_a_plan_is_made():
    proto, feeds = case("BiasSoftmax", data=draw(2, 3), bias=draw(3), constant=("bias",))
    with pytest.raises(UnsupportedModelError, match="no form by standard operators, because onnxruntime"):
        ox.explain(proto, feeds["data"], "gradient")
