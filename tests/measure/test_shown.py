"""What a table and a figure of an evaluation say is what was found."""

from __future__ import annotations

import re

import numpy as np
import pytest
from nets import relu_cnn

import onnxplain as ox

FEW = {"steps": 4, "samples": 4}


def test_what_is_better_is_as_the_papers_say():
    model, x = relu_cnn()
    table = str(ox.evaluate(ox.load(model), x[:1], ["gradient"], ox.measures(), masks=(2, 1, 7, 8), **FEW))
    higher = {"aopc", "abpc", "insertion", "road", "road_lerf", "gini", "hit", "mass_inside", "rank_inside"}
    lower = {"aopc_lerf", "deletion", "gap", "relative_gap", "max_sensitivity", "infidelity", "unexplained"}
    lower |= {"road_morf", "entropy"}
    lower |= {f"{what}_{how}" for what in ("spearman", "ssim") for how in ("cascading", "all", "independent")}
    found = set(re.findall(r"(\w+) ([↑↓])(?= |$)", table, re.MULTILINE))
    assert found == {(name, "↑") for name in higher} | {(name, "↓") for name in lower}


def test_a_band_is_a_standard_error_to_each_side_of_the_mean():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    model, x = relu_cnn()
    e = ox.evaluate(ox.load(model), x, ["gradient"], "pixel_flipping", steps=4)
    band = e.plot().axes[0].collections[0].get_paths()[0].vertices
    ends = [(band[band[:, 0] == step][:, 1].min(), band[band[:, 0] == step][:, 1].max()) for step in range(5)]
    falls = e["pixel_flipping", "gradient"].curves["morf"]
    error = falls.std(0, ddof=1) / 3**0.5
    np.testing.assert_allclose(ends, np.stack([falls.mean(0) - error, falls.mean(0) + error], 1), atol=1e-6)


def test_a_bar_has_the_name_of_its_method():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    model, x = relu_cnn()
    e = ox.evaluate(ox.load(model), x, ["gradient", "deeplift"], "sensitivity")
    axes = e.plot().axes[0]
    names = [each.get_text() for each in axes.get_yticklabels()]
    drawn = {name: bar.get_width() for name, bar in zip(names, axes.patches, strict=True)}
    assert drawn == pytest.approx({method: values.mean() for method, values in e.of("max_sensitivity").items()})
    assert axes.yaxis_inverted(), "the first method at the top"
