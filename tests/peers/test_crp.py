"""Concept relevance against zennit-crp, live and in float64."""

from __future__ import annotations

import warnings

import pytest
from peers.test_cams import scaled
from peers.zoo import relative, torch

import onnxplain as ox

pytest.importorskip("zennit", reason="zennit is not installed")
crp = pytest.importorskip("crp.attribution", reason="zennit-crp is not installed")

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("layer", ["p1", "r1", "r2"])
@pytest.mark.parametrize("channels", [[0], [1, 4]])
def test_conditional_maps_equal_zennit_crp(layer, channels):
    """Of gradients, which both have alike; what passes through is masked in the same way whatever the rules are."""
    model, net, x = scaled(1.0)
    target = 2
    ours = ox.explain(model, x, "gradient", target=target, conditions={layer: channels}).attribution
    conditions = [{layer: channels, "scores": [target]}]
    attribute = crp.CondAttribution(net, no_param_grad=True)
    attribute.MODEL_OUTPUT_NAME = "scores"  # the network has a layer of the name that it has for these
    for row, found in zip(x, ours, strict=True):
        data = torch.from_numpy(row[None]).double().requires_grad_()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = attribute(data, conditions, None, init_rel=torch.ones_like)
        grad = data.grad[0].numpy() if data.grad is not None else theirs.heatmap.numpy()
        assert relative(found, grad) < 1e-9
