"""One contender in a process of its own, which prints its median seconds.

    python contenders.py CONTENDER NETWORK FOLDER BATCH

A contender is one way to get a forward run or an explanation of the same network on the same input.
"""

from __future__ import annotations

import sys
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from zoo import network_of

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS, LEAST = 3.0, 5


def forward(path: str, x: Any) -> Callable[[], Any]:
    """A plain run of the file by onnxruntime: what every ratio is over."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"input": x})


def ours(path: str, x: Any, method: str) -> Callable[[], Any]:
    """An explanation by this library, its Python included."""
    import onnxplain as ox

    explainer = ox.Explainer(ox.load(path), method)
    return lambda: explainer(x, target=[1] * len(x))


def torch_gradient(net: Any, x: Any) -> Callable[[], Any]:
    """Eager PyTorch: the gradient of the score with respect to the input."""
    import torch

    def run() -> Any:
        leaf = torch.from_numpy(x).requires_grad_()
        return torch.autograd.grad(net(leaf)[:, 1].sum(), leaf)

    return run


def zennit(net: Any, x: Any, composite: str) -> Callable[[], Any]:
    """A composite of zennit with its canonizer for ResNets."""
    import torch
    from zennit import composites, rules, types
    from zennit.attribution import Gradient
    from zennit.torchvision import ResNetCanonizer

    options = {"canonizers": [ResNetCanonizer()]}
    chosen = {
        "epsilon": lambda: composites.LayerMapComposite(
            [*composites.layer_map_base(), (types.Linear, rules.Epsilon())], **options
        ),
        "epsilon_plus_flat": lambda: composites.EpsilonPlusFlat(**options),
    }[composite]()
    seed = torch.eye(1000)[[1] * len(x)]

    def run() -> Any:
        with Gradient(net, chosen) as attributor:
            return attributor(torch.from_numpy(x), seed)

    return run


def captum(net: Any, x: Any) -> Callable[[], Any]:
    """DeepLIFT by captum."""
    import torch
    from captum.attr import DeepLift

    explainer = DeepLift(net)
    return lambda: explainer.attribute(torch.from_numpy(x), target=1)


def contender(name: str, network: str, folder: str, batch: int) -> Callable[[], Any]:
    """The call to measure."""
    x = np.random.default_rng(0).normal(size=(batch, 3, 224, 224)).astype("f")
    path = f"{folder}/{network}.onnx"
    if name == "forward":
        return forward(path, x)
    if name.startswith("ours:"):
        return ours(path, x, name.removeprefix("ours:"))
    net = network_of(network)
    if name == "torch:gradient":
        return torch_gradient(net, x)
    return captum(net, x) if name == "captum:deeplift" else zennit(net, x, name.removeprefix("zennit:"))


def measure(run: Callable[[], Any]) -> float:
    """Median seconds of a call, after two calls to warm up."""
    run(), run()
    times: list[float] = []
    while len(times) < LEAST or sum(times) < SECONDS:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return median(times)


if __name__ == "__main__":
    print(measure(contender(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))))
