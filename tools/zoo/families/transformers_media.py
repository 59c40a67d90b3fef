"""Classification heads of HuggingFace transformers for pictures, sound, video and series, small and random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from family import Family

if TYPE_CHECKING:
    from pathlib import Path

SIZE, WAVE = 32, 1600
SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "image_size": SIZE,
    "patch_size": 8,
}
STAGES: dict[str, Any] = {"image_size": SIZE, "patch_size": 2, "embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4]}
WAVES: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "conv_dim": [16, 16, 16],
    "conv_stride": [5, 4, 2],
    "conv_kernel": [10, 8, 4],
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4,
    "classifier_proj_size": 16,
    "num_feat_extract_layers": 3,
}
IMAGES: dict[str, dict[str, Any]] = {
    "beit": SMALL,
    "bit": {"num_groups": 4, "embedding_size": 16, "hidden_sizes": [32, 64], "depths": [2, 2]},
    "convnext": {"hidden_sizes": [16, 32], "depths": [2, 2], "num_stages": 2},
    "convnextv2": {"hidden_sizes": [16, 32], "depths": [2, 2], "num_stages": 2},
    "cvt": {"embed_dim": [16, 32, 64], "num_heads": [1, 2, 4], "depth": [1, 2, 3]},
    "data2vec-vision": SMALL,
    "deit": SMALL,
    "dinov2": SMALL,
    "dinov2_with_registers": SMALL,
    "donut-swin": {**STAGES, "window_size": 4},
    "efficientnet": {"width_coefficient": 0.35, "depth_coefficient": 0.5, "image_size": 64, "hidden_dim": 448},
    "focalnet": {"image_size": SIZE, "patch_size": 2, "embed_dim": 16, "hidden_sizes": [16, 32], "depths": [2, 2],
                 "focal_levels": [2, 2], "focal_windows": [3, 3]},
    "hgnet_v2": {},
    "hiera": {"image_size": [64, 64], "embed_dim": 16, "depths": [1, 2, 2, 1], "num_heads": [1, 1, 2, 2]},
    "levit": {"image_size": 64, "hidden_sizes": [32, 48, 64], "num_attention_heads": [2, 3, 4], "depths": [1, 1, 1],
              "key_dim": [8, 8, 8]},
    "mobilenet_v1": {"depth_multiplier": 0.25},
    "mobilenet_v2": {"depth_multiplier": 0.35},
    "mobilevit": {"image_size": 64, "hidden_sizes": [32, 48, 64], "neck_hidden_sizes": [8, 16, 16, 24, 32, 48, 64]},
    "mobilevitv2": {"image_size": 64, "width_multiplier": 0.5},
    "poolformer": {"hidden_sizes": [16, 32, 32, 64], "depths": [1, 1, 2, 1]},
    "pvt": {"num_attention_heads": [1, 2, 2, 4], "image_size": 64, "hidden_sizes": [16, 32, 32, 64],
            "depths": [1, 1, 1, 1]},
    "pvt_v2": {"num_attention_heads": [1, 2, 2, 4], "image_size": 64, "hidden_sizes": [16, 32, 32, 64],
               "depths": [1, 1, 1, 1]},
    "regnet": {"embedding_size": 16, "hidden_sizes": [16, 32, 32, 64], "depths": [1, 1, 2, 1], "groups_width": 8},
    "resnet": {"embedding_size": 16, "hidden_sizes": [16, 32, 32, 64], "depths": [1, 1, 2, 1]},
    "segformer": {"hidden_sizes": [16, 32, 32, 64], "depths": [1, 1, 1, 1]},
    "swiftformer": {"image_size": 64, "depths": [1, 1, 2, 1], "embed_dims": [24, 24, 48, 64]},
    "swin": {**STAGES, "window_size": 4},
    "swinv2": {**STAGES, "window_size": 4},
    "vit": SMALL,
    "vit_msn": SMALL,
}  # fmt: skip
SOUNDS: dict[str, dict[str, Any]] = {
    "audio-spectrogram-transformer": {**SMALL, "num_mel_bins": 32, "max_length": 64},
    "data2vec-audio": WAVES,
    "hubert": WAVES,
    "sew": WAVES,
    "unispeech": WAVES,
    "unispeech-sat": WAVES,
    "wav2vec2": WAVES,
    "wav2vec2-conformer": WAVES,
    "wavlm": WAVES,
    "whisper": {"d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 64,
                "num_mel_bins": 16, "max_source_positions": 24, "decoder_layers": 1, "decoder_attention_heads": 4,
                "classifier_proj_size": 16},
}  # fmt: skip
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "videomae": ("VideoClassification", {**SMALL, "num_frames": 4}),
    "timesformer": ("VideoClassification", {**SMALL, "num_frames": 4}),
    "vivit": ("VideoClassification", {**SMALL, "num_frames": 4, "tubelet_size": [2, 8, 8]}),
    "patchtst": ("TimeSeriesClassification", {"d_model": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
                 "ffn_dim": 32, "num_input_channels": 3, "context_length": 32, "patch_length": 4, "patch_stride": 4}),
    "patchtsmixer": ("TimeSeriesClassification", {"d_model": 16, "num_layers": 2, "num_input_channels": 3,
                     "context_length": 32, "patch_length": 4, "patch_stride": 4}),
}  # fmt: skip

CLASSES = {
    "deit": "DeiTForImageClassification",
    "levit": "LevitForImageClassification",
    "patchtst": "PatchTSTForClassification",
    "patchtsmixer": "PatchTSMixerForTimeSeriesClassification",
}
"""Types that are not made by an AutoModel."""
BY_DYNAMO = ("dinov2_with_registers", "mobilevitv2", "patchtsmixer")
"""Types that the TorchScript exporter does not write."""


def network(kind: str) -> tuple[Any, str, tuple[int, ...]]:
    """Return a small random network of a type, the name of its input, and the shape of a row."""
    import transformers

    head, given = OTHERS.get(kind, ("ImageClassification" if kind in IMAGES else "AudioClassification", {}))
    given = IMAGES.get(kind) or SOUNDS.get(kind) or given
    config = transformers.AutoConfig.for_model(kind, num_labels=10, attn_implementation="eager", **given)
    if kind in CLASSES:
        config.num_targets = 10
        net = getattr(transformers, CLASSES[kind])(config)
    else:
        net = getattr(transformers, f"AutoModelFor{head}").from_config(config)
    return (net.eval(), *_shape(kind, config))


def _shape(kind: str, config: Any) -> tuple[str, tuple[int, ...]]:
    if kind in OTHERS:
        if kind.startswith("patch"):
            return "past_values", (32, 3)
        return "pixel_values", (4, 3, SIZE, SIZE)
    if kind == "audio-spectrogram-transformer":
        return "input_values", (64, 32)
    if kind == "whisper":
        return "input_features", (16, 48)
    if kind in SOUNDS:
        return "input_values", (WAVE,)
    size = getattr(config, "image_size", 64)
    size = size[0] if isinstance(size, (list, tuple)) else size
    return "pixel_values", (3, min(size, 64), min(size, 64))


def _make(name: str, folder: Path) -> Any:
    import torch
    from pictures import pictures
    from torch_export import Job, make

    torch.manual_seed(0)
    member, exporter = name.rsplit("/", 1)[-1].split(".")
    net, given, shape = network(member)
    waves = 64 if len(shape) == 1 else 4
    feeds, batch = ({given: pictures(rows, shape, seed=rows, waves=waves)} for rows in (2, 8))
    job = Job(net, feeds, batch, dynamo=exporter == "dynamo", by_name=True, libraries=("transformers",))
    return make(name, folder, job)


NAMES = [*IMAGES, *SOUNDS, *OTHERS]
MEMBERS = [f"{name}.{('ts', 'dynamo')[index % 2 or name in BY_DYNAMO]}" for index, name in enumerate(NAMES)]
FAMILY = Family("media", "float", ("torch", "transformers", "onnxscript"), MEMBERS, _make)
