"""Scales run in equal steps, have zero where it belongs, and come from matplotlib by name where that is installed."""

import sys

import numpy as np
import pytest

from onnxplain.errors import MissingExtraError, UsageError
from onnxplain.show.scales import DIVERGING, LEVELS, SEQUENTIAL, half, table

OURS = (SEQUENTIAL, "viridis", "grey")


def lab(rgb):
    colour = pytest.importorskip("skimage.color", reason="scikit-image is not installed")
    return colour.rgb2lab(np.asarray(rgb)[None] / 255)[0]


@pytest.mark.parametrize("name", OURS)
def test_a_sequential_scale_gets_lighter_in_steps_of_one_size(name):
    seen = lab(table(name))
    coarse = np.linalg.norm(np.diff(seen[:: (LEVELS - 1) // 16], axis=0), axis=1)
    assert (np.diff(seen[::4, 0]) > 0).all(), "lighter all the way"
    assert coarse.min() > 0.65 * coarse.max(), "no band stands out"


@pytest.mark.parametrize(("name", "own"), [("inferno", SEQUENTIAL), ("viridis", "viridis")])
def test_the_sequential_scales_are_close_to_matplotlibs_of_their_names(name, own):
    colormaps = pytest.importorskip("matplotlib", reason="the extra plot is not installed").colormaps
    theirs = lab(colormaps[name](np.linspace(0, 1, LEVELS))[:, :3] * 255)
    apart = np.linalg.norm(lab(table(own))[:, None] - theirs[None], axis=2).min(1)
    assert apart.max() < 15, "the same colours, though not at the same places"


def test_a_half_runs_from_zero_to_one_end():
    assert half(DIVERGING, upper=True)[[0, -1]].tolist() == [[255] * 3, table(DIVERGING)[-1].tolist()]
    assert half(DIVERGING, upper=False)[[0, -1]].tolist() == [table(DIVERGING)[0].tolist(), [255] * 3]
    assert np.array_equal(half(SEQUENTIAL, upper=True), table(SEQUENTIAL))
    assert np.array_equal(half(SEQUENTIAL, upper=False), table(SEQUENTIAL)[::-1])


def test_colormaps_of_matplotlib_have_its_colours():
    colormaps = pytest.importorskip("matplotlib", reason="the extra plot is not installed").colormaps
    for name in ("magma", "RdBu_r"):
        assert table(name)[0].tolist() == [round(255 * each) for each in colormaps[name](0.0)[:3]]
        assert table(name)[-1].tolist() == [round(255 * each) for each in colormaps[name](1.0)[:3]]
    assert half("RdBu_r", upper=True)[0].tolist() == table("RdBu_r")[LEVELS // 2].tolist()


def test_a_name_that_nobody_knows_is_refused():
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    with pytest.raises(UsageError, match=r"cmap='viridiz'.*'viridis'"):
        table("viridiz")


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"inferno.*onnxplain\[plot\]"):
        table("cividis")
