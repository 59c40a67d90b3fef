"""Make tests/golden/*.npz: what PyTorch's autograd, captum and zennit say of two small networks, in float64.

Each file holds inputs `x`, the `baseline` of DeepLIFT, classes `target`, one array per method of onnxplain, and `made`,
a JSON text with the versions. The weights of digits_cnn.npz are those of models/digits_cnn_torch.onnx; those of
plain_cnn.npz are random and in the file.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import captum.attr
import numpy as np
import onnx
import torch
import zennit.composites
import zennit.rules
import zennit.types
from onnx import numpy_helper
from PIL import Image
from torch import nn
from zennit.attribution import Gradient
from zennit.layer import Sum

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
MODELS, GOLDEN = ROOT / "models", ROOT / "tests" / "golden"
PICTURES = ("digit_3_918", "digit_7_1496", "digit_8_639")
LIBRARIES = ("captum", "numpy", "torch", "zennit")


class Apart(nn.Module):
    """x · 1. When two hooked modules share a tensor, captum 0.9 hands the first one a message without the second one's
    rule; then its DeepLIFT no longer sums to the difference of the scores. So ReLU and MaxPool are kept apart.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a tensor of its own with the same values."""
        return x * 1.0


class Digits(nn.Module):
    """The network of tools/train/digits_cnn_torch.py with its BatchNorms folded, in float64.

    Every step is a module of its own, because captum and zennit hook modules, and the skip is zennit's Sum,
    because zennit has no rule for `+`. PyTorch folds, as zennit 0.5 leaves BatchNorm's epsilon behind.
    """

    def __init__(self) -> None:
        """Create the layers; `relu` is a list because captum refuses a module that is used twice."""
        super().__init__()
        layers = {"stem": (1, 16, 1), "block_a": (16, 16, 1), "block_b": (16, 16, 1), "down": (16, 32, 2)}
        for name, (channels, filters, stride) in layers.items():
            setattr(self, name, nn.Conv2d(channels, filters, 3, stride, padding=1, bias=False))
            setattr(self, f"{name}_bn", nn.BatchNorm2d(filters))
        self.relu = nn.ModuleList(nn.ReLU() for _ in layers)
        self.sum = Sum()
        self.pool = nn.Sequential(Apart(), nn.MaxPool2d(2))
        self.average = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(32, 10)
        file = onnx.load(MODELS / "digits_cnn_torch.onnx")
        weights = {each.name: torch.from_numpy(numpy_helper.to_array(each).copy()) for each in file.graph.initializer}
        self.load_state_dict(weights, strict=False)
        self.double().eval()
        for name in layers:
            setattr(self, name, nn.utils.fuse_conv_bn_eval(getattr(self, name), getattr(self, f"{name}_bn")))
            delattr(self, f"{name}_bn")

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map images [N, 1, 16, 16] to logits [N, 10]."""
        stem = self.relu[0](self.stem(image))
        block = self.block_b(self.relu[1](self.block_a(stem)))
        block = self.relu[2](self.sum(torch.stack((stem, block), -1)))
        down = self.relu[3](self.down(self.pool(block)))
        return self.head(self.average(down).flatten(1))


def plain() -> nn.Module:
    """Two convolutions, max pooling and two dense layers, with random float32 weights held in float64."""
    torch.manual_seed(0)
    layers = OrderedDict(
        conv1=nn.Conv2d(2, 4, 3, padding=1),
        relu1=nn.ReLU(),
        apart=Apart(),
        pool=nn.MaxPool2d(2),
        conv2=nn.Conv2d(4, 6, 3, stride=2),
        relu2=nn.ReLU(),
        flatten=nn.Flatten(),
        dense1=nn.Linear(24, 8),
        relu3=nn.ReLU(),
        dense2=nn.Linear(8, 5),
    )
    return nn.Sequential(layers).double().eval()


