"""captum on token ids, live: gradients and integrated gradients of a layer of embeddings in front of a LayerNorm."""

from __future__ import annotations

import io
import warnings

import numpy as np
import onnx
import pytest

import onnxplain as ox

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
captum = pytest.importorskip("captum.attr", reason="captum is not installed")

pytestmark = pytest.mark.peer
WORDS, WIDTH, TOKENS, PAD = 13, 16, 7, 2
IDS = np.random.default_rng(0).integers(0, WORDS, (3, TOKENS))


class Classifier(torch.nn.Module):
    """Embeddings, positions, a LayerNorm, attention written out, another LayerNorm, and the mean over tokens."""

    def __init__(self):
        super().__init__()
        self.words = torch.nn.Embedding(WORDS, WIDTH)
        self.places = torch.nn.Parameter(torch.randn(1, TOKENS, WIDTH) / 4)
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(WIDTH) for _ in range(2))
        self.query, self.key, self.value = (torch.nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.up, self.head = torch.nn.Linear(WIDTH, 32), torch.nn.Linear(32, 3)

    def forward(self, ids):
        x = self.norms[0](self.words(ids) + self.places)
        weights = torch.softmax(self.query(x) @ self.key(x).transpose(1, 2) / WIDTH**0.5, -1)
        x = self.norms[1](x + weights @ self.value(x))
        return self.head(torch.nn.functional.gelu(self.up(x)).mean(1))


@pytest.fixture(scope="module")
def both():
    torch.manual_seed(0)
    net, file = Classifier().double().eval(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, torch.tensor(IDS), file, dynamo=False, input_names=["ids"], output_names=["y"],
                          dynamic_axes={"ids": {0: "N"}}, opset_version=17)  # fmt: skip
    return net, ox.load(onnx.load_from_string(file.getvalue()), precision="float64")


def test_gradients_are_the_norm_of_captums(both):
    net, model = both
    layer = captum.LayerGradientXActivation(net, net.words, multiply_by_inputs=False)
    want = layer.attribute(torch.tensor(IDS), target=1).detach().numpy()
    found = ox.explain(model, IDS, "gradient", 1).attribution
    np.testing.assert_allclose(found, np.linalg.norm(want, axis=2), rtol=1e-6)
    product = captum.LayerGradientXActivation(net, net.words).attribute(torch.tensor(IDS), target=1)
    np.testing.assert_allclose(
        ox.explain(model, IDS, "input_x_gradient", 1).attribution, product.detach().numpy().sum(2), atol=1e-7
    )


@pytest.mark.parametrize("baseline", [PAD, IDS[::-1].copy()], ids=["pad", "ids"])
def test_integrated_gradients_equal_captums(both, baseline):
    net, model = both
    start = torch.tensor(np.broadcast_to(baseline, IDS.shape).copy())
    layer = captum.LayerIntegratedGradients(net, net.words)
    want = layer.attribute(torch.tensor(IDS), start, target=1, n_steps=50, method="gausslegendre")
    found = ox.explain(model, IDS, "integrated_gradients", 1, baseline=baseline).attribution
    want = want.detach().numpy().sum(2)
    np.testing.assert_allclose(found, want, atol=1e-6 * np.abs(want).max())
