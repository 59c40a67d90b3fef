"""zennit's composites, live, with its own canonizers, on torchvision's networks in float64."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from kinds import kinds
from peers.zoo import CLASSES, SIDE, double, loaded, relative, sample, torch

import onnxplain as ox

pytest.importorskip("zennit", reason="zennit is not installed")
from zennit import composites, rules, types
from zennit.attribution import Gradient
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.torchvision import ResNetCanonizer

pytestmark = pytest.mark.peer
LOW, HIGH = -5.0, 5.0
CANONIZERS = {"vgg11_bn": SequentialMergeBatchNorm, "resnet18": ResNetCanonizer}


def epsilon(**options):
    return composites.LayerMapComposite([*composites.layer_map_base(), (types.Linear, rules.Epsilon())], **options)


def epsilon_gamma_box(**options):
    low, high = (torch.full((1, 3, SIDE, SIDE), bound) for bound in (LOW, HIGH))
    return composites.EpsilonGammaBox(low=low, high=high, **options)


COMPOSITES = {
    "lrp.epsilon": epsilon,
    "lrp.epsilon_plus": composites.EpsilonPlus,
    "lrp.epsilon_plus_flat": composites.EpsilonPlusFlat,
    "lrp.epsilon_alpha2_beta1": composites.EpsilonAlpha2Beta1,
    "lrp.epsilon_alpha2_beta1_flat": composites.EpsilonAlpha2Beta1Flat,
    "lrp.epsilon_gamma_box": epsilon_gamma_box,
}


def theirs(name, method, x, target):
    """Relevance from the logit. zennit 0.5 leaves BatchNorm's ε behind when it merges; here it is 0."""
    net, seed = double(name), np.eye(CLASSES)[target]
    composite = COMPOSITES[method](canonizers=[CANONIZERS[name]()])
    with Gradient(net, composite) as attributor:
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eps = 0.0
        relevance = attributor(torch.from_numpy(x).double(), lambda scores: scores * torch.from_numpy(seed))[1]
    return relevance.detach().numpy()


USUAL = {
    "vgg11_bn": ("lrp.epsilon_plus_flat", "lrp.epsilon_gamma_box"),
    "resnet18": ("lrp.epsilon", "lrp.epsilon_alpha2_beta1_flat"),
}
"""By default each rule of the composites, and each canonizer."""


@pytest.mark.parametrize(
    ("name", "method"), kinds(product(CANONIZERS, COMPOSITES), lambda name, method: method in USUAL[name])
)
def test_relevance_equals_zennit(name, method):
    x = sample()
    bounds = {"low": LOW, "high": HIGH} if method == "lrp.epsilon_gamma_box" else {}
    e = ox.explain(loaded(name), x, method, **bounds)
    r = theirs(name, method, x, e.target)
    assert np.corrcoef(e.attribution.ravel(), r.ravel())[0, 1] > 0.9999
    assert relative(e.attribution, r) < 1e-9
