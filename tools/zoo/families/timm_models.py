"""Architectures of timm, a small one of each, in the shape of their first two blocks of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from family import Family

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = """beit_base_patch16_224 botnet26t_256 halonet26t lambda_resnet26t bat_resnext26ts gernet_s repvgg_a0
mobileone_s0 resnet32ts cait_xxs24_224 coat_lite_tiny coat_tiny convit_tiny convmixer_768_32
convnext_atto convnext_atto_rms convnextv2_atto cpubone_nano crossvit_9_240 cs3darknet_s cspdarknet53
davit_tiny deit_tiny_distilled_patch16_224 densenetblur121d dla34 dpn48b dpn68 edgenext_xx_small
efficientformer_l1 efficientformerv2_s0 efficientnet_b0 efficientnet_b0_gn tf_efficientnet_b0 mixnet_s
mnasnet_small mobilenetv2_035 tinynet_e efficientvim_m1 efficientvit_b0 efficientvit_m0
eva02_tiny_patch14_224 fasternet_t0 fastvit_t8 fastvit_sa12 focalnet_tiny_srf gcvit_xxtiny ghostnet_050
ghostnetv3_050 hgnetv2_b0 hiera_tiny_224 iformer_t inception_next_atto inception_v4 lcnetv2_small
levit_128s levit_conv_128s lowformer_b0 mambaout_femto coatnet_nano_rw_224 maxvit_pico_rw_256
caformer_s18 poolformer_s12 gmlp_ti16_224 mixer_s32_224 resmlp_12_224 lcnet_050
mobilenetv4_conv_small_035 mobilenetv4_hybrid_medium mobilevit_xxs mobilevitv2_050 mvitv2_tiny
naflexvit_base_patch16_gap nest_tiny nextvit_small dm_nfnet_f0 eca_nfnet_l0 nf_resnet26 pit_ti_224
pvt_v2_b0 rdnet_tiny regnetv_040 regnety_002 regnetz_005 repghostnet_050 repvit_m0_9 res2net50_26w_4s
resnest14d resnet10t resnetblur18 resnetv2_18 resnetv2_50x1_bit resnetv2_50d_gn resnetv2_50d_frn
rexnet_100 selecsls42b sequencer2d_s shvit_s1 skresnet34 starnet_s050 swiftformer_xs
swin_tiny_patch4_window7_224 swinv2_tiny_window8_256 tiny_vit_5m_224 tnt_s_patch16_224 twins_svt_small
visformer_tiny vit_tiny_patch16_224 vit_tiny_r_s16_p8_224 vit_relpos_small_patch16_224
vit_small_patch14_reg4_dinov2 vit_wee_patch16_reg1_gap_256 vitamin_small_224 volo_d1_224
ese_vovnet19b_slim_dw xception41 xcit_nano_12_p16_224""".split()  # noqa: SIM905
SIZES = (64, 96, 128, 160, 192, 224, 240, 256)
"""The sizes of the input that are tried, in this order; the first that the network takes is used."""
FIRST = {"inception_v4": 96}
"""Networks that a smaller picture leaves no place of."""


def network(name: str, size: int) -> Any:
    """Return a network of timm at this size of input, without repeated blocks where it runs without them."""
    import timm
    import torch
    from shallow import shallow

    def made() -> Any:
        try:
            return timm.create_model(name, num_classes=10, img_size=size).eval()
        except TypeError:  # which takes any size
            return timm.create_model(name, num_classes=10).eval()

    with torch.no_grad():
        picture = torch.zeros(2, 3, size, size)
        try:
            net = shallow(made())
            net(picture)
        except Exception:  # noqa: BLE001 - it counts its blocks
            net = made()
            net(picture)
    return net


def fitting(name: str) -> tuple[Any, int]:
    """Return a network, and the smallest size of input that it takes."""
    import torch

    problem: Exception | None = None
    for size in SIZES:
        if size < FIRST.get(name, 0):
            continue
        torch.manual_seed(0)
        try:
            return network(name, size), size
        except Exception as each:  # noqa: BLE001 - a size that does not fit fails in many ways
            problem = each
    raise ValueError(f"no size of input fits: {problem}")


def _make(name: str, folder: Path) -> Any:
    from pictures import pictures
    from torch_export import Job, make

    member, exporter = name.rsplit("/", 1)[-1].split(".")
    net, size = fitting(member)
    feeds, batch = ({"input": pictures(rows, (3, size, size), seed=rows)} for rows in (2, 8))
    return make(name, folder, Job(net, feeds, batch, dynamo=exporter == "dynamo", libraries=("timm",)))


EXPORTERS = {"halonet26t": "dynamo", "naflexvit_base_patch16_gap": "dynamo", "nest_tiny": "ts", "volo_d1_224": "dynamo"}
"""Those that the other exporter does not write."""
MEMBERS = [f"{name}.{EXPORTERS.get(name, ('ts', 'dynamo')[index % 3 == 0])}" for index, name in enumerate(PLAIN)]
FAMILY = Family("timm", "float", ("torch", "timm", "onnxscript"), MEMBERS, _make)
