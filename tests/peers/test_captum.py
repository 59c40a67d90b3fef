"""captum, live, on a plain ReLU CNN in float64."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from peers.zoo import double, loaded, relative, sample, torch

import onnxplain as ox

captum = pytest.importorskip("captum.attr", reason="captum is not installed")

pytestmark = pytest.mark.peer
PEERS = {
    "deeplift": captum.DeepLift,
    "guided_backprop": captum.GuidedBackprop,
    "deconvnet": captum.Deconvolution,
    "input_x_gradient": captum.InputXGradient,
}


class Apart(torch.nn.Module):
    """x · 1 between ReLU and MaxPool.

    When two hooked modules share a tensor, captum 0.9 hands the first one a message without the second one's rule:
    its DeepLIFT is then incomplete (Conv, MaxPool, ReLU, Linear show it), and ours would not equal it.
    """

    def forward(self, x):
        return x * 1.0


@pytest.mark.parametrize("method", PEERS)
def test_attributions_equal_captum(method):
    """vgg11_bn: captum hooks modules, and in a residual network one ReLU module serves two nodes.

    DeepLIFT's baseline is noise: on a constant one the elements of a pool's window tie, and rounding picks one.
    """
    x, baseline = np.split(sample(2), 2)
    options = {"baseline": baseline} if method == "deeplift" else {}
    e = ox.explain(loaded("vgg11_bn"), x, method, **options)
    leaf, target = torch.from_numpy(x).double().requires_grad_(), torch.from_numpy(e.target)
    net = double("vgg11_bn")
    for i, module in enumerate(net.features):
        if isinstance(module, torch.nn.MaxPool2d):
            net.features[i] = torch.nn.Sequential(Apart(), module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum says that it hooks the modules
        theirs = PEERS[method](net).attribute(
            leaf, target=target, **{f"{name}s": torch.from_numpy(value).double() for name, value in options.items()}
        )
    assert relative(e.attribution, theirs.detach().numpy()) < 1e-9
