"""AttnLRP and CP-LRP beside PyTorch's autograd with detached factors, and beside the authors' own rules (lxt).

With ε = 0 every rule of AttnLRP is the input times a gradient in which some factors are constants: both sides of a
product in turn at half weight, 1/σ, and f(x)/x of an activation. CP-LRP also holds the attention weights.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
import onnx
import pytest
from nets import SHARED, needs_shared
from onnx import numpy_helper
from peers.zoo import relative, torch
from peers.zoo_real import cases

import onnxplain as ox

pytestmark = pytest.mark.peer
F = torch.nn.functional
TOKENS, WORDS, CLASSES = 7, 30, 4


class Plain:
    """Forward as it is."""

    linear, softmax, add, scale, norm = F.linear, torch.softmax, torch.add, torch.mul, F.layer_norm
    product = weigh = torch.matmul

    @staticmethod
    def activate(f, x):
        return f(x)


class Detached(Plain):
    """The same values, with the gradients of AttnLRP."""

    @staticmethod
    def activate(f, x):
        return x * (f(x) / x).detach()

    @staticmethod
    def product(a, b):
        return (a.detach() @ b + a @ b.detach()) / 2

    weigh = product

    @staticmethod
    def norm(x, _shape, gain, shift, eps):
        d = x - x.mean(-1, keepdim=True)
        return d / (d * d).mean(-1, keepdim=True).add(eps).sqrt().detach() * gain + shift


class Held(Detached):
    """CP-LRP: the attention weights are constants."""

    @staticmethod
    def weigh(a, b):
        return a.detach() @ b


METHODS = {"attnlrp": Detached, "cp_lrp": Held}


def lxt():
    """The authors' explicit rules, whose backward pass carries relevance itself."""
    lf = pytest.importorskip("lxt.explicit.functional", reason="lxt is not installed")
    rules = pytest.importorskip("lxt.explicit.rules")

    class Explicit(Plain):
        softmax, activate = lf.softmax, rules.identity
        add = staticmethod(lambda a, b: lf.add2(a, b, False, 1e-12))
        scale = staticmethod(lambda x, c: lf.mul2(x, torch.tensor(c)))
        linear = staticmethod(lambda x, w, b: lf.linear_epsilon(x, w, b, 1e-12))
        product = weigh = staticmethod(lambda a, b: lf.matmul(a, b, False, 1e-12))
        norm = staticmethod(lambda x, _shape, gain, shift, eps: lf.layer_norm_grad_fn.apply(x, gain, shift, eps, 1e-12))

    return Explicit


