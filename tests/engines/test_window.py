"""Window geometry by hand; test_affine.py and test_select.py hold it against onnxruntime."""

from __future__ import annotations

import pytest

from onnxplain.engines.window import Window

CASES = [
    # size, kernel, attributes -> before, after, out
    (7, 3, {}, 0, 0, 5),
    (7, 3, {"strides": [2], "pads": [1, 1]}, 1, 1, 4),
    (6, 3, {"strides": [2]}, 0, -1, 2),  # the last element is never read
    (6, 3, {"strides": [2], "ceil_mode": 1}, 0, 1, 3),
    (5, 2, {"strides": [3], "pads": [0, 1], "ceil_mode": 1}, 0, 0, 2),  # a third would start in the padding
    (6, 2, {"strides": [3], "pads": [0, 2], "ceil_mode": 1}, 0, -1, 2),  # a third would start where the padding does
    (6, 3, {"strides": [2], "auto_pad": "SAME_UPPER"}, 0, 1, 3),
    (6, 3, {"strides": [2], "auto_pad": "SAME_LOWER"}, 1, 0, 3),
    (7, 3, {"dilations": [3], "auto_pad": "VALID", "pads": [9, 9]}, 0, 0, 1),
]


@pytest.mark.parametrize(("size", "kernel", "attrs", "before", "after", "out"), CASES)
def test_resolve(size, kernel, attrs, before, after, out):
    window = Window.resolve((size,), (kernel,), attrs)
    assert (window.before, window.after, window.out) == ((before,), (after,), (out,))


def test_pointwise():
    assert Window.resolve((4, 5), (1, 1), {}).pointwise
    assert not Window.resolve((4, 5), (1, 1), {"strides": [2, 1]}).pointwise
    assert not Window.resolve((4, 5), (1, 1), {"pads": [0, 0, 0, 1]}).pointwise


@pytest.mark.parametrize(
    ("size", "kernel", "attrs", "read"),
    [
        (7, 3, {}, 3),
        (2, 448, {"strides": [448], "ceil_mode": 1}, 2),
        (5, 9, {"pads": [3, 3]}, 8),
        (5, 9, {"pads": [3, 9], "dilations": [2], "strides": [3]}, 4),
    ],
)
def test_taps_behind_the_input_are_left_out(size, kernel, attrs, read):
    window = Window.resolve((size,), (kernel,), attrs)
    within = window.within((size,))
    assert within.kernel == (read,) and (within.before, within.out) == (window.before, window.out)
