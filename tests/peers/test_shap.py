"""shap's DeepExplainer, live, in float64: the mean of DeepLIFT's Rescale over many baselines."""

from __future__ import annotations

import io
import warnings

import numpy as np
import onnx
import pytest
from peers.zoo import relative, torch

import onnxplain as ox

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # shap's imports
    shap = pytest.importorskip("shap", reason="shap is not installed")

pytestmark = pytest.mark.peer


def perceptron():
    layers = [torch.nn.Linear(6, 12), torch.nn.ReLU(), torch.nn.Linear(12, 10), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(10, 8), torch.nn.Sigmoid(), torch.nn.Linear(8, 3)), (6,)


def convolutional():
    """The windows of its pool do not overlap: where they do, shap's contributions do not sum to the difference."""
    layers = [torch.nn.Conv2d(2, 6, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(6, 5, 3), torch.nn.ELU()]
    return torch.nn.Sequential(*layers, torch.nn.MaxPool2d(3), torch.nn.Flatten(), torch.nn.Linear(20, 3)), (2, 8, 8)


@pytest.mark.parametrize("make", [perceptron, convolutional])
def test_deepshap_equals_deep_explainer(make):
    torch.manual_seed(0)
    net, shape = make()
    net.eval()
    x, baselines = (np.random.default_rng(n).normal(size=(n, *shape)).astype("f") for n in (3, 7))
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own, and that shap hooks the modules
        dynamic = {"input": {0: "N"}}
        torch.onnx.export(
            net, (torch.zeros(1, *shape),), buffer, dynamo=False, input_names=["input"], dynamic_axes=dynamic
        )
        explainer = shap.DeepExplainer(net.double(), torch.from_numpy(baselines).double())
        theirs = explainer.shap_values(torch.from_numpy(x).double(), check_additivity=False)
    explainer = ox.Explainer(ox.load(onnx.load_from_string(buffer.getvalue()), precision="float64"), "deepshap")
    for target in range(3):
        ours = explainer(x, target, baseline=baselines).attribution
        assert relative(ours, theirs[..., target]) < 1e-9
