"""The networks that are measured: torchvision's and a BERT of transformers, with random weights, and long chains.

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

NETWORKS = (
    *("resnet50", "vgg16", "mobilenet_v2", "densenet121", "efficientnet_b0"),
    *("resnet18", "vit_b_16", "convnext_tiny", "bert_base"),
)
CHAIN = "chain-"
"""Before a number of nodes: the name of a chain of so many small layers."""
PICTURE, TOKENS = (3, 224, 224), 128
"""Shape of a row of what the networks take: of pictures, and of the token ids of bert_base."""


def network_of(name: str) -> Any:
    """Return a network in eval mode, the same one at each call."""
    import torch

    torch.manual_seed(0)
    if "BENCH_PATH" in os.environ:
        sys.path.insert(0, os.environ["BENCH_PATH"])
    torchvision = import_module(os.environ.get("BENCH_TORCHVISION", "torchvision"))  # transformers imports it, too
    if name == "bert_base":
        from bert import network

        return network()
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
    shape, dtype = _stated(path) if network.endswith(".onnx") else _known(network)
    random = np.random.default_rng(0)
    if np.issubdtype(dtype, np.integer):
        return random.integers(1, 1000, (batch, *shape)).astype(dtype)
    return random.normal(size=(batch, *shape)).astype(dtype)


def _known(network: str) -> tuple[tuple[int, ...], Any]:
    """Return the shape of a row and the type of the input of a network of this file."""
    return ((TOKENS,), np.dtype(np.int64)) if network == "bert_base" else (PICTURE, np.dtype(np.float32))


def _stated(path: str) -> tuple[tuple[int, ...], Any]:
    """Return the shape of a row and the type of the first input of a file."""
    import onnx

    given = onnx.load_model(path, load_external_data=False).graph.input[0].type.tensor_type
    shape = tuple(each.dim_value or 1 for each in given.shape.dim)[1:]
    return shape, onnx.helper.tensor_dtype_to_np_dtype(given.elem_type)


def export(name: str, folder: str) -> None:
    """Write a network as an ONNX file with a free batch size."""
    if name.startswith(CHAIN):
        return export_chain(int(name.removeprefix(CHAIN)), f"{folder}/{name}.onnx")
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network_of(name),
            (torch.from_numpy(input_of(name, "", 1)),),
            f"{folder}/{name}.onnx",
            dynamo=False,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}},
        )
    return None


def export_chain(count: int, path: str) -> None:
    """Write a chain of `count` nodes: MatMul, Add and Relu in turn, with weights of their own, on rows of 4 numbers."""
    import onnx
    from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

    random, nodes, weights, value = np.random.default_rng(0), [], [], "input"
    for i in range(count):
        op, shape = (("MatMul", (4, 4)), ("Add", (4,)), ("Relu", None))[i % 3]
        inputs = [value]
        if shape:
            weights.append(onnx.numpy_helper.from_array(random.normal(size=shape).astype("f") / 2, f"w{i}"))
            inputs.append(f"w{i}")
        value = f"v{i}"
        nodes.append(make_node(op, inputs, [value]))
    ends = [make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", 4]) for name in ("input", value)]
    graph = make_graph(nodes, "chain", ends[:1], ends[1:], weights)
    onnx.save(make_model(graph, opset_imports=[make_opsetid("", 21)], ir_version=10), path)


if __name__ == "__main__":
    export(sys.argv[1], sys.argv[2])
