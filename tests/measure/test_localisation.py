"""Measures against annotations: by hand, with ties as the mean over all ways to break them, and what is refused."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from measure.linear import linear

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.measure.localisation import pointing_game, relevance_mass, relevance_rank

NAMES = ("pointing_game", "relevance_mass", "relevance_rank")
MAP = np.array([[3.0, -5.0, 1.0], [0.0, 2.0, -1.0]])


def mask(*inside):
    found = np.zeros((2, 3), bool)
    found[tuple(zip(*inside, strict=True))] = True
    return found


def test_values_by_hand():
    assert pointing_game(MAP, mask((0, 0))) == 1 and pointing_game(MAP, mask((0, 1), (1, 1))) == 0
    assert relevance_mass(MAP, mask((0, 0), (0, 1))) == 3 / 6
    assert relevance_rank(MAP, mask((0, 0), (0, 2), (1, 0))) == 2 / 3  # the three largest are 3, 2, 1
    assert relevance_mass(-np.abs(MAP), mask((0, 0))) == 0


def test_a_tolerance_grows_the_mask():
    beside = mask((1, 1))
    assert pointing_game(MAP, beside) == 0 and pointing_game(MAP, beside, tolerance=1) == 1
    assert pointing_game(MAP, mask((0, 2)), tolerance=1) == 0 and pointing_game(MAP, mask((0, 2)), tolerance=2) == 1
    with pytest.raises(UsageError, match="tolerance=-1"):
        pointing_game(MAP, beside, tolerance=-1)


@pytest.mark.parametrize("seed", range(6))
def test_ties_are_broken_at_random_on_average(seed):
    """The mean over all orders in which positions of one value can come."""
    rng = np.random.default_rng(seed)
    relevance, inside = rng.integers(0, 3, 6).astype(float), rng.random(6) < 0.5
    inside[0] = True
    hits, ranks, k = [], [], inside.sum()
    for order in permutations(range(6)):
        found = np.array(sorted(order, key=lambda i: -relevance[i]))  # stable: ties stay in the order
        hits.append(inside[found[0]])
        ranks.append(inside[found[:k]].mean())
    assert pointing_game(relevance, inside) == pytest.approx(np.mean(hits))
    assert relevance_rank(relevance, inside) == pytest.approx(np.mean(ranks))


def test_a_map_is_judged_by_the_mask_of_its_row():
    model, x, w = linear()
    contributions = (w[1] * x).sum(1)
    masks = contributions > np.quantile(contributions, 0.7, axis=(1, 2), keepdims=True)
    e = ox.evaluate(model, x, ["input_x_gradient"], NAMES, target=1, masks=masks)
    for quantity in ("hit", "rank_inside"):
        assert e.of(quantity)["input_x_gradient"].tolist() == [1] * 4
    assert (e.of("rank_inside")["random"] < 0.8).all()
    due = [relevance_mass(*pair) for pair in zip(contributions, masks, strict=True)]
    np.testing.assert_allclose(e.of("mass_inside")["input_x_gradient"], due)
    assert e.record["masks"]["shape"] == [4, 6, 5]
    turned = ox.evaluate(model, x, ["input_x_gradient"], NAMES, target=1, masks=masks[::-1])
    assert turned.record["masks"] != e.record["masks"] and turned.of("rank_inside")["input_x_gradient"].mean() < 0.9


def test_masks_are_asked_for_and_not_taken_for_nothing():
    model, x, _ = linear()
    with pytest.raises(UsageError, match="'relevance_mass' compares with annotations: give masks="):
        ox.evaluate(model, x, ["gradient"], ["completeness", "relevance_mass"])
    with pytest.raises(UsageError, match="read by no measure asked for; these read it: pointing_game"):
        ox.evaluate(model, x, ["gradient"], ["completeness"], masks=(0, 0, 2, 2))
    with pytest.raises(UsageError, match="box"):
        ox.evaluate(model, x, ["gradient"], ["pointing_game"], masks=(0, 0, 9, 2))
