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

import numpy as np

NETWORKS = ("resnet50", "vgg16", "mobilenet_v2", "densenet121", "efficientnet_b0")
PICTURE = (3, 224, 224)
"""Shape of a row of what they take."""


def network_of(name: str) -> Any:
    """Return a network of torchvision in eval mode, the same one at each call."""
    import torch

    torch.manual_seed(0)
    if "BENCH_PATH" in os.environ:
        sys.path.insert(0, os.environ["BENCH_PATH"])
    torchvision = import_module(os.environ.get("BENCH_TORCHVISION", "torchvision"))
    models = getattr(torchvision, "torchvision", torchvision).models
    net = getattr(models, name)(weights=None).eval()
    for module in net.modules():  # captum refuses a ReLU that works in place
        if hasattr(module, "inplace"):
            module.inplace = False
    return net


def file_of(network: str, folder: str) -> str:
    """Return the path of the file of a network: it is in `folder`, or the network is itself the path of a file."""
    return network if network.endswith(".onnx") else f"{folder}/{network}.onnx"


def input_of(network: str, path: str, batch: int) -> Any:
    """Return random rows for a network: pictures, or token ids where it takes integers."""
    shape, dtype = _stated(path) if network.endswith(".onnx") else (PICTURE, np.dtype(np.float32))
    random = np.random.default_rng(0)
    if np.issubdtype(dtype, np.integer):
        return random.integers(1, 1000, (batch, *shape)).astype(dtype)
    return random.normal(size=(batch, *shape)).astype(dtype)


def _stated(path: str) -> tuple[tuple[int, ...], Any]:
    """Return the shape of a row and the type of the first input of a file."""
    import onnx

    given = onnx.load_model(path, load_external_data=False).graph.input[0].type.tensor_type
    shape = tuple(each.dim_value or 1 for each in given.shape.dim)[1:]
    return shape, onnx.helper.tensor_dtype_to_np_dtype(given.elem_type)


def export(name: str, folder: str) -> None:
    """Write a network as an ONNX file with a free batch size."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network_of(name),
            (torch.zeros(1, *PICTURE),),
            f"{folder}/{name}.onnx",
            dynamo=False,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}},
        )


if __name__ == "__main__":
    export(sys.argv[1], sys.argv[2])