class Encoder(torch.nn.Module):
    """One encoder layer with the norms behind the sums."""

    def __init__(self, width=16, heads=4):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.o = (torch.nn.Linear(width, width) for _ in range(4))
        self.up, self.down = torch.nn.Linear(width, 32), torch.nn.Linear(32, width)
        self.norm, self.last = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)

    def forward(self, x, ops=Plain):
        def dense(layer, x):
            return ops.linear(x, layer.weight, layer.bias)

        def norm(layer, x):
            return ops.norm(x, layer.normalized_shape, layer.weight, layer.bias, layer.eps)

        q, k, v = (dense(each, x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in (self.q, self.k, self.v))
        scores = ops.product(ops.scale(q, q.shape[-1] ** -0.5), k.transpose(2, 3))
        mixed = ops.weigh(ops.softmax(scores, -1), v).transpose(1, 2).flatten(2)
        x = norm(self.norm, ops.add(dense(self.o, mixed), x))
        inner = ops.activate(F.gelu, dense(self.up, x))
        return norm(self.last, ops.add(dense(self.down, inner), x))


class Bert(torch.nn.Module):
    """Token ids to scores."""

    def __init__(self):
        super().__init__()
        self.words, self.positions = torch.nn.Embedding(WORDS, 16), torch.nn.Parameter(torch.randn(TOKENS, 16))
        self.layers = torch.nn.ModuleList(Encoder() for _ in range(2))
        self.pool, self.head = torch.nn.Linear(16, 16), torch.nn.Linear(16, CLASSES)
        for each in self.modules():
            if isinstance(each, torch.nn.LayerNorm):
                torch.nn.init.normal_(each.weight, 1, 0.3)
                torch.nn.init.normal_(each.bias, 0, 0.3)

    def forward(self, ids):
        return self.scores(self.words(ids))

    def scores(self, e, ops=Plain):
        x = ops.add(e, self.positions)
        for each in self.layers:
            x = each(x, ops)
        pooled = ops.activate(torch.tanh, ops.linear(x[:, 0], self.pool.weight, self.pool.bias))
        return ops.linear(pooled, self.head.weight, self.head.bias)


def bert():
    torch.manual_seed(0)
    return Bert().eval()


IDS = np.random.default_rng(0).integers(0, WORDS, (3, TOKENS))


def exported(net, dynamo):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters' own
        if dynamo:
            return torch.onnx.export(net, (torch.from_numpy(IDS),), dynamo=True, verbose=False).model_proto
        buffer = io.BytesIO()
        torch.onnx.export(net, (torch.from_numpy(IDS),), buffer, dynamo=False, opset_version=14)
    return onnx.load_from_string(buffer.getvalue())


def backward(net, ops, seed):
    """Embeddings and what arrives there from the scores of class 1."""
    net = net.double()
    e = net.words(torch.from_numpy(IDS)).detach().requires_grad_()
    score = net.scores(e, ops)[:, 1]
    score.backward(seed(score.detach()))
    return e.detach().numpy(), e.grad.numpy()


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
@pytest.mark.parametrize("method", METHODS)
def test_tokens_equal_autograd_with_detached_factors(method, exporter):
    net = bert()
    model = ox.load(exported(net, exporter == "dynamo"), precision="float64")
    e = ox.explain(model, IDS, method, target=1, eps=0.0)
    assert e.relevance.shape == IDS.shape
    x, gradient = backward(net, METHODS[method], torch.ones_like)
    assert relative(e.relevance, (x * gradient).sum(-1)) < 1e-9


def test_tokens_equal_the_authors_rules():
    net = bert()
    e = ox.explain(ox.load(exported(net, dynamo=False), precision="float64"), IDS, "attnlrp", target=1, eps=1e-12)
    _, arrived = backward(net, lxt(), torch.clone)
    assert relative(e.relevance, arrived.sum(-1)) < 1e-9


# --- a trained vision transformer -------------------------------------------------------------------------------------

VIT = "real/cifar10_vit_pgd_2_3_16"
PATCHES = "/0/projection/Conv_output_0"


class Vit:
    """The forward of that file, written out: two layers with BatchNorms in front, the mean over tokens, one Gemm."""

    def __init__(self):
        proto = onnx.load(SHARED / f"{VIT}.onnx").graph
        self.w = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()).double() for t in proto.initializer}
        self.dense = iter(sorted(name for name in self.w if name.startswith("onnx::MatMul")))

    def linear(self, x, bias, ops):
        return ops.linear(x, self.w[next(self.dense)].T, self.w[bias])

    def norm(self, x, name):
        w = [self.w[f"{name}.{each}"] for each in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x.flatten(0, -2), *w, eps=1e-5).reshape(x.shape)

    def scores(self, x, ops):
        x = F.conv2d(x, self.w["0.projection.weight"], self.w["0.projection.bias"], stride=16)
        x = torch.cat([self.w["0.cls_token"].expand(len(x), 1, -1), x.flatten(2).transpose(1, 2)], 1)
        x = x + self.w["0.positions"]
        for i in range(2):
            y = self.norm(x, f"1.{i}.0.fn.0.norm")
            q, k, v = (self.linear(y, f"1.{i}.0.fn.1.{name}.bias", ops) for name in ("query", "key", "value"))
            q, k, v = (each.unflatten(-1, (3, -1)).transpose(1, 2) for each in (q, k, v))
            scores = ops.product(q, k.transpose(2, 3)) * q.shape[-1] ** -0.5
            mixed = ops.weigh(torch.softmax(scores, -1), v).transpose(1, 2).flatten(2)
            x = x + self.linear(mixed, f"1.{i}.0.fn.1.out.bias", ops)
            y = ops.activate(torch.relu, self.linear(self.norm(x, f"1.{i}.1.fn.0.norm"), f"1.{i}.1.fn.1.0.bias", ops))
            x = x + self.linear(y, f"1.{i}.1.fn.1.3.bias", ops)
        return F.linear(self.norm(x.mean(1), "2.1"), self.w["2.2.weight"], self.w["2.2.bias"])


def ship():
    case = next(each for each in cases() if each.file == VIT)
    model = ox.load(SHARED / f"{VIT}.onnx", preprocess=case.preprocess, precision="float64")
    return model, case.sample() if callable(case.sample) else case.sample


@needs_shared
@pytest.mark.parametrize("method", METHODS)
def test_pixels_of_a_vision_transformer_equal_autograd(method):
    model, sample = ship()
    e = ox.explain(model, sample, method, eps=0.0)
    x = torch.from_numpy(e.inputs).double().requires_grad_()
    scores = Vit().scores(x, METHODS[method])
    np.testing.assert_allclose(scores.detach(), e.prediction, rtol=1e-5)
    scores[:, int(e.target[0])].backward()
    # the file's BatchNorms are folded into float32 here
    assert relative(e.attribution, (x * x.grad).detach().numpy()) < 1e-6


@needs_shared
@pytest.mark.parametrize("method", METHODS)
def test_a_patch_map(method):
    """layer= the patch embedding: one relevance per patch, and what its pixels have together but for the bias."""
    model, sample = ship()
    pixels, patches = ox.explain(model, sample, method, book=True), ox.explain(model, sample, method, layer=PATCHES)
    found = patches.attribution.sum(1)
    assert found.shape == (1, 2, 2)
    embedding = pixels.book.entries[-1]
    np.testing.assert_allclose(found.sum(), pixels.attribution.sum() + embedding.bias + embedding.eps, rtol=1e-9)
