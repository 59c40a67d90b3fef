"""Operators that bodies of our own write out: their slopes are those of the file, DeepLIFT completes, LRP conserves."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from kinds import kinds
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError

RNG = np.random.default_rng(0)
WAYS = ({}, {"engine": "numpy"}, {"precision": "float64"})
IMAGE, MATRIX, FEW = (2, 3, 5, 6), (2, 2, 3, 3), (2, 4, 5)


def grids(batch=1, spatial=(4, 3), scale=1.3):
    """Positions within the image and beyond its edges, off the places where the nearest pixel changes."""
    return np.random.default_rng(5).uniform(-scale, scale, (batch, *spatial, len(spatial))).astype("f")


def sampled(mode, padding, aligned):
    return f'GridSample<mode = "{mode}", padding_mode = "{padding}", align_corners = {aligned}> (x, grid)'


CASES = {
    "ReduceProd": ("ReduceProd (x, axes)", FEW, {"axes": np.array([-1])}),
    "ReduceProd of two axes, dropped": ("ReduceProd<keepdims = 0> (x, axes)", FEW, {"axes": np.array([2, 1])}),
    "Det of 2": ("Det (z)", (2, 3, 2, 2), {}),
    "Det of 3": ("Det (z)", MATRIX, {}),
    "Det of 4": ("Det (z)", (2, 2, 4, 4), {}),
    "LpPool": ("LpPool<kernel_shape = [2, 3], strides = [2, 1], pads = [0, 1, 1, 1]> (x)", IMAGE, {}),
    "LpPool of order 3": ("LpPool<p = 3, kernel_shape = [2, 2]> (x)", IMAGE, {}),
    "LpPool of order 1": ("LpPool<p = 1, kernel_shape = [2, 2], dilations = [2, 1]> (x)", IMAGE, {}),
    "LpPool rounded up": ("LpPool<kernel_shape = [2, 4], strides = [2, 3], ceil_mode = 1> (x)", IMAGE, {}),
    "GlobalLpPool": ("GlobalLpPool<p = 3> (x)", IMAGE, {}),
    "TopK": ("TopK<axis = 1> (x, k)", FEW, {"k": np.array([3])}),
    "TopK, the smallest of many": ("TopK<largest = 0> (x, k)", (2, 2, 21), {"k": np.array([5])}),
    **{
        f"GridSample, {mode}, {padding}{', aligned' * aligned}": (
            sampled(mode, padding, aligned), (1, *IMAGE[1:]), {"grid": grids()},
        )
        for mode in ("linear", "nearest", "cubic")
        for padding in ("zeros", "border", "reflection")
        for aligned in (0, 1)
    },
    "GridSample of a volume": (
        sampled("linear", "border", 0), (1, 2, 3, 4, 5), {"grid": grids(spatial=(2, 3, 2))},
    ),
}  # fmt: skip
OTHERWISE = {"LpPool rounded up", "GlobalLpPool", "GridSample, cubic, border", "GridSample, cubic, border, aligned"}
"""The reference rounds the first otherwise, does not have the second, and first moves positions into the image."""

SLOW = {name for name in CASES if name.startswith("GridSample, ")} - {
    *("GridSample, linear, zeros", "GridSample, nearest, border, aligned", "GridSample, cubic, reflection"),
}
SOME = kinds([(name,) for name in sorted(CASES)], lambda name: name not in SLOW)


def model(name):
    """The operator on Tanh(x) or, where its batch axes are more, on x itself; then a head of three scores."""
    text, shape, weights = CASES[name]
    flat = int(np.prod(output(name).shape[1:]))
    proto = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 20]> net (float{list(shape)} z) => (float[{shape[0]}, 3] y) '
        f"{{ x = Tanh (z)  {'v, places' if 'TopK' in name else 'v'} = {text}  f = Flatten (v)  y = MatMul (f, head) }}"
    )
    head = np.random.default_rng(1).normal(size=(flat, 3)).astype("f")
    known = {**weights, "head": head}
    proto.graph.initializer.extend(numpy_helper.from_array(value, key) for key, value in known.items())
    return proto


def output(name):
    """What onnxruntime says of the operator alone."""
    import onnxruntime as ort

    text, shape, weights = CASES[name]
    proto = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 20]> net (float{list(shape)} z) => (float[N] v) '
        f"{{ x = Tanh (z)  {'v, places' if 'TopK' in name else 'v'} = {text} }}"
    )
    proto.graph.initializer.extend(numpy_helper.from_array(value, key) for key, value in weights.items())
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    return ort.InferenceSession(proto.SerializeToString()).run(None, {"z": point(shape)})[0]


def point(shape):
    return np.random.default_rng(3).normal(size=shape).astype("f")


def slope(proto, z, v, step=1e-4, single=False):
    evaluator = ort.InferenceSession(proto.SerializeToString()) if single else ReferenceEvaluator(double(proto))
    z = z if single else z.astype("d")
    after, before = (evaluator.run(None, {"z": (z + side * step * v).astype(z.dtype)})[0][:, 1] for side in (1, -1))
    return (after - before) / (2 * step)


def double(proto):
    """The file with its floats in double precision."""
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    for value in (*result.graph.input, *result.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    for each in result.graph.initializer:
        if each.data_type == onnx.TensorProto.FLOAT:
            each.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(each).astype("d"), each.name))
    return result


@pytest.mark.parametrize("name", SOME)
def test_the_slope_is_that_of_the_file(name):
    proto, z = model(name), point(CASES[name][1])
    for way in WAYS:
        found = ox.explain(ox.load(proto, **way), z, "gradient", 1).attribution
        v = np.random.default_rng(4).normal(size=z.shape)
        single = name in OTHERWISE
        due, doubt = slope(proto, z, v, step=1e-2 if single else 1e-4, single=single), 2e-3 if single else 2e-5
        np.testing.assert_allclose((found * v).reshape(len(z), -1).sum(1), due, atol=doubt * np.abs(found).sum())


@pytest.mark.parametrize("name", SOME)
def test_what_is_shared_out_adds_up(name):
    loaded, z = ox.load(model(name)), point(CASES[name][1])
    baseline = np.random.default_rng(6).normal(size=z.shape[1:]).astype("f")
    lift, relevance = ox.explain(loaded, z, "deeplift", 1, baseline=baseline), ox.explain(loaded, z, "lrp.zero", 1)
    assert np.abs(lift.delta).max() < 2e-5 * np.abs(lift.attribution).sum()
    assert np.abs(relevance.delta).max() < 2e-4 * np.abs(relevance.attribution).sum()


def test_lengths_that_the_file_leaves_open_are_named():
    proto = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 18]> net (float[N, 3, T] x) => (float[N, 3] y) '
        "<int64[1] axes = {2}> { y = ReduceProd<keepdims = 0> (x, axes) }"
    )
    with pytest.raises(UnsupportedModelError, match=r"ReduceProd .*where the file states the lengths"):
        ox.explain(ox.load(proto), np.ones((2, 3, 4), "f"), "gradient", 1)
