"""Which contenders are compared, and the bounds that the results have to keep."""

from __future__ import annotations

from importlib.util import find_spec

from zoo import NETWORKS

METHODS = ("gradient", "lrp.epsilon", "lrp.epsilon_plus_flat", "deeplift")
OWN_METHODS = {
    "resnet18": ("gradient",),
    "vit_b_16": ("gradient", "attnlrp"),
    "convnext_tiny": ("gradient",),
    "bert_base": ("gradient",),
}
"""The methods that are measured on a network, where they are others than METHODS."""
PEERS = {  # zennit's canonizer cannot fold the BatchNorms of a DenseNet; captum's DeepLIFT refuses a reused ReLU
    "gradient": ("torch:gradient", "torch", NETWORKS),
    "lrp.epsilon": ("zennit:epsilon", "zennit", ("resnet50", "vgg16", "mobilenet_v2")),
    "lrp.epsilon_plus_flat": ("zennit:epsilon_plus_flat", "zennit", ("resnet50", "vgg16", "mobilenet_v2")),
    "deeplift": ("captum:deeplift", "captum", ("vgg16",)),
}
"""By method: the contender of another library that computes the same, its package, and the networks that it can do."""

OVER_FORWARD = {
    ("vgg16", "gradient"): 2.35,
    ("vgg16", "deeplift"): 2.4,
    ("resnet50", "gradient"): 2.5,
    ("resnet50", "lrp.epsilon"): 2.6,
    ("resnet50", "lrp.epsilon_plus_flat"): 3.8,
    ("resnet50", "deeplift"): 2.6,
    ("mobilenet_v2", "gradient"): 3.0,
    ("densenet121", "gradient"): 2.6,
    ("efficientnet_b0", "gradient"): 3.6,
    ("efficientnet_b0", "lrp.epsilon_plus_flat"): 7.0,
    ("vit_b_16", "gradient"): 2.2,
    ("vit_b_16", "attnlrp"): 2.8,
    ("convnext_tiny", "gradient"): 2.2,
    ("bert_base", "gradient"): 2.2,
}
"""By network and method: the largest ratio of our seconds to those of the forward run."""

OVER_PEER = {
    ("resnet50", "gradient"): 0.8,
    ("resnet50", "lrp.epsilon"): 0.3,
    ("resnet50", "lrp.epsilon_plus_flat"): 0.35,
    ("vgg16", "deeplift"): 0.4,
}
"""By network and method: the largest ratio of our seconds to those of the other library."""

PEAK = {("resnet50", "gradient"): 1.0}
"""By network and method: the largest ratio of our peak memory to that of the other library."""

COMPILED_IN = 3.0
"""Seconds that a plan may take to compile."""

NUMPY = (("mobilenet_v2", "gradient"),)
"""What the NumPy engine is measured on. One case is enough, since it is there to check numbers and not for speed."""


def methods_of(network: str) -> tuple[str, ...]:
    """Return the methods that are measured on a network."""
    return OWN_METHODS.get(network, METHODS)


def engines(network: str, method: str, batch: int) -> tuple[str, ...]:
    """Return the engines that a method is measured on. Those of a GPU are left out: tools/gpu_check measures them."""
    return ("onnxruntime", "numpy") if batch == 1 and (network, method) in NUMPY else ("onnxruntime",)


def peer_of(network: str, method: str, batch: int) -> str | None:
    """Return the contender to compare a method with, or None where it is not installed or cannot do the network.

    With more than one row only PyTorch is compared, because other libraries take minutes.
    """
    if method not in PEERS:
        return None
    name, package, networks = PEERS[method]
    measured = network in networks and (batch == 1 or package == "torch")
    return name if measured and find_spec(package) else None
