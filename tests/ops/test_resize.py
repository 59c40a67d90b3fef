"""Resize against onnxruntime, in every mode; the adjoint is the transpose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one import check_linear, one
from onnx.reference import ReferenceEvaluator

from onnxplain.engines.numpy import NumpyNamespace
from onnxplain.engines.reference import Resize
from onnxplain.ops import resize

COORDINATES = ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"]
ROUNDING = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
EXACT = st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.0])
SCALES = st.one_of(EXACT, st.sampled_from([0.37, 0.83, 1.41, 1.5, 2.23]))
FEW = settings(max_examples=80, deadline=None)


@pytest.fixture(autouse=True, params=[True, False], ids=["matrices", "taps"], scope="module")
def dense(request):
    """All of it by matrices, as along short axes, and by taps, as along long ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resize, "_DENSE", 2**20 if request.param else 0)
        yield


def image(*shape):
    return np.random.default_rng(0).normal(size=shape)


@FEW
@given(st.sampled_from(COORDINATES), st.sampled_from(ROUNDING), st.data())
def test_nearest(coordinates, rounding, data):
    # half_pixel_symmetric maps centre to centre: with a rounded output size that is half way but for rounding errors
    up, along = (data.draw(EXACT if coordinates == "half_pixel_symmetric" else SCALES) for _ in range(2))
    scales = np.array([1, 1, up, along], np.float32)
    attrs = {"coordinate_transformation_mode": coordinates, "nearest_mode": rounding}
    check_linear(one("Resize", image(1, 2, 5, 8), None, scales, opset=19, **attrs))


@FEW
@given(st.sampled_from(ROUNDING), EXACT, EXACT)
def test_the_pixel_coordinates_of_keras(rounding, up, along):
    """onnxruntime still computes tf_half_pixel_for_nn, which tf2onnx writes for opsets 11 and 12."""
    attrs = {"coordinate_transformation_mode": "tf_half_pixel_for_nn", "nearest_mode": rounding}
    case = one("Resize", image(1, 2, 5, 8), None, np.array([1, 1, up, along], np.float32), opset=13, **attrs)
    check_linear(case)
    evaluator = ReferenceEvaluator(case.model, new_ops=[Resize])
    np.testing.assert_allclose(evaluator.run(None, case.feeds())[0], case.runtime()[0], rtol=1e-6)


def test_the_pixel_coordinates_of_keras_are_for_pixels():
    attrs = {"coordinate_transformation_mode": "tf_half_pixel_for_nn", "mode": "linear"}
    one("Resize", image(1, 2, 5, 8), None, np.array([1, 1, 2, 2], "f"), opset=13, **attrs).bound(problems := [])
    assert problems == ["Resize (node 'one'): tf_half_pixel_for_nn with mode 'linear' is not supported"]


@FEW
@given(
    st.sampled_from(["linear", "cubic"]),
    st.sampled_from(COORDINATES),
    SCALES,
    SCALES,
    st.booleans(),
    st.booleans(),
    st.sampled_from([-0.75, -0.5]),
)
def test_interpolation(mode, coordinates, up, along, antialias, exclude, a):
    attrs = {"mode": mode, "coordinate_transformation_mode": coordinates, "antialias": int(antialias)}
    attrs["exclude_outside"] = int(exclude and mode == "cubic")
    case = one(
        "Resize", image(1, 2, 5, 8), None, np.array([1, 1, up, along], np.float32), opset=19, cubic_coeff_a=a, **attrs
    )
    check_linear(case)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("size", [(1, 1), (3, 9), (5, 8), (13, 16)])
def test_sizes(mode, size):
    check_linear(one("Resize", image(1, 2, 5, 8), None, None, np.array([1, 2, *size]), mode=mode, opset=19))


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
@pytest.mark.parametrize("axes", [[2, 3], [3, 2]])
def test_aspect_ratio(policy, axes):
    attrs = {"mode": "linear", "keep_aspect_ratio_policy": policy, "axes": axes}
    check_linear(one("Resize", image(1, 2, 4, 8), None, None, np.array([7, 9]), opset=19, **attrs))


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_crop(mode):
    roi = np.array([0, 0, 0.2, -0.1, 1, 1, 0.9, 0.8], np.float32)
    case = one(
        "Resize",
        image(1, 2, 5, 8),
        roi,
        None,
        np.array([1, 2, 4, 11]),
        mode=mode,
        coordinate_transformation_mode="tf_crop_and_resize",
        opset=19,
    )
    check_linear(case)


@pytest.mark.parametrize("rank", [3, 5])
def test_other_ranks(rank):
    scales = np.array([1, 1, *[2.0] * (rank - 2)], np.float32)
    check_linear(one("Resize", image(1, 2, *range(3, rank + 1)), None, scales, mode="linear", opset=19))


def test_axes_with_scales():
    check_linear(one("Resize", image(1, 2, 4, 8), None, np.array([1.5, 2], np.float32), axes=[3, 2], opset=19))


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_a_walk_in_double_precision_knows_the_weights_in_double(mode):
    """Coordinates of float32 are off by 1e-5 along an axis of some hundred pixels."""
    case = one("Resize", image(1, 2, 3, 240), None, None, np.array([1, 2, 3, 224]), mode=mode, opset=19)
    x, y = case.inputs[0].astype(np.float64), case.reference()[0]
    attrs = {"coordinate_transformation_mode": "half_pixel", "nearest_mode": "floor", "cubic_coeff_a": -0.75}
    found = resize.resize(NumpyNamespace("float64"), x, y, attrs | {"mode": mode, "exclude_outside": 0})
    np.testing.assert_allclose(
        found, ReferenceEvaluator(case.model, new_ops=[Resize]).run(None, case.feeds(x))[0], rtol=0, atol=1e-12
    )
