"""AFFINE: the output of onnxruntime, and the transpose of it, over shapes and attributes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from one import check_linear, check_transpose, one
from windows import windows

from onnxplain.ops import Family

FEW = settings(max_examples=60, deadline=None)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@FEW
@given(windows(), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2), st.booleans())
def test_conv(window, group, ins, outs, biased):
    size, kernel, attrs = window
    w, b = normal(group * outs, ins, *kernel), normal(group * outs)
    check_linear(one("Conv", normal(2, group * ins, *size), w, *([b] if biased else []), group=group, **attrs))


@FEW
@given(windows(), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2), st.data())
def test_conv_transpose(window, group, ins, outs, data):
    size, kernel, attrs = window
    n = len(size)
    if "pads" in attrs:
        free = [max(s, d) - 1 for s, d in zip(attrs["strides"], attrs["dilations"], strict=True)]
        attrs["output_padding"] = [data.draw(st.integers(0, f)) for f in free]
    if data.draw(st.booleans()):
        pads, extra = attrs.pop("pads", [0] * 2 * n), attrs.get("output_padding", [0] * n)
        rest = zip(size, attrs["strides"], kernel, attrs["dilations"], pads[:n], pads[n:], extra, strict=True)
        attrs["output_shape"] = [(i - 1) * s + (k - 1) * d + 1 + p - b - a for i, s, k, d, b, a, p in rest]
        assume(min(attrs["output_shape"]) > 0)
    w = normal(group * ins, outs, *kernel)
    case = one("ConvTranspose", normal(2, group * ins, *size), w, normal(group * outs), group=group, **attrs)
    try:
        case.runtime()
    except Exception:  # noqa: BLE001  onnxruntime refuses some combinations; those are no cases
        assume(False)
    check_linear(case)


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize(("kernel", "stride"), [(2, 1), (4, 1), (3, 2)])
def test_conv_transpose_of_an_odd_pad(auto_pad, kernel, stride):
    w = normal(3, 2, kernel)
    check_linear(one("ConvTranspose", normal(2, 3, 5), w, auto_pad=auto_pad, strides=[stride]))


@FEW
@given(windows(ceil=True), st.integers(0, 1))
def test_average_pool(window, include):
    size, kernel, attrs = window
    assume(not (include and attrs.get("auto_pad", "").startswith("SAME") and attrs["ceil_mode"]))
    assume(not any(s > k + 1 for s, k in zip(attrs["strides"], kernel, strict=True)))
    x = normal(2, 3, *size)
    check_linear(one("AveragePool", x, kernel_shape=kernel, count_include_pad=include, opset=22, **attrs))


@pytest.mark.parametrize("include", [0, 1])
def test_an_average_over_a_window_that_is_larger_than_the_input(include):
    attrs = {"kernel_shape": [9, 4], "strides": [9, 2], "pads": [1, 1, 0, 2], "ceil_mode": 1}
    check_linear(one("AveragePool", normal(2, 3, 5, 4), count_include_pad=include, **attrs))


@pytest.mark.parametrize("rank", [3, 4, 5])
def test_global_average_pool(rank):
    check_linear(one("GlobalAveragePool", normal(2, 3, *range(2, rank))))


@FEW
@given(
    st.sampled_from(["ReduceSum", "ReduceMean"]),
    st.lists(st.integers(-3, 2), max_size=3, unique_by=lambda a: a % 3),
    st.booleans(),
    st.booleans(),
)
def test_reduce(op, axes, keep, noop):
    given_axes = [np.array(axes, np.int64)] if axes else []
    case = one(op, normal(2, 3, 4), *given_axes, keepdims=int(keep), noop_with_empty_axes=int(noop), opset=18)
    check_linear(case)


@FEW
@given(st.integers(-3, 2), st.integers(0, 1), st.integers(0, 1))
def test_cumsum(axis, exclusive, reverse):
    case = one("CumSum", normal(2, 3, 4), np.array(axis), exclusive=exclusive, reverse=reverse)
    check_linear(case)


@FEW
@given(st.data())
def test_col2im(data):
    each = lambda low, high: data.draw(st.lists(st.integers(low, high), min_size=2, max_size=2))  # noqa: E731
    image, block, strides, dilations = each(4, 7), each(1, 3), each(1, 2), each(1, 2)
    pads = data.draw(st.lists(st.integers(0, 1), min_size=4, max_size=4))
    span = [(k - 1) * d + 1 for k, d in zip(block, dilations, strict=True)]
    rooms = [i + pads[a] + pads[a + 2] - k for a, (i, k) in enumerate(zip(image, span, strict=True))]
    assume(min(rooms) >= 0)
    blocks = np.prod([r // s + 1 for r, s in zip(rooms, strides, strict=True)])
    x = normal(2, 3 * int(np.prod(block)), int(blocks))
    attrs = {"strides": strides, "dilations": dilations, "pads": pads}
    check_linear(one("Col2Im", x, np.array(image), np.array(block), opset=18, **attrs))


@FEW
@given(
    st.sampled_from([5, 8]), st.sampled_from([None, 4, 8, 11]), st.integers(1, 2), st.integers(0, 1), st.integers(0, 1)
)
def test_dft(length, size, parts, inverse, axis):
    """Of real signals and of pairs, cut or filled up, along one axis or the other."""
    shape = [3, 3, parts]
    shape[axis] = length
    attrs = {"inverse": inverse} if parts == 2 else {}  # onnxruntime takes no real signal back
    check_linear(one("DFT", normal(*shape), None if size is None else np.array(size), np.array(axis), **attrs))


@pytest.mark.parametrize("size", [7, 8])
def test_one_side_of_a_spectrum(size):
    """The other side mirrors it; back it goes by NumPy, since not every onnxruntime knows that way."""
    x = normal(2, size, 1)
    check_linear(one("DFT", x, None, np.array(1), onesided=1))
    pairs = np.stack([normal(2, size // 2 + 1), normal(2, size // 2 + 1, seed=1)], -1)
    case = one("DFT", pairs, np.array(size), np.array(1), onesided=1, inverse=1)
    due = np.fft.irfft(pairs[..., 0] + 1j * pairs[..., 1], size, axis=1)[..., np.newaxis]
    site = case.site(due, pairs)
    np.testing.assert_allclose(site.apply(pairs, None), due, atol=1e-12)
    g = normal(*due.shape)
    np.testing.assert_allclose((site.adjoint(g) * pairs).sum(), (g * due).sum(), rtol=1e-10)


@pytest.mark.parametrize("onesided", [0, 1])
@pytest.mark.parametrize("window", [True, False])
@pytest.mark.parametrize("shape", [(2, 33, 1), (2, 33)])
def test_stft(onesided, window, shape):
    if shape == (2, 33):  # onnxruntime wants the axis of parts
        onesided, window = 1, True
    given = [np.hanning(8), None] if window else [None, np.array(8)]
    case = one("STFT", normal(*shape), np.array(5), *given, onesided=onesided, opset=17)
    y = case.runtime()[0] if len(shape) == 3 else one("STFT", case.inputs[0][..., None], *case.inputs[1:]).runtime()[0]
    site = case.site(y, case.inputs[0])
    np.testing.assert_allclose(site.apply(case.inputs[0], None), y, atol=1e-4)
    g = normal(*y.shape, seed=2)
    left, right = (site.apply(case.inputs[0], None) * g).sum(), (case.inputs[0] * site.adjoint(g)).sum()
    assert abs(left - right) < 1e-10 * np.abs(g).sum()


def test_batch_normalization_that_no_neighbour_took():
    x, scale, bias = normal(2, 3, 4, 5), normal(3), normal(3)
    plain = one("BatchNormalization", x, scale, bias, np.zeros(3), np.ones(3), epsilon=0.0)
    check_linear(plain)
    check_transpose(plain)


@pytest.mark.parametrize("op", ["Add", "Mul", "MatMul", "Gemm"])
@pytest.mark.parametrize("side", [0, 1])
def test_a_product_or_sum_with_one_constant_side(op, side):
    x, c = normal(4, 4), normal(4, 4, seed=1)
    case = one(op, *((x, c) if side == 0 else (c, x)), active=(side,))
    assert case.bound().family is Family.AFFINE
    check_linear(case)


@pytest.mark.parametrize("trans", [0, 1])
def test_gemm_with_bias(trans):
    w = normal(5, 4) if trans else normal(4, 5)
    check_linear(one("Gemm", normal(3, 4), w, normal(5), transB=trans))


def test_what_the_facts_do_not_cover_is_refused():
    def problem(*args, **kwargs):
        one(*args, **kwargs).bound(found := [])
        return " ".join(found)

    assert "'W' is computed from the explained input" in problem(
        "Conv", normal(1, 1, 3), normal(1, 1, 2), active=(0, 1)
    )
    assert "'axes' is computed" in problem("ReduceSum", normal(2, 3), np.array([1]), active=(0, 1))
    assert "a mean" in problem("BatchNormalization", normal(2, 3), *[np.ones(3)] * 4)
    assert "alpha" in problem("Gemm", normal(2, 2), normal(2, 2), alpha=0.5)
