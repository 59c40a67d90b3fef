"""Networks that were trained for a little while: what files with coarse numbers are made of.

What rounding does to a random network, whose gradient depends on every bit, says nothing of trained ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from family import Family

if TYPE_CHECKING:
    from pathlib import Path

LARGE = {"resnet18": 64, "mobilenet_v2": 64, "squeezenet1_1": 64, "shufflenet_v2_x0_5": 64, "efficientnet_b0": 64}
SMALL = ("cnn", "residual", "inverted", "squeezed", "patches", "attention", "mixer", "mlp")


def network(member: str) -> tuple[Any, tuple[int, ...]]:
    """Return an untrained network, and the shape of a row."""
    if member == "vit":
        from torchvision.models import VisionTransformer

        return VisionTransformer(32, 8, num_layers=3, num_heads=4, hidden_dim=64, mlp_dim=128, num_classes=10), (
            3,
            32,
            32,
        )
    if member in LARGE:
        from families import torchvision_models

        return torchvision_models.network(member), (3, LARGE[member], LARGE[member])
    from families import small

    function, shape = small.NETS[member]
    return getattr(small, function)(), shape


def _make(name: str, folder: Path) -> Any:
    import torch
    from torch_export import Job, make
    from training import examples, train

    torch.manual_seed(0)
    member = name.rsplit("/", 1)[-1]
    net, shape = network(member)
    train(net, shape, steps=60 if member in LARGE else 150, rate=1e-4 if member.startswith("squeezenet") else 1e-3)
    x, _ = examples(2, shape, 10, seed=5000)
    job = Job(net, {"input": x}, {}, dynamo=False, libraries=("torchvision",))
    return make(name, folder, job)


FAMILY = Family("trained", "float", ("torch", "torchvision", "onnxscript"), [*LARGE, "vit", *SMALL], _make)
