"""Recurrent layers of torch by both of its exporters: the gradient against autograd in double, and DeepLIFT's sum."""

from __future__ import annotations

import io

import numpy as np
import onnx
import pytest
from kinds import kinds

import onnxplain as ox

torch = pytest.importorskip("torch", reason="needs torch: pip install onnxplain[peers]")
pytestmark = pytest.mark.peer

STEPS, FEATURES = 6, 5
CASES = [(cell, both, layers) for cell in ("LSTM", "GRU", "RNN") for both, layers in ((False, 1), (True, 2))]


class Network(torch.nn.Module):
    """A recurrent layer over [N, T, I], and a dense one behind its last output."""

    def __init__(self, cell, both, layers):
        super().__init__()
        make = getattr(torch.nn, cell)
        self.cell = make(FEATURES, 7, num_layers=layers, bidirectional=both, batch_first=True)
        self.dense = torch.nn.Linear(7 * (1 + both), 3)

    def forward(self, x):
        return self.dense(self.cell(x)[0][:, -1])


def exported(network, x, exporter):
    """The network as a model of one row, by an exporter of torch."""
    file = io.BytesIO()
    with torch.no_grad():
        if exporter == "dynamo":
            pytest.importorskip("onnxscript", reason="needs onnxscript: pip install onnxplain[peers]")
            return torch.onnx.export(network, (x,), dynamo=True, verbose=False).model_proto
        torch.onnx.export(network, (x,), file, dynamo=False)
    return onnx.load_from_string(file.getvalue())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("cell", "both", "layers", "exporter"),
    kinds(
        [(*case, exporter) for case in CASES for exporter in ("torchscript", "dynamo")],
        lambda cell, both, _, exporter: (cell, both, exporter) == ("LSTM", True, "torchscript"),
    ),
)
def test_gradient_equals_autograd_and_deeplift_adds_up(cell, both, layers, exporter):
    torch.manual_seed(1)
    network = Network(cell, both, layers).eval()
    x = torch.randn(1, STEPS, FEATURES)
    proto = exported(network, x, exporter)
    leaf = x.double().requires_grad_()
    scores = network.double()(leaf)
    wanted = torch.autograd.grad(scores[:, 1].sum(), leaf)[0].numpy()
    model = ox.load(proto, precision="float64")
    found = ox.explain(model, x.numpy(), "gradient", target=1).attribution
    np.testing.assert_allclose(found, wanted, atol=1e-6 * np.abs(wanted).max())
    whole = ox.explain(model, x.numpy(), "deeplift", target=1)
    assert abs(whole.delta[0]) < 1e-10
