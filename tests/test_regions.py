"""Regions: shares by hand, boxes and masks, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from nets import DIGITS, digits, relu_cnn

import onnxplain as ox
from onnxplain.errors import UsageError


def explained(method="lrp.epsilon"):
    model, x = relu_cnn()
    return ox.explain(ox.load(model, precision="float64"), x, method)


def test_the_shares_are_sums_inside_over_sums():
    e = explained()
    mask = np.random.default_rng(0).random(e.relevance.shape) < 0.3
    found = ox.region(e, mask)
    for i, (R, inside) in enumerate(zip(e.relevance, mask, strict=True)):
        assert (R < 0).any() and (R > 0).any()
        assert found.area[i] == inside.mean()
        assert found.positive[i] == pytest.approx(R[inside & (R > 0)].sum() / R[R > 0].sum())
        assert found.absolute[i] == pytest.approx(np.abs(R[inside]).sum() / np.abs(R).sum())
        assert found.signed[i] == pytest.approx(R[inside].sum() / R.sum())


def test_a_box_is_the_mask_of_its_pixels_for_all_rows_or_for_each():
    e = explained()  # 11 rows of 9 pixels
    mask = np.zeros((11, 9), bool)
    mask[2:5, 1:9] = True
    one, each = ox.region(e, (1, 2, 9, 5)), ox.region(e, [[1, 2, 9, 5], [0, 0, 1, 1], [0, 0, 9, 11]])
    for name in ("area", "positive", "absolute", "signed"):
        np.testing.assert_array_equal(getattr(one, name), getattr(ox.region(e, mask), name))
        assert getattr(each, name)[0] == getattr(one, name)[0]
        assert getattr(each, name)[2] == pytest.approx(1)
    assert each.area.tolist() == [24 / 99, 1 / 99, 1]


def test_a_line_says_how_much_lies_inside():
    model = digits()
    e = ox.explain(model, DIGITS[:2], "saliency")
    found = ox.region(e, (4, 2, 12, 14))
    share = e.relevance[0, 2:14, 4:12].sum() / e.relevance[0].sum()
    assert found.line(0).startswith(f"inside 37.5 % of the area: {100 * share:.3g} % of the positive relevance")
    assert f"({share / 0.375:.2g} times its share of the area)" in found.line(0)
    assert str(found).splitlines() == [found.line(0), found.line(1)]


def test_a_share_of_nothing_is_no_number():
    e = explained("saliency")
    negative = ox.explain(*nothing_positive(), "lrp.zero", target=0)
    found = ox.region(negative, np.array([True, False]))
    assert np.isnan(found.positive).all() and found.absolute.tolist() == [1 / 3]
    assert "nothing of the positive relevance, 33.3 % of the absolute" in found.line()
    assert found.to_dict()["positive"] == [None] and "not_finite" in found.to_dict()
    assert "not_finite" not in ox.region(e, (0, 0, 1, 1)).to_dict()


def nothing_positive():
    from nets import network, node

    model = network([node("MatMul", "x w", "y")], (1, 2), {"w": -np.array([[1], [2]], "f")})
    return ox.load(model), np.ones((1, 2), "f")


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ((0, 0, 10, 5), r"box \(0, 0, 10, 5\): expected .* x1 <= 9 .* y1 <= 11"),
        ((3, 0, 3, 5), r"box \(3, 0, 3, 5\)"),
        ((-1, 0, 3, 5), "box"),
        ((0.0, 0.0, 3.0, 5.0), "a region of float64"),
        (np.ones((11, 9), np.uint8), "a mask of booleans, such as `picture > 0`"),
        (np.ones((9, 11), bool), r"a mask of the shape \[9, 11\] .* expected \[11, 9\] for all rows, or \[3, 11, 9\]"),
        (np.zeros((11, 9), bool), "row 0: the mask has no position inside"),
        ([[0, 0, 1, 1]] * 2, "a region of int64"),
    ],
)
def test_what_is_no_region_is_refused(where, says):
    with pytest.raises(UsageError, match=says):
        ox.region(explained(), where)


def test_a_vector_has_no_boxes():
    model, x = nothing_positive()
    with pytest.raises(UsageError, match="a box is one of a picture"):
        ox.region(ox.explain(model, x, "gradient", target=0), (0, 0, 1, 1))