def composites(low: float, high: float) -> dict[str, zennit.core.Composite]:
    """The composites of zennit under the names of onnxplain, and the bare rules as composites."""
    base = zennit.composites.layer_map_base()

    def everywhere(rule: zennit.core.Hook) -> zennit.core.Composite:
        return zennit.composites.LayerMapComposite([*base, (zennit.types.Linear, rule)])

    bounds = {"low": torch.tensor([[[[low]]]]), "high": torch.tensor([[[[high]]]])}
    return {
        "lrp.epsilon": everywhere(zennit.rules.Epsilon()),
        "lrp.gamma": everywhere(zennit.rules.Gamma()),
        "lrp.alpha_beta": everywhere(zennit.rules.AlphaBeta()),
        "lrp.z_plus": everywhere(zennit.rules.ZPlus()),
        "excitation_backprop": everywhere(zennit.rules.ZPlus(zero_params="bias")),
        "lrp.epsilon_plus": zennit.composites.EpsilonPlus(),
        "lrp.epsilon_plus_flat": zennit.composites.EpsilonPlusFlat(),
        "lrp.epsilon_alpha2_beta1": zennit.composites.EpsilonAlpha2Beta1(),
        "lrp.epsilon_alpha2_beta1_flat": zennit.composites.EpsilonAlpha2Beta1Flat(),
        "lrp.epsilon_gamma_box": zennit.composites.EpsilonGammaBox(**bounds),
    }


def relevance(net: nn.Module, x: torch.Tensor, target: torch.Tensor, composite: zennit.core.Composite) -> torch.Tensor:
    """Relevance by zennit at x, from the logit of `target`."""
    with Gradient(net, composite) as attributor:
        return attributor(x, lambda scores: scores * nn.functional.one_hot(target, scores.shape[1]))[1]


def figures(net: nn.Module, x: torch.Tensor, low: float, high: float) -> dict[str, np.ndarray]:
    """What the peers say of the predicted classes of x.

    DeepLIFT's baseline is noise: on a constant one the elements of a pool's window tie, and rounding picks the winner.
    """
    target = net(x).argmax(1)
    captums: dict[str, Callable[[nn.Module], captum.attr.Attribution]] = {
        "input_x_gradient": captum.attr.InputXGradient,
        "guided_backprop": captum.attr.GuidedBackprop,
        "deconvnet": captum.attr.Deconvolution,
        "deeplift": captum.attr.DeepLift,
    }
    leaf = x.clone().requires_grad_()
    found = {"gradient": torch.autograd.grad(net(leaf)[range(len(x)), target].sum(), leaf)[0]}
    baseline = torch.from_numpy(np.random.default_rng(1).uniform(low, high, x.shape).astype(np.float32)).double()
    for name, method in captums.items():
        options = {"baselines": baseline} if name == "deeplift" else {}
        found[name] = method(net).attribute(x.clone().requires_grad_(), target=target, **options)
    for name, composite in composites(low, high).items():
        found[name] = relevance(net, x.clone(), target, composite)
    found |= {"x": x, "baseline": baseline, "target": target, "bounds": torch.tensor([low, high])}
    return {name: values.detach().numpy() for name, values in found.items()}


def save(name: str, arrays: dict[str, np.ndarray]) -> None:
    """Write one file, with what made it."""
    made = json.dumps({library: version(library) for library in LIBRARIES} | {"script": "tools/golden.py"})
    GOLDEN.mkdir(exist_ok=True)
    np.savez_compressed(GOLDEN / f"{name}.npz", made=np.array(made), **arrays)


def pictures() -> tuple[torch.Tensor, float, float]:
    """The digits as the network takes them, and what the pixel values 0 and 255 become."""
    norm = json.loads((MODELS / "digits_cnn_torch.preprocess.json").read_text())
    mean, std = norm["mean"][0], norm["std"][0]
    pixels = np.stack([np.asarray(Image.open(MODELS / "images" / f"{name}.png")) for name in PICTURES])
    x = ((pixels[:, None] / 255 - mean) / std).astype(np.float32)  # a model's input is float32
    return torch.from_numpy(x).double(), -mean / std, (1 - mean) / std


def main() -> None:
    """Make both files."""
    torch.set_num_threads(1)
    save("digits_cnn", figures(Digits(), *pictures()))
    net, x = plain(), np.random.default_rng(0).normal(size=(3, 2, 12, 12)).astype(np.float32)
    x = x.clip(-3, 3)
    weights = {name.replace(".", "_"): values.numpy() for name, values in net.state_dict().items()}
    save("plain_cnn", figures(net, torch.from_numpy(x).double(), -3.0, 3.0) | weights)


if __name__ == "__main__":
    main()
