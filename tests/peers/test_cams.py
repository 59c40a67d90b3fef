"""pytorch-grad-cam and captum, live and in float64, on one small network; torchvision's networks by both exporters."""

from __future__ import annotations

import warnings

import numpy as np
import onnx
import pytest
from kinds import kinds
from nets import relu_cnn
from peers.zoo import exported, network, relative, sample, torch, torchvision

import onnxplain as ox

pytestmark = pytest.mark.peer
SIZE = (11, 9)


class Net(torch.nn.Module):
    """`relu_cnn` in PyTorch, in float64, with every activation a module of its own."""

    def __init__(self, proto, scale=1.0):
        super().__init__()
        weights = {
            each.name: torch.tensor(onnx.numpy_helper.to_array(each)).double() for each in proto.graph.initializer
        }
        self.c1, self.c2 = torch.nn.Conv2d(3, 6, 3, padding=1), torch.nn.Conv2d(6, 6, 3, padding=1)
        self.y = torch.nn.Linear(6, 4)
        self.r1, self.r2, self.p1 = torch.nn.ReLU(), torch.nn.ReLU(), torch.nn.MaxPool2d(3, 2)
        for module, i in ((self.c1, 1), (self.c2, 2), (self.y, 3)):
            factor = scale if i == 3 else 1.0
            module.weight = torch.nn.Parameter(weights[f"w{i}"] * factor)
            module.bias = torch.nn.Parameter(weights[f"b{i}"] * factor)

    def forward(self, x):
        p = self.p1(self.r1(self.c1(x)))
        return self.y(self.r2(self.c2(p) + p).mean((2, 3)))


def scaled(scale):
    """The network in ONNX and in PyTorch, its scores `scale` times as large."""
    proto, x = relu_cnn()
    net = Net(proto, scale)
    for each in proto.graph.initializer:
        if each.name in ("w3", "b3"):
            each.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(each) * np.float32(scale), each.name))
    return ox.load(proto, precision="float64"), net, x


