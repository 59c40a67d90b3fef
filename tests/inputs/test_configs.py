"""HuggingFace's and timm's files become the geometry and numbers that their own code would apply."""

import json
from pathlib import Path

import pytest
from PIL import Image

from onnxplain.errors import BadInputError, UsageError
from onnxplain.inputs import Preprocess

HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "do_normalize": True}
MODELS = Path(__file__).parents[2] / "models"

# The keys are those of the published files of google/vit-base-patch16-224, openai/clip-vit-base-patch32,
# facebook/deit-base-distilled-patch16-224, microsoft/resnet-50, facebook/convnext-base-384, MobileViT and
# PoolFormer; the expected geometry is what the image processors of these names in transformers compute.
HUGGINGFACE = {
    "vit": ({**HALF, "do_resize": True, "size": 224, "resample": 2}, (224, 224), None),
    "vit-new": (
        {**HALF, "size": {"height": 224, "width": 192}, "resample": 2, "do_center_crop": False},
        (224, 192),
        None,
    ),
    "clip": ({**HALF, "size": 224, "crop_size": 224, "do_center_crop": True, "resample": 3}, (224, 224), 224),
    "clip-new": (
        {
            **HALF,
            "size": {"shortest_edge": 256},
            "crop_size": {"height": 224, "width": 224},
            "do_center_crop": True,
            "resample": 3,
        },
        (224, 224),
        256,
    ),
    "deit": (
        {
            **HALF,
            "feature_extractor_type": "DeiTFeatureExtractor",
            "size": 256,
            "crop_size": 224,
            "do_center_crop": True,
            "resample": 3,
        },
        (224, 224),
        (256, 256),
    ),
    "resnet": ({**HALF, "crop_pct": 0.875, "size": 224, "resample": 3}, (224, 224), 256),
    "convnext-384": ({**HALF, "crop_pct": 1.0, "size": {"shortest_edge": 384}, "resample": 3}, (384, 384), None),
    "poolformer": (
        {
            **HALF,
            "crop_pct": 0.9,
            "size": {"shortest_edge": 224},
            "crop_size": {"height": 224, "width": 224},
            "do_center_crop": True,
            "resample": 3,
        },
        (224, 224),
        248,
    ),
}


@pytest.mark.parametrize("name", HUGGINGFACE)
def test_huggingface_geometry(name):
    config, size, crop = HUGGINGFACE[name]
    pre = Preprocess.from_dict(config)
    assert (pre.size, pre.crop) == (size, crop)
    assert pre.resize == {2: "bilinear", 3: "bicubic"}[config["resample"]]
    assert (pre.mean, pre.std, pre.scale) == ((0.5,) * 3, (0.5,) * 3, 1 / 255)


def test_huggingface_colours_without_normalisation():
    config = {"do_resize": True, "do_normalize": False, "size": {"height": 8, "width": 8}, "resample": 2}
    pre = Preprocess.from_dict({**config, "do_flip_channel_order": True, "rescale_factor": 0.5})
    assert (pre.colour, pre.scale, pre.mean, pre.std) == ("bgr", 0.5, (0.0,), (1.0,))
    assert Preprocess.from_dict({**config, "do_rescale": False}).raw


def test_a_file_that_is_not_normalised_may_still_state_a_mean():
    pre = Preprocess.from_dict({**HUGGINGFACE["vit"][0], "do_normalize": False})
    assert (pre.mean, pre.std) == ((0.0,), (1.0,))


@pytest.mark.parametrize("number", range(6))
def test_filters_have_pillow_s_numbers(number):
    pre = Preprocess.from_dict({**HUGGINGFACE["vit"][0], "resample": number})
    assert pre.resize == Image.Resampling(number).name.lower()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"resample": None}, "resample"),
        ({"resample": 9}, "resample"),
        ({"image_mean": None}, "image_mean"),
        ({"size": None}, "size"),
        ({"size": {"longest_edge": 3}}, "size"),
        ({"size": {"shortest_edge": 224}}, "do_center_crop"),
        ({"do_center_crop": True}, "crop_size"),
        ({"do_resize": False}, "do_resize"),
        ({"do_pad": True}, "do_pad"),
        ({"rescale_offset": True}, "rescale_offset"),
        ({"image_processor_type": "LevitImageProcessor"}, "Levit"),
        ({"size": {"shortest_edge": "big"}, "crop_pct": 0.9}, "not of the kind"),
    ],
)
def test_what_cannot_be_expressed_is_refused_by_its_key(change, word, tmp_path):
    config = {**HUGGINGFACE["vit"][0], **change}
    with pytest.raises(UsageError, match=word):
        Preprocess.from_dict(config)
    file = tmp_path / "preprocessor_config.json"
    file.write_text(json.dumps(config))
    with pytest.raises(BadInputError, match=f"preprocessor_config.json.*{word}"):
        Preprocess.from_file(file)


TIMM = {
    "input_size": [3, 224, 224],
    "crop_pct": 0.9,
    "interpolation": "bicubic",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}


@pytest.mark.parametrize("config", [TIMM, {"architecture": "resnet18", "pretrained_cfg": TIMM}])
def test_timm(config):
    pre = Preprocess.from_dict(config)
    assert (pre.size, pre.crop, pre.resize, pre.colour) == ((224, 224), 0.9, "bicubic", "rgb")
    assert (pre.mean, pre.std, pre.scale) == (tuple(TIMM["mean"]), tuple(TIMM["std"]), 1 / 255)
    assert "short side 248" in pre.fit(("N", 3, 224, 224)).describe()


def test_timm_crops_to_seven_eighths_where_nothing_is_said():
    assert Preprocess.from_dict({k: v for k, v in TIMM.items() if k != "crop_pct"}).crop == 0.875


def test_timm_squash_and_border():
    assert Preprocess.from_dict({**TIMM, "crop_mode": "squash"}).crop == (248, 248)
    with pytest.raises(UsageError, match="crop_mode"):
        Preprocess.from_dict({**TIMM, "crop_mode": "border"})
    with pytest.raises(UsageError, match="interpolation"):
        Preprocess.from_dict({k: v for k, v in TIMM.items() if k != "interpolation"})


@pytest.mark.parametrize("file", sorted(MODELS.glob("*.preprocess.json")), ids=lambda file: file.name)
def test_the_files_of_our_own_models_fit_them(file):
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(file.with_name(file.name.replace(".preprocess.json", ".onnx"))).graph
    shape = tuple(d.dim_value or d.dim_param for d in graph.input[0].type.tensor_type.shape.dim)
    pre = Preprocess.from_file(file).fit(shape)
    assert (pre.size, pre.colour) == (((160, 160) if "xray" in file.name else (16, 16)), "grey")
