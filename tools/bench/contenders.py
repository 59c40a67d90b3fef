"""Measure one contender and print the time and memory it took as JSON.

    python contenders.py CONTENDER NETWORK FOLDER BATCH [RESULT]

A contender is one way to compute the forward run, or an explanation, of the same network on the same input. First its
library and the model are loaded, which is not measured. Then it is prepared up to the first result: a session is opened
or a plan compiled. Then it runs many times. What is printed:

    seconds   median duration of a run
    prepared  seconds until the first result, less the duration of a run
    peak      the most memory that the process had resident, in bytes (VmHWM of Linux; 0 on other systems)

NETWORK is a name of zoo.py, whose file is in FOLDER, or the path of an ONNX file. RESULT is a file for the attribution
that onnxplain computes. Where the environment variable BENCH_TREE names a checkout, onnxplain has to be that one.

The function of a contender loads what it needs and returns a function that prepares; this one returns a function that
runs.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from zoo import file_of, input_of, network_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[], Any]

SECONDS, LEAST = float(os.environ.get("BENCH_SECONDS", "2")), 3
"""A contender runs for at least this many seconds, and at least this many times."""


def forward(path: str, x: Any) -> Callable[[], Run]:
    """Run the ONNX file in onnxruntime, without explaining anything. All times are compared with this one."""
    import onnxruntime

    def prepare() -> Run:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return lambda: session.run(None, {session.get_inputs()[0].name: x})

    return prepare


def ours(path: str, x: Any, engine: str, method: str) -> Callable[[], Run]:
    """Explain with onnxplain, as a user calls it."""
    import onnxplain as ox

    check_tree(ox.__file__)
    model = ox.load(path, engine=engine)

    def prepare() -> Run:
        explainer = ox.Explainer(model, method)
        return lambda: explainer(x, target=[1] * len(x))

    return prepare


def torch_gradient(net: Any, x: Any) -> Callable[[], Run]:
    """Compute the gradient of a score with respect to the input in PyTorch, in eager mode."""
    import torch

    def run() -> Any:
        leaf = torch.from_numpy(x).requires_grad_()
        return torch.autograd.grad(net(leaf)[:, 1].sum(), leaf)

    return lambda: run


def zennit(net: Any, x: Any, composite: str) -> Callable[[], Run]:
    """Explain with a composite of zennit and its canonizer for ResNets, which folds BatchNorms."""
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

    return lambda: run


def captum(net: Any, x: Any) -> Callable[[], Run]:
    """Explain with captum's DeepLIFT."""
    import torch
    from captum.attr import DeepLift

    explainer = DeepLift(net)
    return lambda: lambda: explainer.attribute(torch.from_numpy(x), target=1)


def contender(name: str, network: str, folder: str, batch: int) -> Callable[[], Run]:
    """Load a contender by its name; return the function that prepares it."""
    path = file_of(network, folder)
    x = input_of(network, path, batch)
    kind, _, what = name.partition(":")
    if kind == "forward":
        return forward(path, x)
    if kind == "ours":
        return ours(path, x, *what.split(":"))
    net = network_of(network)
    if kind == "torch":
        return torch_gradient(net, x)
    return captum(net, x) if kind == "captum" else zennit(net, x, what)


def check_tree(package: str) -> None:
    """End the process where a checkout is to be measured and the package at this path is not of it."""
    tree = os.environ.get("BENCH_TREE")
    if tree and not Path(package).resolve().is_relative_to(Path(tree).resolve()):
        sys.exit(f"expected onnxplain of {tree}, but Python imports {package}")


def measure(prepare: Callable[[], Run], result: str | None = None) -> dict[str, float]:
    """Prepare a contender and run it many times; return what the docstring of this file lists.

    result: the path of a file, which is written where what the contender returns has an attribution.
    """
    start = time.perf_counter()
    run = prepare()
    found = run()
    first = time.perf_counter() - start
    if result and hasattr(found, "attribution"):
        np.save(result, found.attribution)
    del found
    times: list[float] = []
    while len(times) < LEAST or sum(times) < SECONDS:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return {"seconds": median(times), "prepared": max(first - median(times), 0.0), "peak": peak()}


def peak() -> int:
    """Return the most memory that this process had resident at once, in bytes; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    _name, _network, _folder, _batch, *_result = sys.argv[1:]
    print(json.dumps(measure(contender(_name, _network, _folder, int(_batch)), *_result)))
