"""captum's averages, live and in float64: the same quadrature, and the same samples handed to its random generators."""

from __future__ import annotations

import numpy as np
import pytest
from kinds import kinds
from peers.test_cams import scaled
from peers.zoo import SIDE, double, loaded, relative, torch

import onnxplain as ox

captum = pytest.importorskip("captum.attr", reason="captum is not installed")

pytestmark = pytest.mark.peer
SAMPLES = 4


def small():
    model, net, x = scaled(1.0)
    return model, net, x.shape[1:]


NETS = {"relu_cnn": small, "vgg11_bn": lambda: (loaded("vgg11_bn"), double("vgg11_bn"), (3, SIDE, SIDE))}


@pytest.fixture(scope="module", params=kinds([(name,) for name in NETS], lambda name: name == "relu_cnn"))
def pair(request):
    """A network in ONNX and in PyTorch, and the shape of a row."""
    return NETS[request.param]()


def sample(rows, shape):
    return np.random.default_rng(1).normal(size=(rows, *shape)).astype("f")


def tensor(array):
    return torch.from_numpy(np.ascontiguousarray(array)).double()


def noise(shape):
    """Standard normal numbers [SAMPLES, ...] as a row's generator draws them."""
    rng = np.random.default_rng(0)
    return np.stack([rng.standard_normal(shape).astype("f") for _ in range(SAMPLES)])


def test_integrated_gradients(pair):
    """captum rounds the weights of its points to float32, and with them what it adds up."""
    model, net, shape = pair
    x, baseline = np.split(sample(4, shape), 2)
    e = ox.explain(model, x, "integrated_gradients", baseline=baseline, steps=4)
    theirs, delta = captum.IntegratedGradients(net).attribute(
        tensor(x),
        tensor(baseline),
        target=torch.from_numpy(e.target),
        n_steps=4,
        method="gausslegendre",
        return_convergence_delta=True,
    )
    assert relative(e.attribution, theirs.detach().numpy()) < 1e-7
    np.testing.assert_allclose(e.delta, delta.numpy(), atol=1e-7)


def test_integrated_gradients_of_an_exported_file(pair, tmp_path):
    """By plain onnxruntime in float32, for any number of rows that the file takes.

    Of VGG-11 one rectifier or pooling of a point is decided otherwise in float32 than in captum's float64, which moves
    the pixels that it sees by 1e-3 of the largest; there the file is held against the library in float32, and the
    library in float64 against captum above.
    """
    ort = pytest.importorskip("onnxruntime")
    model, net, shape = pair
    rows = model.fixed_batch or 3
    x, target = sample(rows, shape), [1, 0, 3][:rows]
    single = ox.load(model.proto)
    ox.export(single, "integrated_gradients", tmp_path / "e.onnx", steps=4, baseline=0.1)
    session = ort.InferenceSession(tmp_path / "e.onnx", providers=["CPUExecutionProvider"])
    feeds = {model.explained_input.name: x, "target": np.array(target)}
    found = session.run(["attribution"], feeds)[0]
    own = ox.explain(single, x, "integrated_gradients", target=target, steps=4, baseline=0.1)
    assert relative(found, own.attribution) < 1e-6
    if shape[-1] < SIDE:
        theirs = captum.IntegratedGradients(net).attribute(
            tensor(x), 0.1, target=torch.tensor(target), n_steps=4, method="gausslegendre"
        )
        assert relative(found, theirs.detach().numpy()) < 1e-5


@pytest.mark.parametrize("method", ["smoothgrad", "vargrad"])
def test_noise(pair, method, monkeypatch):
    """captum takes σ of all rows in input units; ours is a share of each row's range, so one row is asked."""
    model, net, shape = pair
    x = sample(1, shape)
    e = ox.explain(model, x, method, samples=SAMPLES, sigma=0.1)
    scale = 0.1 * float(x.max() - x.min())
    monkeypatch.setattr(torch, "normal", lambda *_: tensor(noise(x.shape[1:])) * scale)
    theirs = captum.NoiseTunnel(captum.Saliency(net)).attribute(
        tensor(x), nt_type=method, nt_samples=SAMPLES, stdevs=scale, target=torch.from_numpy(e.target), abs=False
    )
    assert relative(e.attribution, theirs.detach().numpy()) < 1e-9


def test_expected_gradients(pair, monkeypatch):
    model, net, shape = pair
    x, many = np.split(sample(5, shape), [2])
    e = ox.explain(model, x, "expected_gradients", baseline=many, samples=SAMPLES, target=[3, 1])
    rng = np.random.default_rng(0)
    drawn = [(int(rng.integers(len(many))), rng.uniform()) for _ in range(SAMPLES)]
    chosen, ways = (list(each) * len(x) for each in zip(*drawn, strict=True))
    monkeypatch.setattr(np.random, "choice", lambda *_: np.array(chosen))
    monkeypatch.setattr(np.random, "uniform", lambda *_: np.array(ways))
    theirs = captum.GradientShap(net).attribute(
        tensor(x), tensor(many), n_samples=SAMPLES, stdevs=0.0, target=torch.tensor([3, 1])
    )
    assert relative(e.attribution, theirs.detach().numpy()) < 1e-6
