"""Convolution and its transpose by columns, directly and in tiles, against sums written out; those against others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels.checks import check_col2im, check_conv, check_conv_adjoint, check_im2col
from kernels.geometry import Geometry, adjoint_loops, conv_loops, geometries
from kernels.launch import needs_compiler, normal
from onnx import TensorProto, helper

pytestmark = needs_compiler
DTYPES = ("float32", "float64")
# what trained networks hold: 3x3, 3x3 with stride 2, 7x7 stem, 1x1 with stride 2, dilated, one axis, three axes
TYPICAL = {
    "3x3": Geometry((9, 7), (9, 7), (3, 3), (1, 1), (1, 1), (1, 1)),
    "3x3/2": Geometry((13, 12), (7, 6), (3, 3), (2, 2), (1, 1), (1, 1)),
    "7x7/2": Geometry((17, 15), (9, 8), (7, 7), (2, 2), (1, 1), (3, 3)),
    "1x1/2": Geometry((9, 8), (5, 4), (1, 1), (2, 2), (1, 1), (0, 0)),
    "dilated": Geometry((11, 9), (11, 9), (3, 3), (1, 1), (2, 2), (2, 2)),
    "dilated/3": Geometry((17, 10), (5, 4), (3, 2), (3, 2), (2, 3), (2, 1)),
    "1-D": Geometry((40,), (20,), (5,), (2,), (1,), (2,)),
    "3-D": Geometry((5, 6, 4), (3, 6, 2), (3, 3, 2), (2, 1, 2), (1, 1, 1), (1, 1, 0)),
}
ROWS = (128, 64)
"""Of a block of a tiled kernel."""
CHECKS = {"conv": check_conv, "conv_adjoint": check_conv_adjoint}
typical = pytest.mark.parametrize("g", TYPICAL.values(), ids=TYPICAL)
both = pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)


@settings(max_examples=40, deadline=None)
@given(geometries(), st.integers(1, 3), st.sampled_from(DTYPES))
def test_columns(g, planes, dtype):
    check_im2col(g, planes, dtype)
    check_col2im(g, planes, dtype)


@both
@settings(max_examples=30, deadline=None)
@given(g=geometries(), counts=st.tuples(*[st.integers(1, 3)] * 4), dtype=st.sampled_from(DTYPES))
def test_direct(check, g, counts, dtype):
    check(g, *counts, dtype)


@both
@typical
def test_direct_depthwise(check, g):
    check(g, batch=2, groups=5, cg=1, mg=1)


@both
@typical
@pytest.mark.parametrize("rows", ROWS)
def test_tiled(check, g, rows):
    """Channels that are no multiples of a tile, on either side."""
    check(g, batch=2, groups=1, cg=19, mg=70, tile=(rows, 1))


@both
@pytest.mark.parametrize(("cg", "mg", "groups"), [(131, 9, 1), (16, 16, 2), (7, 130, 1)])
def test_tiled_beyond_one_tile_of_rows(check, cg, mg, groups):
    check(TYPICAL["3x3/2"], batch=4, groups=groups, cg=cg, mg=mg, tile=(128, 1))


@both
@pytest.mark.parametrize("parts", [2, 3, 40])
def test_tiled_in_parts(check, parts):
    """More parts than steps, too: some have nothing to add."""
    check(TYPICAL["1x1/2"], batch=1, groups=2, cg=33, mg=21, tile=(64, parts))
    check(TYPICAL["3x3"], batch=1, groups=1, cg=17, mg=9, tile=(64, parts))


@both
@settings(max_examples=15, deadline=None)
@given(g=geometries(), counts=st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 20), st.integers(1, 20)))
def test_tiled_on_any_window(check, g, counts):
    check(g, *counts, tile=(64, 1))


@both
def test_tiled_in_double(check):
    check(TYPICAL["3x3/2"], cg=17, mg=18, dtype="float64", tile=(128, 2))


@typical
@pytest.mark.parametrize("groups", [1, 2])
def test_the_sums_written_out_are_those_of_onnxruntime(g, groups):
    """Conv, and ConvTranspose, which is the transpose of a convolution."""
    x, w = normal(2, 2 * groups, g.places()[0]), normal(3 * groups, 2, g.places()[2], seed=1)
    kernel = w.reshape(*w.shape[:2], *g.kernel)
    last = [(o - 1) * s + (k - 1) * d + 1 for o, s, k, d in zip(g.out, g.strides, g.kernel, g.dilations, strict=True)]
    after = [e - n - b for e, n, b in zip(last, g.size, g.before, strict=True)]
    attrs = {"strides": g.strides, "dilations": g.dilations, "group": groups}
    cut = [max(-a, 0) for a in after]  # elements that no window reads
    pads = [*g.before, *(max(a, 0) for a in after)]
    y = _onnxruntime("Conv", x.reshape(2, -1, *g.size), kernel, pads=pads, **attrs)
    y = y[(..., *map(slice, g.out))]
    np.testing.assert_allclose(conv_loops(x, w, groups, g), y.reshape(*y.shape[:2], -1), rtol=2e-5, atol=2e-5)
    arriving = normal(2, 3 * groups, *g.out, seed=2)
    back = _onnxruntime("ConvTranspose", arriving, kernel, pads=pads, output_padding=cut, **attrs)
    ours = adjoint_loops(arriving.reshape(2, 3 * groups, -1), w, groups, g)
    np.testing.assert_allclose(ours, back.reshape(*back.shape[:2], -1), rtol=2e-5, atol=2e-5)


def _onnxruntime(op, x, w, **attrs):
    """One node, run."""
    runtime = pytest.importorskip("onnxruntime")
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, a.shape) for n, a in (("x", x), ("w", w))]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node(op, ["x", "w"], ["y"], **attrs)], "one", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x, "w": w})[0]
