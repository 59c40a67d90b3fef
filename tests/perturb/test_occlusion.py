"""Occlusion against closed forms on linear functions, and a replica pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from perturb.rows import Plain, linear, picture

from onnxplain.errors import UsageError
from onnxplain.perturb.occlusion import Occlusion


@pytest.mark.parametrize("axis", [0, 2])
def test_single_pixels_of_a_linear_function_are_weight_times_input(axis):
    x = np.moveaxis(picture(), 0, axis)
    w, f = linear(x)
    found = Occlusion(window=1, stride=1).explain(Plain(x, f, channel_axis=axis))
    np.testing.assert_allclose(found.map, (w * x).sum(axis), atol=1e-12)


@pytest.mark.parametrize("shape", [(9,), (6, 5), (2, 3, 4, 5)])
def test_any_rank_without_channels(shape):
    x = picture(shape)
    w, f = linear(x)
    found = Occlusion(window=1, stride=1).explain(Plain(x, f))
    np.testing.assert_allclose(found.map, w * x, atol=1e-12)


@pytest.mark.parametrize(("window", "stride"), [(3, 2), (5, 5), ((4, 2), (3, 1)), (40, 8)])
def test_windows_spread_their_drop_and_overlaps_average(window, stride):
    x = picture()
    w, f = linear(x)
    total, covered = np.zeros((12, 10)), np.zeros((12, 10))
    sizes = [min(n, s) for n, s in zip((12, 10), np.broadcast_to(window, 2), strict=True)]
    steps = np.broadcast_to(stride, 2)
    ends = [n - size for n, size in zip((12, 10), sizes, strict=True)]
    tops, lefts = ([*range(0, end, step), end] for end, step in zip(ends, steps, strict=True))
    for top in tops:
        for left in lefts:
            key = np.s_[top : top + sizes[0], left : left + sizes[1]]
            total[key] += (w * x)[:, key[0], key[1]].sum() / (sizes[0] * sizes[1])
            covered[key] += 1
    row = Plain(x, f, channel_axis=0)
    method = Occlusion(window=window, stride=stride)
    np.testing.assert_allclose(method.explain(row).map, total / covered, atol=1e-12)
    assert sum(row.asked) == method.count(row) == 1 + len(tops) * len(lefts)


def test_disjoint_windows_sum_to_the_drop_of_hiding_everything():
    x = picture()
    w, f = linear(x)
    baseline = picture(seed=5)
    found = Occlusion(window=(4, 5), stride=(4, 5)).explain(Plain(x, f, baseline=baseline, channel_axis=0))
    np.testing.assert_allclose(found.map.sum(), (w * (x - baseline)).sum())


def test_what_is_hidden():
    x = picture()
    w, f = linear(x)
    means = x.mean((1, 2), keepdims=True)
    for value, seen in [("mean", means), (2.5, 2.5), ("baseline", 0.0)]:
        found = Occlusion(window=1, stride=1, value=value).explain(Plain(x, f, channel_axis=0))
        np.testing.assert_allclose(found.map, (w * (x - seen)).sum(0), atol=1e-12)


def test_a_blur_hides_detail_and_nothing_else():
    from scipy.ndimage import gaussian_filter

    x = picture()
    w, f = linear(x)
    soft = np.stack([gaussian_filter(plane, [10 * 12 / 224, 10 * 10 / 224], mode="reflect") for plane in x])
    found = Occlusion(window=1, stride=1, value="blur").explain(Plain(x, f, channel_axis=0))
    np.testing.assert_allclose(found.map, (w * (x - soft)).sum(0), atol=1e-9)


def test_sizes_follow_from_the_paper_s():
    row = Plain(np.zeros((3, 224, 448)), float, channel_axis=0)
    assert Occlusion()._widths(row) == [15, 30]
    assert [starts[1] - starts[0] for starts in Occlusion()._starts(row)] == [8, 16]
    table = Plain(np.zeros(300), float)
    assert Occlusion().count(table) == 301


def test_ids_are_hidden_but_not_mixed():
    x = np.array([3, 1, 4, 1], np.int64)
    row = Plain(x, lambda row: float(row @ [1, 10, 100, 1000]))
    np.testing.assert_array_equal(Occlusion().explain(row).map, [3, 10, 400, 1000])
    with pytest.raises(UsageError, match="token ids"):
        Occlusion(value="mean").explain(row)
    with pytest.raises(UsageError, match="holds int64"):
        Occlusion(value=0.5).explain(row)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": 2, "stride": 3}, "never be hidden"),
        ({"window": 0}, "window=0"),
        ({"window": 1.5}, "window=1.5"),
        ({"window": (2, 2, 2)}, "one for each axis"),
        ({"value": "noise"}, "'noise'"),
        ({"value": None}, 'expected "baseline"'),
        ({"value": float("nan")}, "value=nan"),
    ],
)
def test_parameters_that_make_no_sense(options, words):
    x = picture()
    with pytest.raises(UsageError, match=words):
        Occlusion(**options).explain(Plain(x, linear(x)[1], channel_axis=0))


def test_a_table_has_no_mean_over_its_columns():
    with pytest.raises(UsageError, match="nothing in common"):
        Occlusion(value="mean").explain(Plain(np.ones(4), float))


def test_a_long_signal_is_hidden_in_windows_and_a_table_or_a_text_place_by_place():
    """Sample by sample, a waveform would take its length in runs of the model."""
    x = picture((16000,))
    _, f = linear(x)
    signal = Plain(x, f)
    assert Occlusion().count(signal) < 50
    np.testing.assert_allclose(Occlusion().explain(signal).map.shape, x.shape)
    assert Occlusion().count(Plain(x[:100], f)) == 101
    assert Occlusion().count(Plain(x, f, named=True)) == 16001
    assert Occlusion().count(Plain(np.arange(300), f)) == 301


def test_a_row_of_a_single_number_is_hidden_as_a_whole():
    row = Plain(np.array(3.0), lambda x: 2 * float(x))
    assert Occlusion().explain(row).map == 6
