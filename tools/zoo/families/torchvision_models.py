"""All classifiers of torchvision, in the shape of their first two blocks of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from family import Family

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = """alexnet convnext_base convnext_large convnext_small convnext_tiny densenet121 densenet161 densenet169
densenet201 efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5
efficientnet_b6 efficientnet_b7 efficientnet_v2_l efficientnet_v2_m efficientnet_v2_s googlenet inception_v3
maxvit_t mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small
regnet_x_16gf regnet_x_1_6gf regnet_x_32gf regnet_x_3_2gf regnet_x_400mf regnet_x_800mf regnet_x_8gf
regnet_y_128gf regnet_y_16gf regnet_y_1_6gf regnet_y_32gf regnet_y_3_2gf regnet_y_400mf regnet_y_800mf
regnet_y_8gf resnet101 resnet152 resnet18 resnet34 resnet50 resnext101_32x8d resnext101_64x4d resnext50_32x4d
shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0 squeezenet1_0 squeezenet1_1 swin_b
swin_s swin_t swin_v2_b swin_v2_s swin_v2_t vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn vit_b_16
vit_b_32 vit_h_14 vit_l_16 vit_l_32 wide_resnet101_2 wide_resnet50_2""".split()  # noqa: SIM905
BOTH = ("densenet121", "mobilenet_v2", "resnet18", "squeezenet1_1", "vit_b_16")
"""Those that both exporters write; of the others every second one."""
SIZES = {"alexnet": 64, "inception_v3": 80, "maxvit_t": 64, "vit_h_14": 56}
SMALLEST = 64


def network(name: str) -> Any:
    """Return a network of torchvision, without the weights that only make it large."""
    from shallow import shallow
    from torchvision import models

    size = SIZES.get(name, SMALLEST)
    given: dict[str, Any] = {"num_classes": 10, "weights": None}
    if name.startswith(("googlenet", "inception")):
        given |= {"init_weights": False, "aux_logits": False}
    if name.startswith("vit"):
        given |= {"image_size": size}
    if name.startswith("maxvit"):
        return shallow(_maxvit(models, size))
    if name.startswith("regnet"):
        _narrow(models.regnet, 8 if "128" in name else 4 if name.endswith(("16gf", "32gf")) else 1)
    net = getattr(models, name)(**given)
    if name.startswith(("vgg", "alexnet")):
        _lighten(net)
    return shallow(net)


def _maxvit(models: Any, size: int) -> Any:
    return models.MaxVit(
        input_size=(size, size),
        stem_channels=64,
        partition_size=2,
        block_channels=[64, 128, 256, 512],
        block_layers=[2, 2, 2, 2],
        head_dim=32,
        stochastic_depth_prob=0.2,
        num_classes=10,
    )


def _narrow(regnet: Any, by: int) -> None:
    """Make the widths that a regnet is computed from smaller."""
    params = regnet.BlockParams
    original = params.__dict__.get("_original") or params.from_init_params
    params._original = original  # noqa: SLF001

    def narrower(depth: int, w_0: int, w_a: float, w_m: float, group_width: int, **rest: Any) -> Any:
        return original(depth, w_0 // by // 8 * 8, w_a / by, w_m, max(group_width // by, 8), **rest)

    params.from_init_params = narrower if by > 1 else original


def _lighten(net: Any) -> None:
    """Replace the wide dense layers, which hold nine tenths of the weights, by narrow ones behind one place."""
    from torch import nn

    net.avgpool = nn.AdaptiveAvgPool2d(1)
    width = [each for each in net.features if isinstance(each, nn.Conv2d)][-1].out_channels
    relu, drop = nn.ReLU, nn.Dropout
    layers = (
        nn.Linear(width, 128),
        relu(),
        drop(),
        nn.Linear(128, 128),
        relu(),
        drop(),
        nn.Linear(128, 10),
    )
    net.classifier = nn.Sequential(*layers)


def _make(name: str, folder: Path) -> Any:
    import torch
    from pictures import pictures
    from torch_export import Job, make

    torch.manual_seed(0)
    member, exporter = name.rsplit("/", 1)[-1].split(".")
    size = SIZES.get(member, SMALLEST)
    shape, channels = (3, size, size), "input"
    job = Job(
        network(member),
        {channels: pictures(2, shape, seed=1)},
        {channels: pictures(8, shape, seed=2)},
        dynamo=exporter == "dynamo",
        libraries=("torchvision",),
    )
    return make(name, folder, job)


def _members() -> list[str]:
    found = []
    for index, name in enumerate(PLAIN):
        exporters = ("dynamo", "ts") if name in BOTH else (("dynamo", "ts")[index % 2],)
        found += [f"{name}.{each}" for each in exporters]
    return found


FAMILY = Family("torchvision", "float", ("torch", "torchvision", "onnxscript"), _members(), _make)
