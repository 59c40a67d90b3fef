"""What the measures find on real trained models: explanations beat noise, and some do not read the model."""

from __future__ import annotations

import pytest
from nets import SHARED, needs_shared
from peers.zoo_real import CROP, IMAGENET, IMAGES

import onnxplain as ox

pytestmark = [pytest.mark.peer, needs_shared]
SLOW = pytest.mark.slow


def resnet20():
    return ox.load(SHARED / "exported/cifar10_resnet20-ts13.onnx", preprocess=IMAGENET)


def by(method, **parameters):
    return lambda model: ox.Explainer(model, method, **parameters)


METHODS = {
    "lrp.epsilon_plus_flat": by("lrp.epsilon_plus_flat"),
    "integrated_gradients": by("integrated_gradients", steps=20),
    "occlusion": by("occlusion", window=28, stride=28),
}
FONG = {"meaningful_perturbation": by("meaningful_perturbation", steps=60)}


def beats_noise(e, quantity):
    """Methods whose numbers are above those of the control by more than two standard errors."""
    lead = {method: e.difference(quantity, method) for method in e.methods if method != "random"}
    return {method for method, (mean, error) in lead.items() if mean > 2 * error}


@pytest.mark.parametrize(
    "method",
    ["lrp.epsilon_plus_flat", *(pytest.param(name, marks=SLOW) for name in ("integrated_gradients", "occlusion"))],
)
def test_explanations_of_resnet20_beat_noise(method):
    """Regions of 4 pixels, set to the mean colour: noise for a fill does such harm that the order hardly counts."""
    e = ox.evaluate(resnet20(), IMAGES / "cifar10", method, steps=30, region=4, fill="baseline")
    assert beats_noise(e, "aopc") == {method}


@SLOW
@pytest.mark.parametrize(
    ("name", "methods"), [("squeezenet1.1-fp32-ts9", METHODS | FONG), ("mobilenetv2-fp32-ts12", METHODS)]
)
def test_explanations_of_photos_beat_noise(name, methods):
    """Regions of 9 pixels under a blur. A mask of 60 steps is too raw to lead on MobileNetV2 with six photos."""
    model = ox.load(SHARED / f"exported/{name}.onnx", preprocess=IMAGENET | CROP)
    photos = sorted((IMAGES / "photos").iterdir())[:6]
    e = ox.evaluate(model, photos, methods, steps=30, fill="blur")
    assert beats_noise(e, "aopc") == set(methods)


@SLOW
def test_guided_backprop_hardly_sees_that_the_classifier_is_random_and_the_gradient_does():
    """Adebayo et al. 2018: its map stays when the layers behind are randomised, from the top down."""
    pictures = sorted((IMAGES / "cifar10").iterdir())[:6]
    e = ox.evaluate(resnet20(), pictures, ["gradient", "guided_backprop"], "model_randomisation", steps=10)
    alike = {
        method: e["model_randomisation", method].curves["spearman cascading"].mean(0)
        for method in ("gradient", "guided_backprop", "random")
    }
    # groups of two of 20 layers: the first step randomises the classifier and the last convolution
    assert alike["gradient"][1] < 0.4 and alike["guided_backprop"][1] > 0.75
    assert (alike["gradient"][1:6] < 0.4).all() and (alike["guided_backprop"][1:5] > 0.45).all()
    assert alike["gradient"][-1] < 0.15
    assert abs(alike["random"][1:]).max() < 0.05
    mean, error = e.difference("spearman_cascading", "guided_backprop", "gradient")
    assert mean > 2 * error
