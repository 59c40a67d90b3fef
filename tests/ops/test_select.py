"""SELECT: the winners are onnxruntime's indices, ties included; the message goes where they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one import backward, one, slopes
from windows import windows

FEW = settings(max_examples=80, deadline=None)


@FEW
@given(windows(ceil=True), st.integers(0, 99))
def test_max_pool(window, seed):
    """Small integers: almost every window has a tie."""
    size, kernel, attrs = window
    if any(s > k + 1 for s, k in zip(attrs["strides"], kernel, strict=True)):
        return
    x = np.random.default_rng(seed).integers(-2, 2, size=(2, 3, *size)).astype(np.float64)
    case = one("MaxPool", x, kernel_shape=kernel, outputs=2, opset=12, **attrs)
    y, indices = case.runtime()
    if (indices < 0).any() or (y < -2).any():
        return  # a window that sees nothing but padding has no winner
    site = case.site(y, x)
    np.testing.assert_array_equal(site.winners[0], indices)
    g = np.random.default_rng(seed).normal(size=y.shape)
    (answer,) = backward(site, g)
    assert (answer * x).sum() == pytest.approx((g * y).sum())
    assert answer.sum() == pytest.approx(g.sum())


def test_overlapping_windows_add_up():
    x = np.array([[[0.0, 5.0, 1.0]]])
    case = one("MaxPool", x, kernel_shape=[2])
    (answer,) = backward(case.site(case.runtime()[0], x), np.array([[[2.0, 3.0]]]))
    np.testing.assert_array_equal(answer, [[[0, 5, 0]]])


@pytest.mark.parametrize("attrs", [{"auto_pad": "SAME_UPPER", "strides": [4]}, {"dilations": [2]}])
def test_same_padding_that_runtimes_disagree_about(attrs):
    attrs = {"auto_pad": "SAME_UPPER"} | attrs
    one("MaxPool", np.zeros((1, 1, 9)), kernel_shape=[2], **attrs).bound(problems := [])
    assert "auto_pad" in problems[0]


REDUCTIONS = [
    ("GlobalMaxPool", None, {}),
    ("ReduceMax", [1], {"keepdims": 1}),
    ("ReduceMax", [-1, 1], {"keepdims": 0}),
    ("ReduceMax", None, {}),
    ("ReduceMax", None, {"noop_with_empty_axes": 1}),
]


@pytest.mark.parametrize(("op", "axes", "attrs"), REDUCTIONS)
def test_reductions(op, axes, attrs):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 2))
    case = one(op, x, *([] if axes is None else [np.array(axes)]), **attrs)
    (y,) = case.reference()
    g = np.random.default_rng(1).normal(size=y.shape)
    (answer,) = backward(case.site(y, x), g)
    numeric, _ = slopes(lambda x: case.reference(x)[0], g, x)
    np.testing.assert_allclose(answer, numeric, atol=1e-8)


def test_the_first_of_equals_wins_a_reduction():
    x = np.array([[1.0, 7.0, 7.0], [2.0, 2.0, 2.0]])
    case = one("ReduceMax", x, np.array([1]))
    (answer,) = backward(case.site(case.reference()[0], x), np.ones((2, 1)))
    np.testing.assert_array_equal(answer, [[0, 1, 0], [1, 0, 0]])


@pytest.mark.parametrize("active", [(0,), (1,), (0, 1)])
def test_max_of_two(active):
    rng = np.random.default_rng(0)
    case = one("Max", rng.normal(size=(2, 3, 4)), rng.normal(size=(3, 1)), active=active)
    xs = [case.inputs[i] for i in active]
    (y,) = case.reference()
    g = rng.normal(size=y.shape)
    for k, answer in enumerate(backward(case.site(y, *xs), g)):
        numeric, _ = slopes(lambda x, k=k: case.reference(*xs[:k], x, *xs[k + 1 :])[0], g, xs[k])
        np.testing.assert_allclose(answer, numeric, atol=1e-8)


def test_on_a_tie_the_first_operand_wins():
    case = one("Max", np.array([3.0]), np.array([3.0]), active=(0, 1))
    first, second = backward(case.site(np.array([3.0]), *case.inputs), np.array([2.0]))
    assert (first, second) == (2.0, 0.0)
