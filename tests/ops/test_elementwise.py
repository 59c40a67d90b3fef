"""ELEMENTWISE: the slope against central differences in float64, away from kinks; and what it is at a kink."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one import one

from onnxplain.ops import Family, standard_ops

MEMBERS = [op.name for op in standard_ops().values() if op.family is Family.ELEMENTWISE]

erf = np.vectorize(math.erf)

# onnx.reference computes these in float32
IN_FLOAT64 = {
    "Erf": lambda _, x: erf(x),
    "HardSwish": lambda _, x: x * np.clip(x / 6 + 0.5, 0, 1),
    "Gelu": lambda attrs, x: (
        x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        if attrs.get("approximate") == "tanh"
        else x / 2 * (1 + erf(x / math.sqrt(2)))
    ),
}

DOMAINS = {
    **dict.fromkeys(("Asin", "Acos", "Atanh"), (-0.95, 0.95)),
    **dict.fromkeys(("Log", "Sqrt"), (0.05, 5.0)),
    "Acosh": (1.05, 5.0),
    "Tan": (-1.4, 1.4),
    "Reciprocal": (0.1, 5.0),
}

small = st.floats(0.1, 2.0)
ATTRS = {
    "LeakyRelu": {"alpha": small},
    "ThresholdedRelu": {"alpha": small},
    "Elu": {"alpha": small},
    "Celu": {"alpha": small},
    "Swish": {"alpha": small},
    "Selu": {"alpha": small, "gamma": small},
    "HardSigmoid": {"alpha": small, "beta": small},
    "Shrink": {"lambd": small, "bias": small},
    "Gelu": {"approximate": st.sampled_from(["none", "tanh"])},
    "Mod": {"fmod": st.just(1)},
}

FURTHER = {
    "PRelu": [np.array([0.3, -0.2, 1.5])],
    "Pow": [np.array([2.0, 3.0, -1.0])],
    "Clip": [np.array(-1.0), np.array(1.5)],
    "Mod": [np.array([1.3, 2.0, 0.7])],
}


def drawn(op, data):
    """A node with drawn attributes, its function by someone else, and a point."""
    low, high = DOMAINS.get(op, (-4.0, 4.0))
    values = st.floats(low, high, allow_subnormal=False)
    x = np.array(data.draw(st.lists(values, min_size=6, max_size=6))).reshape(2, 3)
    attrs = {name: data.draw(strategy) for name, strategy in ATTRS.get(op, {}).items()}
    case = one(op, x, *FURTHER.get(op, []), **attrs)
    return case, partial(IN_FLOAT64[op], attrs) if op in IN_FLOAT64 else lambda x: case.reference(x)[0], x


@pytest.mark.parametrize("op", [name for name in MEMBERS if "value" in standard_ops()[name].facts])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_value(op, data):
    case, f, x = drawn(op, data)
    site = case.site(f(x), x)
    for there in (x, 30 - 7 * x):
        np.testing.assert_allclose(site.value_at(there), f(there), rtol=1e-9, atol=1e-12)
    assert case.site(f(x), x, dtype="float32").value_at(x.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("op", MEMBERS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_slope(op, data):
    case, f, x = drawn(op, data)
    step = 1e-6 * (1 + np.abs(x))
    with np.errstate(all="ignore"):
        after, here, before = f(x + step), f(x), f(x - step)
        slope = case.site(here, x).slope
        turn = np.abs(after - 2 * here + before) / step  # how far the slopes on both sides differ
    smooth = (turn < 1e-3) & (np.abs(after - before) < 1e3 * step) & np.isfinite(slope)  # else a kink or a step is near
    numeric = (after - before) / (2 * step)
    error = np.abs(np.broadcast_to(slope, x.shape) - numeric)
    # at a kink so slight that it passes for smooth, the numeric slope is the mean of those on both sides
    assert (error <= 1e-5 * (1 + np.abs(numeric)) + turn / 2)[smooth].all(), (x, slope, numeric)


KINKS = [
    ("Relu", 0.0, 0.0, {}),
    ("LeakyRelu", 0.0, 0.25, {"alpha": 0.25}),
    ("ThresholdedRelu", 1.0, 0.0, {}),
    ("Abs", 0.0, 0.0, {}),
    ("Elu", 0.0, 1.0, {}),
    ("HardSwish", 3.0, 1.5, {}),
    ("HardSwish", -3.0, 0.0, {}),
]


@pytest.mark.parametrize(("op", "x", "slope", "attrs"), KINKS)
def test_slope_at_a_kink(op, x, slope, attrs):
    case = one(op, np.array([x]), **attrs)
    assert case.site(case.reference()[0], case.inputs[0]).slope == pytest.approx(slope)


def test_clip_passes_inside_only():
    case = one("Clip", np.array([-1.0, 0.0, 6.0, 7.0]), np.array(-1.0), np.array(6.0))
    np.testing.assert_array_equal(case.site(case.reference()[0], case.inputs[0]).slope, [0, 1, 0, 0])
    open_above = one("Clip", np.array([-1.0, 7.0]), np.array(-1.0))
    np.testing.assert_array_equal(open_above.site(open_above.reference()[0], open_above.inputs[0]).slope, [0, 1])
    open_below = one("Clip", np.array([-7.0, 5.0, 7.0]), None, np.array(6.0))
    np.testing.assert_array_equal(open_below.site(open_below.reference()[0], open_below.inputs[0]).slope, [1, 1, 0])


def test_a_power_of_zero_is_flat_everywhere():
    case = one("Pow", np.array([0.0, 2.0]), np.array(0, np.int64))
    np.testing.assert_array_equal(case.site(np.ones(2), case.inputs[0]).slope, [0, 0])


@pytest.mark.parametrize("op", MEMBERS)
def test_slope_keeps_float32(op):
    x = np.array([[0.5, 0.25, 0.75]], np.float32) + (1 if op == "Acosh" else 0)
    more = [each.astype(np.float32) for each in FURTHER.get(op, [])]
    case = one(op, x, *more, **({"fmod": 1} if op == "Mod" else {}))
    site = case.site(case.reference()[0].astype(np.float32), x, dtype="float32")
    assert (x * site.slope).dtype == np.float32


def test_rectifiers():
    names = {op.name for op in standard_ops().values() if op.rectifier}
    assert names == {"Relu", "LeakyRelu", "PRelu", "ThresholdedRelu", "Clip"}
