"""The networks that are measured: torchvision's, with random weights.

    python zoo.py NETWORK FOLDER    # writes FOLDER/NETWORK.onnx

Where torchvision cannot be imported as it is, the environment variable BENCH_TORCHVISION names a module to import in
its place, which has torchvision as an attribute, and BENCH_PATH names a folder to search for it.
"""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module
from typing import Any

NETWORKS = ("resnet50", "vgg16", "mobilenet_v2", "densenet121", "efficientnet_b0")


def network_of(name: str) -> Any:
    """Return a network of torchvision in eval mode, the same one at each call."""
    import torch

    torch.manual_seed(0)
    sys.path.insert(0, os.environ.get("BENCH_PATH", ""))
    torchvision = import_module(os.environ.get("BENCH_TORCHVISION", "torchvision"))
    models = getattr(torchvision, "torchvision", torchvision).models
    net = getattr(models, name)(weights=None).eval()
    for module in net.modules():  # captum refuses a ReLU that works in place
        if hasattr(module, "inplace"):
            module.inplace = False
    return net


def export(name: str, folder: str) -> None:
    """Write a network as an ONNX file with a free batch size."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network_of(name),
            (torch.zeros(1, 3, 224, 224),),
            f"{folder}/{name}.onnx",
            dynamo=False,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}},
        )


if __name__ == "__main__":
    export(sys.argv[1], sys.argv[2])
