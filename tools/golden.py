"""Make reference values for the tests: explanations of two small networks by PyTorch, captum and zennit, in float64.

They are written to tests/golden/digits_cnn.npz and plain_cnn.npz. Each file holds the inputs `x` [N, C, H, W], the
`baseline` of DeepLIFT in the same shape, the explained classes `target` [N], the lowest and the highest input value
`bounds`, one array of attributions per method under onnxplain's name of the method, and `made`, a JSON text with the
versions of the libraries. The network of digits_cnn.npz has the weights of models/digits_cnn_torch.onnx. The network of
plain_cnn.npz has random weights, which the file holds too.
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
PICTURES = ("digit_3_918",)
SINGLE = {"digits_cnn"}
"""Networks whose figures are kept in float32, as the tests compare them no closer: their weights are folded here."""
LIBRARIES = ("captum", "numpy", "torch", "zennit")


class Apart(nn.Module):
    """Return x · 1, to keep a ReLU and the MaxPool that reads it apart.

    captum hooks both modules. If the output of the one is the very tensor that the other reads, captum 0.9 passes the
    gradient to the first one without the rule of the second, and its DeepLIFT no longer sums to the difference of the
    scores.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a tensor of its own with the same values."""
        return x * 1.0


class Digits(nn.Module):
    """The network of tools/train/digits_cnn_torch.py with its BatchNorms folded, in float64.

    Every step is a module of its own, because captum and zennit hook modules. The skip connection is zennit's Sum,
    because zennit has no rule for `+`. BatchNorms are folded by PyTorch, because zennit 0.5 forgets their epsilon.
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
    """Return two convolutions, max pooling and two dense layers, with random float32 weights stored as float64."""
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
    """Return zennit's composites by onnxplain's names of them; some are one zennit rule at all linear layers.

    low, high: the lowest and the highest value of an input, for the rule of the first layer in EpsilonGammaBox.
    """
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
    """Return the relevance [N, C, H, W] of x for the logit of the class `target` of each row, by zennit."""
    with Gradient(net, composite) as attributor:
        return attributor(x, lambda scores: scores * nn.functional.one_hot(target, scores.shape[1]))[1]


def figures(net: nn.Module, x: torch.Tensor, low: float, high: float) -> dict[str, np.ndarray]:
    """Return the arrays of one file: the attributions of all methods for the predicted class of each row of x.

    The baseline of DeepLIFT is noise between `low` and `high`. At a constant baseline the elements of a pooling window
    would be equal, and rounding errors would decide which one is the largest.
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
    """Write one file, with the versions of the libraries that made it."""
    made = json.dumps({library: version(library) for library in LIBRARIES} | {"script": "tools/golden.py"})
    GOLDEN.mkdir(exist_ok=True)
    short = {
        key: each.astype("f") if each.dtype.kind == "f" and name in SINGLE else each for key, each in arrays.items()
    }
    np.savez_compressed(GOLDEN / f"{name}.npz", made=np.array(made), **short)


def pictures() -> tuple[torch.Tensor, float, float]:
    """Return the pictures as inputs of the network, and the input values of the pixel values 0 and 255."""
    norm = json.loads((MODELS / "digits_cnn_torch.preprocess.json").read_text())
    mean, std = norm["mean"][0], norm["std"][0]
    pixels = np.stack([np.asarray(Image.open(MODELS / "images" / f"{name}.png")) for name in PICTURES])
    x = ((pixels[:, None] / 255 - mean) / std).astype(np.float32)  # a model's input is float32
    return torch.from_numpy(x).double(), -mean / std, (1 - mean) / std


def main() -> None:
    """Make both files, with one thread, so that sums are rounded in the same way each time."""
    torch.set_num_threads(1)
    save("digits_cnn", figures(Digits(), *pictures()))
    net, x = plain(), np.random.default_rng(0).normal(size=(1, 2, 10, 10)).astype(np.float32)
    x = x.clip(-3, 3)
    weights = {name.replace(".", "_"): values.numpy() for name, values in net.state_dict().items()}
    save("plain_cnn", figures(net, torch.from_numpy(x).double(), -3.0, 3.0) | weights)


if __name__ == "__main__":
    main()
