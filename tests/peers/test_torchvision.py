"""torchvision's networks by both exporters of torch: the gradient against autograd, and what must add up."""

from __future__ import annotations

import numpy as np
import pytest
from peers.zoo import EXPORTERS, NETWORKS, double, loaded, relative, sample, torch

import onnxplain as ox

pytestmark = pytest.mark.peer
PRECISION = {"float64": 1e-9, "float32": 1e-5}


def autograd(name, x, target):
    leaf = torch.from_numpy(x).double().requires_grad_()
    scores = double(name)(leaf)
    return torch.autograd.grad(scores[range(len(x)), target].sum(), leaf)[0].numpy()


@pytest.mark.parametrize("precision", PRECISION)
@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_gradient_equals_autograd(name, exporter, precision):
    x = sample()
    e = ox.explain(loaded(name, exporter, precision), x, "gradient")
    assert relative(e.attribution, autograd(name, x, e.target)) < PRECISION[precision]


@pytest.mark.parametrize("name", NETWORKS)
def test_deeplift_is_complete(name):
    x = sample()
    explainer = ox.Explainer(loaded(name), "deeplift", baseline=0.0)
    e = explainer(x)
    still = explainer(np.zeros_like(x), target=e.target)
    assert abs(e.delta[0]) < 1e-5 * abs(e.score - still.score)[0]


@pytest.mark.parametrize("method", ["lrp.epsilon", "lrp.epsilon_plus_flat"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_books_balance_at_every_node(name, method):
    book = ox.explain(loaded(name), sample(), method, book=True).book
    worst = book.worst()
    assert abs(worst.gap) < 1e-5 * worst.scale, worst
