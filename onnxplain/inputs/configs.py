"""Preprocessing files of HuggingFace, of timm and of this project, read into the fields of `Preprocess`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from onnxplain.errors import UsageError

Config: TypeAlias = Mapping[str, Any]

_PILLOW_RESAMPLING = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")
"""Pillow's filters, in the order of the numbers by which HuggingFace's files name them."""
_HF_MARKS = ("image_processor_type", "feature_extractor_type", "do_resize", "do_normalize", "image_mean")
"""Keys of which any one tells that a file is HuggingFace's."""
_HF_BEYOND = ("do_pad", "do_thumbnail", "do_align_long_axis", "rescale_offset", "include_top")
"""Keys of steps that are more than a resize, a crop and a normalisation, and that `Preprocess` cannot express."""
_HF_OWN_GEOMETRY = ("Levit", "Perceiver")
"""Image processors that resize to a size which their file does not state."""
_HF_STRETCH = ("DeiT", "Beit", "EfficientNet")
"""Image processors that stretch a picture to (size, size) where the file states one number, even before a crop."""


def fields_of(config: Config) -> dict[str, Any]:
    """Return the arguments of `Preprocess` from any of the three kinds of file, which are told apart by their keys.

    Raises UsageError, which names the key, where one is missing or asks for a step that cannot be expressed.
    """
    try:
        if any(mark in config for mark in _HF_MARKS):
            return _huggingface(config)
        if "pretrained_cfg" in config or "input_size" in config:
            return _timm(config.get("pretrained_cfg", config))
    except UsageError:
        raise
    except (TypeError, ValueError, AttributeError, ArithmeticError) as problem:
        raise UsageError(f"a value is not of the kind its key asks for ({problem})") from problem
    return dict(config)


def _timm(config: Config) -> dict[str, Any]:
    """Return the arguments from the `pretrained_cfg` of a timm `config.json`."""
    channels, height, width = _need(config, "input_size")
    fraction, mode = config.get("crop_pct", 0.875), config.get("crop_mode", "center")
    if mode not in ("center", "squash"):
        raise UsageError(f'crop_mode {mode!r} cannot be expressed; expected "center" or "squash"')
    stretched = (math.floor(height / fraction), math.floor(width / fraction))
    return {
        "size": (height, width),
        "resize": _need(config, "interpolation"),
        "crop": stretched if mode == "squash" else float(fraction),
        "scale": 1 / 255,
        "mean": _need(config, "mean"),
        "std": _need(config, "std"),
        "colour": "grey" if channels == 1 else "rgb",
    }


def _huggingface(config: Config) -> dict[str, Any]:
    """Return the arguments from a HuggingFace `preprocessor_config.json`."""
    kind = str(config.get("image_processor_type") or config.get("feature_extractor_type") or "")
    for key in _HF_BEYOND:
        if config.get(key):
            raise UsageError(f"{key}=true asks for a step that cannot be expressed; {_BY_HAND}")
    if kind.startswith(_HF_OWN_GEOMETRY):
        raise UsageError(f"{kind} resizes to a size that its file does not state; {_BY_HAND}")
    if not config.get("do_resize", True):
        raise UsageError(f"do_resize=false leaves the size of a picture open; {_BY_HAND}")
    resample = _need(config, "resample")
    if resample not in range(len(_PILLOW_RESAMPLING)):
        raise UsageError(f"resample {resample!r}: expected Pillow's number, 0 to {len(_PILLOW_RESAMPLING) - 1}")
    normalise = config.get("do_normalize", "image_mean" in config)
    rescale = config.get("do_rescale", True)
    return {
        **_hf_geometry(config, stretch=kind.startswith(_HF_STRETCH)),
        "resize": _PILLOW_RESAMPLING[resample],
        "scale": config.get("rescale_factor", 1 / 255) if rescale else 1.0,
        "mean": _need(config, "image_mean") if normalise else (0.0,),
        "std": _need(config, "image_std") if normalise else (1.0,),
        "colour": "bgr" if config.get("do_flip_channel_order") else "rgb",
    }


_BY_HAND = 'state the preprocessing as a dict: {"size": ..., "mean": ..., "std": ..., "scale": ..., "crop": ...}'


def _hf_geometry(config: Config, *, stretch: bool) -> dict[str, Any]:
    """Return the arguments `size`, the final size, and `crop`, what the picture is resized to before a central crop.

    A file with `crop_pct` follows ConvNeXt: its `size` is the final one, and from 384 pixels on the picture is
    stretched to it directly, without a crop. PoolFormer states the final size as `crop_size`, too.
    stretch: whether a size of one number means (size, size), even before a crop.
    """
    size, cropped = _need(config, "size"), bool(config.get("do_center_crop"))
    fraction = config.get("crop_pct")
    final = _hf_pair("crop_size", _need(config, "crop_size")) if cropped else None
    if isinstance(size, int):
        keep_ratio = not stretch and (cropped or fraction is not None)
        size = {"shortest_edge": size} if keep_ratio else {"height": size, "width": size}
    if not isinstance(size, Mapping) or "shortest_edge" not in size:
        return {"size": final or _hf_pair("size", size), "crop": _hf_pair("size", size) if final else None}
    short = int(size["shortest_edge"])
    if fraction is not None:
        reach = int(short / fraction)
        return {"size": final or (short, short), "crop": None if not final and short >= 384 else reach}
    if final is None:
        raise UsageError(f"size {dict(size)} without do_center_crop gives pictures of many sizes; {_BY_HAND}")
    return {"size": final, "crop": short}


def _hf_pair(key: str, size: Any) -> tuple[int, int]:
    """Return (height, width) from a number for both, or from an object with both. key: names it in the message."""
    if isinstance(size, int):
        return size, size
    if isinstance(size, Mapping) and {"height", "width"} <= set(size):
        return int(size["height"]), int(size["width"])
    raise UsageError(f"{key} {size!r}: expected a number or height and width")


def _need(config: Config, key: str) -> Any:
    """Return the value of a key. Raises UsageError where it is missing or null."""
    if config.get(key) is None:
        raise UsageError(f"{key!r} is missing")
    return config[key]
