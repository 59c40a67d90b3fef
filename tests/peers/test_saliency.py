"""Blur IG and Guided IG against the reference implementation of their authors, live and in float64."""

from __future__ import annotations

import numpy as np
import pytest
from nets import relu_cnn

import onnxplain as ox
from onnxplain.method.paths import BlurPath

saliency = pytest.importorskip("saliency.core", reason="saliency is not installed")
pytestmark = pytest.mark.peer


def slopes(model, target):
    """What the reference asks of a model: gradients at a batch of points."""
    explainer = ox.Explainer(model, "gradient")

    def gradients(points, call_model_args=None, expected_keys=None):
        return {saliency.INPUT_OUTPUT_GRADIENTS: explainer(points.astype("f"), target).attribution}

    return gradients


def network():
    model, x = relu_cnn()
    return ox.load(model, precision="float64"), x


@pytest.mark.parametrize(("fraction", "distance"), [(0.25, 0.02), (0.1, 0.2), (0.5, 1.0)])
def test_guided_ig_equals_saliency(fraction, distance, monkeypatch):
    """It calls np.quantile by a word that NumPy has given up; points are float32 for both."""
    quantile = np.quantile
    monkeypatch.setattr(np, "quantile", lambda x, q, interpolation: quantile(x, q, method=interpolation))
    model, x = network()
    options = {"fraction": fraction}
    found = ox.explain(model, x, "guided_ig", target=2, steps=40, distance=distance, **options)
    for row, ours in zip(x, found.attribution, strict=True):
        theirs = saliency.GuidedIG().GetMask(row, slopes(model, 2), x_steps=40, max_dist=distance, **options)
        assert np.abs(ours - theirs).max() < 1e-3 * np.abs(theirs).max()


def test_blur_ig_comes_to_that_of_saliency_as_steps_shrink(monkeypatch):
    """It takes the left end of each step, and the slope of the blur by a difference of 0.01; here it is the middle, and
    the differences of the blurs themselves, which therefore sum up. Its blur has black beyond the border, where ours is
    mirrored: it is given ours.
    """
    from saliency.core import blur_ig

    model, x = network()
    axes = lambda values: np.moveaxis(values, 0, -1)  # noqa: E731
    back = lambda values: np.moveaxis(values, -1, 0)  # noqa: E731
    monkeypatch.setattr(blur_ig, "gaussian_blur", lambda x, sigma: axes(BlurPath(sigma=sigma).start(back(x), None, 0)))
    inner = slopes(model, 2)

    def gradients(points, **given):
        found = inner(np.moveaxis(points, -1, 1), **given)
        return {name: np.moveaxis(value, 1, -1) for name, value in found.items()}

    found = ox.explain(model, x, "blur_ig", target=2, steps=400, sigma=2.0)
    for row, ours in zip(x, found.attribution, strict=True):
        apart = []
        for steps in (25, 400):
            theirs = saliency.BlurIG().GetMask(
                axes(row.astype(float)), gradients, max_sigma=2.0, steps=steps, grad_step=1e-4, batch_size=5
            )
            apart.append(np.abs(ours - back(theirs)).max() / np.abs(ours).max())
        assert apart[1] < 0.02 and apart[1] < apart[0] / 4
