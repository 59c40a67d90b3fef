"""torchvision's networks by both exporters of torch: the gradient against autograd, and what must add up."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from kinds import kinds
from peers.zoo import NETWORKS, double, loaded, relative, sample, torch

import onnxplain as ox

pytestmark = pytest.mark.peer
PRECISION = {"float64": 1e-12, "float32": 1e-5}
BOOKS = [("lrp.epsilon", "float64"), ("lrp.epsilon_plus_flat", "float64"), ("lrp.epsilon_plus_flat", "float32")]
EXPORTS = [("torchscript", "float64"), ("dynamo", "float64"), ("torchscript", "float32")]


def networks(variants):
    """Every network in every variant, of which those of one network run by default."""
    return kinds([(name, *each) for name, each in product(NETWORKS, variants)], lambda name, *_: name == "resnet18")


def autograd(name, x, target):
    leaf = torch.from_numpy(x).double().requires_grad_()
    scores = double(name)(leaf)
    return torch.autograd.grad(scores[range(len(x)), target].sum(), leaf)[0].numpy()


@pytest.mark.parametrize(("name", "exporter", "precision"), networks(EXPORTS))
def test_gradient_equals_autograd(name, exporter, precision):
    x = sample()
    e = ox.explain(loaded(name, exporter, precision), x, "gradient")
    assert relative(e.attribution, autograd(name, x, e.target)) < PRECISION[precision]


@pytest.mark.parametrize(("name", "precision"), networks([(each,) for each in PRECISION]))
def test_deeplift_is_complete(name, precision):
    x = sample()
    explainer = ox.Explainer(loaded(name, precision=precision), "deeplift", baseline=0.0)
    e = explainer(x)
    still = explainer(np.zeros_like(x), target=e.target)
    due = PRECISION[precision] * abs(e.score - still.score)[0]
    if (name, precision) == ("efficientnet_b0", "float32"):
        # contributions of 6 in all cancel to a difference of 0.01, and float32 rounds to 3e-7 of the 6
        due = 1e-6 * np.abs(e.attribution).sum()
    assert abs(e.delta[0]) < due


@pytest.mark.parametrize(("name", "method", "precision"), networks(BOOKS))
def test_the_books_balance_at_every_node(name, method, precision):
    worst = ox.explain(loaded(name, precision=precision), sample(), method, book=True).book.worst()
    assert abs(worst.gap) < PRECISION[precision] * worst.scale, worst
