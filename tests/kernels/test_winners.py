"""Winners of windows and of axes, and what sends a message back to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels.checks import check_add_runs, check_pool_winners, check_reduce_winners, check_scatter_windows
from kernels.geometry import Geometry, geometries
from kernels.launch import needs_compiler, normal
from onnx import TensorProto, helper

pytestmark = needs_compiler
DTYPES = st.sampled_from(["float32", "float64"])


@settings(max_examples=40, deadline=None)
@given(geometries(), st.integers(1, 3), DTYPES, st.integers(0, 9))
def test_winners_of_windows(g, planes, dtype, seed):
    """Few values, so that ties are many; negative ones too, against which padding would win if it counted as 0."""
    x = np.random.default_rng(seed).integers(-3, 0, (planes, g.places()[0])).astype(dtype)
    check_pool_winners(g, x)


def test_winners_with_special_values():
    g = Geometry((6, 6), (3, 3), (3, 3), (2, 2), (1, 1), (1, 1))
    x = np.random.default_rng(0).choice([np.nan, -np.inf, np.inf, 1, 0], (4, 36)).astype("f")
    check_pool_winners(g, x)
    check_pool_winners(g, np.full((1, 36), -np.inf, "f"))


def test_winners_are_those_of_onnxruntime():
    runtime = pytest.importorskip("onnxruntime")
    g = Geometry((9, 8), (5, 4), (3, 3), (2, 2), (1, 1), (1, 1))
    x = np.random.default_rng(0).integers(-3, 3, (2, 3, *g.size)).astype("f")
    attrs = {"kernel_shape": g.kernel, "strides": g.strides, "pads": (1, 1, 1, 1)}
    node = helper.make_node("MaxPool", ["x"], ["y", "i"], **attrs)
    outputs = [
        helper.make_tensor_value_info(n, t, None) for n, t in (("y", TensorProto.FLOAT), ("i", TensorProto.INT64))
    ]
    graph = helper.make_graph([node], "p", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)], outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    indices = session.run(["i"], {"x": x})[0]
    np.testing.assert_array_equal(check_pool_winners(g, x.reshape(6, -1)), indices.reshape(6, -1))


@settings(max_examples=40, deadline=None)
@given(geometries(), st.integers(1, 3), DTYPES)
def test_scatter_to_the_winners_of_windows(g, planes, dtype):
    check_scatter_windows(g, planes, dtype)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 3), st.integers(1, 9), DTYPES)
def test_add_runs(indices, outer, inner, dtype):
    check_add_runs(indices, outer, 7, inner, dtype)


def test_add_runs_where_all_indices_are_equal():
    check_add_runs([3] * 500, 2, 5, 3)


def test_add_runs_where_none_are():
    check_add_runs(np.random.default_rng(0).permutation(300), 1, 300, 2)


@pytest.mark.parametrize(
    ("gone", "lanes"), [((1,), 4), ((0, 2), 8), ((1, 2), 256), ((2,), 1), ((0,), 64), ((0, 1, 2), 32)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_winners_of_axes(gone, lanes, dtype):
    check_reduce_winners(normal(5, 7, 6, dtype=dtype), gone, lanes)
    ties = np.random.default_rng(0).integers(0, 2, (5, 7, 6)).astype(dtype)
    check_reduce_winners(ties, gone, lanes)
    ties[ties == 1] = np.nan
    check_reduce_winners(ties, gone, lanes)
    check_reduce_winners(np.full((5, 7, 6), -np.inf, dtype), gone, lanes)
