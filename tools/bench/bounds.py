"""What is compared with what, and the bounds that a row has to keep."""

from __future__ import annotations

from importlib.util import find_spec

from zoo import NETWORKS

METHODS = ("gradient", "lrp.epsilon", "lrp.epsilon_plus_flat", "deeplift")
PEERS = {  # zennit's canonizer does not merge the BatchNorms of a DenseNet, captum's DeepLIFT no reused ReLU
    "gradient": ("torch:gradient", "torch", NETWORKS),
    "lrp.epsilon": ("zennit:epsilon", "zennit", ("resnet50", "vgg16", "mobilenet_v2")),
    "lrp.epsilon_plus_flat": ("zennit:epsilon_plus_flat", "zennit", ("resnet50", "vgg16", "mobilenet_v2")),
    "deeplift": ("captum:deeplift", "captum", ("vgg16",)),
}
OVER_FORWARD = {
    ("vgg16", "gradient"): 2.35,
    ("resnet50", "gradient"): 2.5,
    ("mobilenet_v2", "gradient"): 3.4,
    ("densenet121", "gradient"): 2.7,
    ("resnet50", "lrp.epsilon"): 2.8,
    ("resnet50", "lrp.epsilon_plus_flat"): 4.2,
    ("vgg16", "deeplift"): 2.6,
}
OVER_PEER = {
    ("resnet50", "gradient"): 0.8,
    ("resnet50", "lrp.epsilon"): 0.3,
    ("resnet50", "lrp.epsilon_plus_flat"): 0.35,
    ("vgg16", "deeplift"): 0.4,
}
PEAK = {("resnet50", "gradient"): 1.0}
"""Peak memory over the peer's."""

COMPILED_IN = 3.0
"""Seconds that a plan may take to compile."""

NUMPY = (("mobilenet_v2", "gradient"),)
"""What the NumPy engine is measured on: it is the yardstick of numbers, not of speed."""


def engines(network: str, method: str, batch: int) -> tuple[str, ...]:
    """Engines of the CPU that a method is measured on; those of a GPU are measured apart."""
    return ("onnxruntime", "numpy") if batch == 1 and (network, method) in NUMPY else ("onnxruntime",)


def peer_of(network: str, method: str, batch: int) -> str | None:
    """The contender to compare with, if it is installed; with many rows only PyTorch: others take minutes."""
    name, package, networks = PEERS[method]
    measured = network in networks and (batch == 1 or package == "torch")
    return name if measured and find_spec(package) else None
