"""torchvision's architectures with random weights, and what both of torch's exporters make of them."""

from __future__ import annotations

import copy
import io
import sys
import warnings
from functools import cache

import numpy as np
import onnx
import pytest
from nets import SHARED

import onnxplain as ox

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
try:
    import torchvision
except ModuleNotFoundError:
    pytest.skip("torchvision is not installed", allow_module_level=True)
except RuntimeError:  # torchvision's wheel wants the CUDA build of PyTorch; a helper declares the missing operators
    if not SHARED.is_dir():
        pytest.skip("this torchvision does not go with this PyTorch", allow_module_level=True)
    sys.path.insert(0, str(SHARED))
    from torchvision_cpu import torchvision

NETWORKS = (
    "resnet18", "vgg11_bn", "densenet121", "mobilenet_v3_small", "googlenet", "shufflenet_v2_x1_0",
    "efficientnet_b0", "convnext_tiny",
)  # fmt: skip
EXPORTERS = {"torchscript": False, "dynamo": True}
SIDE = 64
CLASSES = 10


@cache
def network(name):
    """The network in eval mode, with float32 weights for which a fold rounds nothing: see `_settle`."""
    torch.manual_seed(0)
    options = {"aux_logits": False, "init_weights": True} if name == "googlenet" else {}
    net = getattr(torchvision.models, name)(num_classes=CLASSES, **options)
    if name == "vgg11_bn":  # its dense layers have 120 million weights, which add nothing to compare
        net.avgpool, linear = torch.nn.AdaptiveAvgPool2d(1), torch.nn.Linear
        net.classifier[0], net.classifier[3], net.classifier[6] = (
            linear(512, 256),
            linear(256, 256),
            linear(256, CLASSES),
        )
    _settle(net)
    return net.eval()


def _settle(net):
    """Give every BatchNorm and LayerNorm random parameters, and statistics that keep activations near 1.

    σ = √(var + ε) and the weight are powers of 2, mean and bias lie on a coarse grid: whoever folds, at
    whatever precision, gets the same float32 weights. So a comparison to 1e-9 compares gradients, not folds.
    """
    rng = np.random.default_rng(0)
    norms = [each for each in net.modules() if isinstance(each, torch.nn.BatchNorm2d | torch.nn.LayerNorm)]
    with torch.no_grad():
        for norm in norms:
            shape = tuple(norm.weight.shape)
            norm.eps = 2.0**-10
            norm.weight.copy_(torch.from_numpy(rng.choice([-0.5, 0.5, 1.0, 1.0], shape)))
            norm.bias.copy_(_coarse(torch.from_numpy(rng.normal(size=shape) / 4)))
        for each in net.modules():
            if isinstance(each, torchvision.models.convnext.CNBlock):
                each.layer_scale.fill_(0.5)  # 1e-6 as it starts would hide the block
            if isinstance(each, torch.nn.Conv2d) and each.bias is not None:
                each.bias.copy_(_coarse(each.bias))
        _calibrate(net, [norm for norm in norms if isinstance(norm, torch.nn.BatchNorm2d)])


def _calibrate(net, norms):
    for norm in norms:
        norm.momentum = None  # the plain mean over the batches
    net.train()(torch.randn(8, 3, SIDE, SIDE))
    for norm in norms:
        sigma = 2 ** torch.log2((norm.running_var + norm.eps).sqrt()).round().clamp(min=-4)
        norm.running_var.copy_(sigma**2 - norm.eps)
        norm.running_mean.copy_(_coarse(norm.running_mean / sigma) * sigma)


def _coarse(values, grid=2**8):
    return (values * grid).round() / grid


@cache
def exported(name, exporter):
    """The network as an ONNX model. The TorchScript exporter leaves every BatchNorm in it, dynamo folds them."""
    net, x = network(name), torch.zeros(1, 3, SIDE, SIDE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters' own
        if EXPORTERS[exporter]:
            return torch.onnx.export(net, (x,), dynamo=True, verbose=False).model_proto
        buffer, keep = io.BytesIO(), torch.onnx.TrainingMode.PRESERVE
        torch.onnx.export(net, (x,), buffer, dynamo=False, training=keep, do_constant_folding=False)
    return onnx.load_from_string(buffer.getvalue())


@cache
def loaded(name, exporter="torchscript", precision="float64"):
    return ox.load(exported(name, exporter), precision=precision)


def sample(rows=1):
    return np.random.default_rng(1).normal(size=(rows, 3, SIDE, SIDE)).astype("f")


def double(name):
    """A copy of the network in float64, that a peer may change. What ONNX holds in float32 is rounded here too."""
    net = copy.deepcopy(network(name)).double()
    for module in list(net.modules()):
        for key, child in module.named_children():
            if isinstance(child, torch.nn.Hardsigmoid):
                setattr(module, key, HardSigmoid())
    return net


class HardSigmoid(torch.nn.Module):
    """clip(αx + ½, 0, 1) with the α = 1/6 of an ONNX file, which is a float32 attribute."""

    def forward(self, x):
        return (x * float(np.float32(1 / 6)) + 0.5).clip(0, 1)


def relative(a, b):
    """Relative L2 distance of a from b."""
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))
