"""Windows for hypothesis: Conv and the pools are held against onnxruntime over these."""

from __future__ import annotations

from hypothesis import assume
from hypothesis import strategies as st


@st.composite
def windows(draw, *, ceil=False):
    """Spatial size, kernel and window attributes, with at least one position; onnxruntime knows no dilated SAME."""
    n = draw(st.integers(1, 3))
    each = lambda low, high: draw(st.lists(st.integers(low, high), min_size=n, max_size=n))  # noqa: E731
    size, kernel, strides = each(3, 7), each(1, 3), each(1, 3)
    attrs = {"strides": strides}
    auto = draw(st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    attrs["dilations"] = [1] * n if auto.startswith("SAME") else each(1, 2)
    span = [(k - 1) * d + 1 for k, d in zip(kernel, attrs["dilations"], strict=True)]
    if auto == "NOTSET":
        attrs["pads"] = [draw(st.integers(0, k - 1)) for k in kernel * 2]
    else:
        attrs["auto_pad"] = auto
    if ceil:
        attrs["ceil_mode"] = draw(st.integers(0, 1))
    assume(all(s >= k for s, k in zip(size, span, strict=True)))
    return size, kernel, attrs
