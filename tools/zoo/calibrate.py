"""Random networks that behave like trained ones: statistics from data, scores of the size of 1, no vanishing branch.

What exporters fold into the weights is made of numbers that fold without rounding: a BatchNorm's scale is a power of
two, its mean and all biases are multiples of 2^-10. So the file computes what the network computes, and gradients in
double precision agree to many digits or are wrong.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

EPS = 2.0**-17
"""In place of BatchNorm's usual 1e-5, which no float32 holds exactly."""
STEP = 2.0**-10


def calibrate(net: nn.Module, batch: Any, classes: int, seed: int = 0) -> nn.Module:
    """Set weights and statistics of a network from a batch of inputs, a tuple or a dict, and return it in eval mode."""
    torch.manual_seed(seed)
    net.eval()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            _wake(name, parameter)
        hooks = [each.register_forward_pre_hook(_settle()) for each in net.modules() if _is_norm(each)]
        run(net, batch)
        for hook in hooks:
            hook.remove()
        _rescale(net, batch, classes)
    return net


def run(net: nn.Module, batch: Any) -> Any:
    """Return the scores of a batch: the first output that a network gives."""
    found = net(**batch) if isinstance(batch, dict) else net(*batch)
    for name in ("logits", "prediction_logits", "prediction_outputs"):
        if hasattr(found, name):
            return getattr(found, name)
    return found[0] if isinstance(found, (tuple, list)) else found


def _is_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_var is not None  # noqa: SLF001


def _wake(name: str, parameter: Any) -> None:
    """Give a parameter that starts as a constant near 0 values that matter; round biases to steps that fold exactly."""
    last = name.rsplit(".", 1)[-1]
    constant = parameter.numel() > 1 and bool((parameter == parameter.flatten()[0]).all())
    if constant and abs(float(parameter.flatten()[0])) < 0.2:
        if "bias" in last or (parameter.ndim > 1 and "gamma" not in name and "scale" not in name):
            parameter.normal_(0, 0.1)
        else:
            parameter.uniform_(0.3, 0.7)  # a scale of a branch that training would have grown
    if last == "bias":
        parameter.copy_((parameter / STEP).round() * STEP)


def _settle() -> Any:
    """Return a hook that sets a BatchNorm from the first input that it meets, before it runs on it."""
    met: set[int] = set()

    def hook(module: Any, inputs: tuple[Any, ...]) -> None:
        if id(module) in met:
            return
        met.add(id(module))
        x = inputs[0]
        axes = [axis for axis in range(x.ndim) if axis != 1]
        mean, var = x.mean(axes), x.var(axes, unbiased=False) + 1e-3
        power = torch.floor(torch.log2(var) / 2 + 0.5).clamp(-4, 3)
        module.eps = EPS
        module.running_mean.copy_((mean / STEP).round() * STEP)
        module.running_var.copy_(4.0**power - EPS)
        if module.weight is not None:
            module.weight.copy_(2.0 ** torch.randint(-1, 1, module.weight.shape) * torch.sign(module.weight + 0.5))
            module.bias.copy_((torch.randn(module.bias.shape) * 0.3 / STEP).round() * STEP)

    return hook


def _rescale(net: nn.Module, batch: Any, classes: int) -> None:
    """Scale the last layer by a power of two, so that the scores have a deviation near 1."""
    layers = [each for each in net.modules() if _width(each) == classes]
    spread = float(run(net, batch).float().std())
    if layers and math.isfinite(spread) and spread > 0:
        scale = 2.0 ** round(-math.log2(spread))
        for name, parameter in layers[-1].named_parameters(recurse=False):
            if name in ("weight", "bias"):
                parameter.mul_(scale)


def _width(layer: nn.Module) -> int:
    if isinstance(layer, nn.Linear):
        return layer.out_features
    return layer.out_channels if isinstance(layer, nn.Conv2d) else -1