def peer_map(kind, net, layer, x, target):
    """The map of pytorch-grad-cam before it is rectified, enlarged and normalised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cams = pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    cam = getattr(cams, kind)(net, [getattr(net, layer)])
    targets, x = [ClassifierOutputTarget(int(c)) for c in target], torch.from_numpy(x).double()
    x.requires_grad_()
    sum(target(y) for target, y in zip(targets, cam.activations_and_grads(x), strict=True)).backward()
    seen = cam.activations_and_grads
    activations, gradients = seen.activations[0].numpy(), seen.gradients[0].numpy()
    found = cam.get_cam_image(x, cam.target_layers[0], targets, activations, gradients, False)
    seen.release()
    return found


KINDS = {
    "grad_cam": "GradCAM",
    "layer_cam": "LayerCAM",
    "hires_cam": "HiResCAM",
    "grad_cam_pp": "GradCAMPlusPlus",
    "xgrad_cam": "XGradCAM",
}
APART = {"grad_cam_pp": 1e-4, "xgrad_cam": 1e-5}


@pytest.mark.parametrize("layer", ["r1", "p1", "r2"])
@pytest.mark.parametrize("method", KINDS)
def test_maps_equal_pytorch_grad_cam(method, layer):
    """Scores are large: pytorch-grad-cam adds 1e-6 to the denominator of Grad-CAM++, to 2 G² + G³ ΣA.

    So where gradients are near 1e-3, as behind a mean over positions, its α is too small. The paper has no such term,
    and α = 1 / (2 + G ΣA) needs none. It adds 1e-7 to ΣA for XGrad-CAM, which is left out here too.
    """
    model, net, x = scaled(1e5 if method == "grad_cam_pp" else 1.0)
    e = ox.explain(model, x, method, layer=layer, relu=False)
    theirs = peer_map(KINDS[method], net, layer, x, e.target)
    assert relative(e.raw, theirs) < APART.get(method, 1e-12)


@pytest.mark.parametrize("layer", ["r1", "p1", "r2"])
def test_ablation_cam_equals_pytorch_grad_cam(layer):
    """Behind a ReLU, where it sets a channel to 0 as the paper does; and by |y|, where it turns maps of y < 0 around.

    It computes its scores in float32.
    """
    model, net, x = scaled(1.0)
    for target in range(4):
        e = ox.explain(model, x, "ablation_cam", layer=layer, relu=False, target=target)
        theirs = peer_map("AblationCAM", net, layer, x, e.target)
        assert relative(e.raw, theirs * np.sign(e.score)[:, None, None]) < 1e-3


@pytest.mark.parametrize("layer", ["r1", "p1", "r2"])
def test_eigen_cam_equals_pytorch_grad_cam(layer):
    """Which takes the mean from each channel first, and leaves the sign to chance. It returns float32."""
    model, net, x = scaled(1.0)
    e = ox.explain(model, x, "eigen_cam", layer=layer, relu=False, centre=True)
    theirs = peer_map("EigenCAM", net, layer, x, e.target)
    for ours, other in zip(e.raw, theirs, strict=True):
        assert min(relative(ours, other), relative(ours, -other)) < 1e-6


def test_score_cam_equals_pytorch_grad_cam(monkeypatch):
    """Once its masks are enlarged with half-pixel centres: it aligns corners, where the authors' code does not.

    https://github.com/haofanwang/Score-CAM: F.interpolate(..., mode="bilinear", align_corners=False).
    It computes the softmax of its scores in float32 and adds 1e-8 to the range of a channel.
    """
    model, net, x = scaled(1.0)
    e = ox.explain(model, x, "score_cam", relu=False)
    apart = peer_map("ScoreCAM", net, "r2", x, e.target)
    monkeypatch.setattr(torch.nn, "UpsamplingBilinear2d", lambda size: torch.nn.Upsample(size, mode="bilinear"))
    theirs = peer_map("ScoreCAM", net, "r2", x, e.target)
    assert relative(e.raw, theirs) < 1e-6 < relative(apart, theirs)


@pytest.mark.parametrize("layer", ["r1", "p1", "r2"])
def test_guided_grad_cam_equals_captum(layer):
    captum = pytest.importorskip("captum.attr", reason="captum is not installed")
    model, net, x = scaled(1.0)
    e, cam = (ox.explain(model, x, method, layer=layer) for method in ("guided_grad_cam", "grad_cam"))
    tensor, target = torch.from_numpy(x).double(), torch.from_numpy(e.target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum says that it hooks the modules
        theirs = captum.GuidedGradCam(net, getattr(net, layer)).attribute(tensor, target, interpolate_mode="bilinear")
    raw = captum.LayerGradCam(net, getattr(net, layer)).attribute(tensor, target, relu_attributions=True)
    assert relative(e.attribution, theirs.detach().numpy()) < 1e-6
    assert relative(cam.raw, raw.detach().numpy()[:, 0]) < 1e-12


def test_enlarging_equals_pytorch():
    model, _, x = scaled(1.0)
    e = ox.explain(model, x, "grad_cam")
    theirs = torch.nn.functional.interpolate(torch.from_numpy(e.raw)[:, None], SIZE, mode="bilinear")
    assert relative(e.relevance, theirs.numpy()[:, 0]) < 1e-12


def test_fullgrad_adds_what_the_biases_do_by_autograd():
    model, net, x = scaled(1.0)
    full, plain = (ox.explain(model, x, method, target=1) for method in ("fullgrad", "input_x_gradient"))
    biases = [net.c1.bias, net.c2.bias, net.y.bias]
    for row, more in zip(torch.from_numpy(x).double(), full.attribution - plain.attribution, strict=True):
        slopes = torch.autograd.grad(net(row[None])[0, 1], biases)
        due = sum((b * g).sum().item() for b, g in zip(biases, slopes, strict=True))
        assert more.sum() == pytest.approx(due, rel=1e-9)


LAST = {
    "resnet18": lambda net: net.layer4,
    "densenet121": lambda net: net.features,  # a functional ReLU follows
    "googlenet": lambda net: net.inception5b,
    "mobilenet_v3_small": lambda net: net.features,
    "efficientnet_b0": lambda net: net.features,
    "convnext_tiny": lambda net: net.features,
}


@pytest.mark.parametrize("name", kinds([(name,) for name in LAST], lambda name: name == "resnet18"))
def test_the_default_layer_is_what_the_classifier_pools(name):
    """By both exporters; the map is Grad-CAM's on that module's output, by autograd."""
    net, x = network(name), sample(1)
    maps = [
        ox.explain(ox.load(exported(name, each)), x, "grad_cam", target=3, relu=False).raw
        for each in ("torchscript", "dynamo")
    ]
    kept = []
    hook = LAST[name](net).register_forward_hook(lambda *given: kept.append(given[-1]))
    y = net(torch.from_numpy(x))[0, 3]
    hook.remove()
    A = torch.relu(kept[0]) if name == "densenet121" else kept[0]
    if name == "densenet121":
        y = net.classifier(A.mean((2, 3)))[0, 3]
    (G,) = torch.autograd.grad(y, A)
    expected = (G.mean((2, 3), keepdim=True) * A).sum(1).detach().numpy()
    for found in maps:
        assert relative(found, expected) < 1e-4


@pytest.mark.parametrize("dynamo", [False, True])
def test_a_vision_transformer(dynamo):
    """The grid is the input of the last attention, as pytorch-grad-cam advises; class token dropped, rows first."""
    import io

    torch.manual_seed(0)
    net = torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=5).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3)
    x, buffer = torch.randn(1, 3, 32, 32), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            proto = torch.onnx.export(net, (x,), dynamo=True, verbose=False).model_proto
        else:
            torch.onnx.export(net, (x,), buffer, dynamo=False, opset_version=17)
            proto = onnx.load_from_string(buffer.getvalue())
    e = ox.explain(ox.load(proto), x.numpy(), "grad_cam", target=1, relu=False)
    kept = []
    hook = net.encoder.layers[-1].ln_1.register_forward_hook(lambda *given: kept.append(given[-1]))
    y = net(x)[0, 1]
    hook.remove()
    (G,) = torch.autograd.grad(y, kept)
    A, G = (each[0, 1:].T.reshape(16, 4, 4).detach().numpy() for each in (kept[0], G))
    assert relative(e.raw[0], (G.mean((1, 2), keepdims=True) * A).sum(0)) < 1e-4
