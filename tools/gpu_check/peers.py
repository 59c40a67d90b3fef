"""The same explanations by torch, zennit and captum on the GPU, in exact float32, from NumPy to NumPy."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PEERS = {
    "gradient": "torch autograd",
    "lrp.epsilon": "zennit",
    "lrp.epsilon_plus_flat": "zennit",
    "deeplift": "captum",
}


def peer(method: str, x: Any, classes: int) -> Any:
    """One explanation of `x`. Raises ImportError where the peer is not installed."""
    return _explainer(method, classes)(x)


@lru_cache(maxsize=1)
def _explainer(method: str, classes: int) -> Callable[[Any], Any]:
    import torch
    from torchvision.models import resnet50

    if not torch.cuda.is_available():
        raise ImportError("this torch has no CUDA")
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    net = resnet50(weights=None).eval().cuda()
    for module in net.modules():  # captum refuses a ReLU in place
        if hasattr(module, "inplace"):
            module.inplace = False
    if method == "gradient":
        return lambda x: _gradient(net, x)
    return _captum(net) if method == "deeplift" else _zennit(net, method, classes)


def _gradient(net: Any, x: Any) -> Any:
    import torch

    leaf = torch.from_numpy(x).cuda().requires_grad_()
    return torch.autograd.grad(net(leaf)[:, 1].sum(), leaf)[0].cpu().numpy()


def _zennit(net: Any, method: str, classes: int) -> Callable[[Any], Any]:
    import torch
    from zennit import composites, rules, types
    from zennit.attribution import Gradient
    from zennit.torchvision import ResNetCanonizer

    options = {"canonizers": [ResNetCanonizer()]}
    layers = [*composites.layer_map_base(), (types.Linear, rules.Epsilon())]
    epsilon = method == "lrp.epsilon"
    chosen = composites.LayerMapComposite(layers, **options) if epsilon else composites.EpsilonPlusFlat(**options)

    def run(x: Any) -> Any:
        seed = torch.eye(classes)[[1] * len(x)].cuda()
        with Gradient(net, chosen) as attributor:
            return attributor(torch.from_numpy(x).cuda(), seed)[1].cpu().numpy()

    return run


def _captum(net: Any) -> Callable[[Any], Any]:
    import torch
    from captum.attr import DeepLift

    explainer = DeepLift(net)
    return lambda x: explainer.attribute(torch.from_numpy(x).cuda(), target=1).detach().cpu().numpy()
