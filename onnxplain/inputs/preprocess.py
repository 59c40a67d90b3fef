"""How a picture becomes the array that a model was trained on: x = (pixel * scale - mean) / std."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError, UsageError
from onnxplain.inputs import checks
from onnxplain.inputs.configs import fields_of
from onnxplain.inputs.decode import decode
from onnxplain.inputs.geometry import Crop, Size, bring_to, tell
from onnxplain.inputs.shape import Shape, channels_of, complete_size, find_layout

if TYPE_CHECKING:
    from PIL import Image

    from onnxplain.arrays import Array


_TO_224: dict[str, Any] = {"crop": 224 / 256, "default_size": (224, 224)}
PRESETS: dict[str, dict[str, Any]] = {
    "imagenet": _TO_224
    | {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "colour": "rgb"},
    "tf": _TO_224 | {"scale": 1 / 127.5, "mean": (1.0,)},
    "raw": {},
}


@dataclass(frozen=True)
class Preprocess:
    """Resize, crop, order of colours and x = (pixel * scale - mean) / std, with pixel in 0..255.

    size: (height, width) of the model's input; None takes it from the model.
    resize: Pillow's filter: "nearest", "box", "bilinear", "hamming", "bicubic" or "lanczos".
    crop: what comes before a central crop: None (no crop, the picture is stretched to `size`), a fraction
        (0 < crop <= 1, the picture covers size / crop), the short side in pixels, or (height, width).
    scale, mean, std: one number, or for mean and std one per channel in the model's order.
    colour: "rgb", "bgr" or "grey"; None takes rgb for 3 channels and grey for 1.
    layout: "NCHW" or "NHWC"; None reads it from the model. dtype: of the model's input.
    default_size: the size where neither `size` nor the model states one.

    Raises UsageError naming the field that is wrong.
    """

    size: Size | None = None
    resize: str = "bilinear"
    crop: Crop = None
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    colour: str | None = None
    layout: str | None = None
    dtype: str = "float32"
    default_size: Size | None = None

    def __post_init__(self) -> None:
        for name, value in checks.validated(asdict(self)).items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, spec: str | Path | Mapping[str, Any] | Preprocess) -> Preprocess:
        """A preprocessing from the name of a preset, a JSON file, a dict, or itself."""
        if isinstance(spec, Preprocess):
            return spec
        if isinstance(spec, Mapping):
            return cls.from_dict(spec)
        if isinstance(spec, Path) or spec.endswith(".json"):
            return cls.from_file(spec)
        return cls.named(spec)

    @classmethod
    def named(cls, name: str) -> Preprocess:
        """A preset: "imagenet" (as torchvision), "tf" (x / 127.5 - 1, as Keras) or "raw" (0..255)."""
        if name not in PRESETS:
            raise UsageError(f"preprocess {name!r}: expected one of {', '.join(PRESETS)}, a .json file or a dict")
        return cls(**PRESETS[name])

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> Preprocess:
        """A preprocessing from this project's, HuggingFace's or timm's keys."""
        known = [field.name for field in fields(cls)]
        arguments = fields_of(config)
        for key in arguments:
            if key not in known:
                raise UsageError(f"unknown key {key!r}; expected {', '.join(known)}")
        return cls(**arguments)

    @classmethod
    def from_file(cls, path: str | Path) -> Preprocess:
        """A preprocessing from a JSON file: this project's, HuggingFace's `preprocessor_config.json`, timm's.

        Raises BadInputError naming the file and the key.
        """
        try:
            config = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as problem:
            raise BadInputError(f"{path}: cannot read the preprocessing as JSON ({problem})") from problem
        if not isinstance(config, dict):
            raise BadInputError(f"{path}: expected a JSON object, found {type(config).__name__}")
        try:
            return cls.from_dict(config)
        except UsageError as problem:
            raise BadInputError(f"{path}: {problem}") from problem

    def fit(self, shape: Shape, dtype: Any = None) -> Preprocess:
        """The same preprocessing with size, layout and colour completed from a model input's shape and dtype.

        Raises UsageError where the shape is no picture's, contradicts this, or leaves something open.
        """
        layout = find_layout(shape, self.layout)
        channels = channels_of(shape, layout)
        size = complete_size(shape, layout, self.size, self.default_size)
        colour = self.colour or ("grey" if channels == 1 else "rgb")
        checks.channels(channels, colour, self.mean, self.std)
        dtype = self.dtype if dtype is None else np.dtype(dtype).name
        checks.element_type(dtype, raw=self.raw)
        return replace(self, size=size, layout=layout, colour=colour, dtype=dtype)

    @property
    def raw(self) -> bool:
        """Whether pixels go in as they are, 0..255."""
        return self.scale == 1 and set(self.mean) == {0.0} and set(self.std) == {1.0}

    @property
    def channels(self) -> int:
        """Number of channels of the model's input."""
        return 1 if self.colour == "grey" else 3

    def __call__(self, image: Image.Image) -> Array:
        """The model's input [1, ...] in its layout and dtype."""
        size, layout = self._fitted()
        picture = decode(image)[0].convert("L" if self.colour == "grey" else "RGB")
        pixels = np.asarray(bring_to(picture, size, self.resize, self.crop), np.float32)
        pixels = pixels.reshape(*size, self.channels)
        if self.colour == "bgr":
            pixels = pixels[..., ::-1]
        x = self._normalise(pixels)[None]
        return np.ascontiguousarray(x if layout == "NHWC" else x.transpose(0, 3, 1, 2))

    def bounds(self) -> tuple[Array, Array]:
        """(low, high): what pixel values 0 and 255 become, to broadcast on the model's input.

        Shapes [1, C, 1, 1] or [1, 1, 1, C], as the layout has it. No preprocessed picture is outside.
        """
        layout = self._fitted()[1]
        shape = (1, 1, 1, self.channels) if layout == "NHWC" else (1, self.channels, 1, 1)
        black = np.zeros(self.channels, np.float32)
        return self._normalise(black).reshape(shape), self._normalise(black + 255).reshape(shape)

    def undo(self, x: Array) -> Array:
        """The picture, uint8 RGB [H, W, 3], that `x` ([1, ...] or without the batch axis) was made from."""
        layout = self._fitted()[1]
        hwc = x.reshape(x.shape[-3:]).astype(np.float32)
        hwc = hwc if layout == "NHWC" else hwc.transpose(1, 2, 0)
        pixels = (hwc * self._constant(self.std) + self._constant(self.mean)) / np.float32(self.scale)
        pixels = pixels[..., ::-1] if self.colour == "bgr" else pixels
        return np.repeat(np.rint(pixels.clip(0, 255)).astype(np.uint8), 3 // self.channels, axis=-1)

    def describe(self) -> str:
        """What is applied, in one line for the record."""
        place = tell(self.size, self.resize, self.crop) if self.size else "size of the model's input"
        mean, std = _numbers(self.mean), _numbers(self.std)
        values = "0..255" if self.raw else f"(pixel * {self.scale:.6g} - {mean}) / {std}"
        colour, layout = self.colour or "colours", self.layout or "layout of the model's input"
        return f"{place}, {colour}, {values}, {layout}, {self.dtype}"

    def to_dict(self) -> dict[str, Any]:
        """All fields in JSON's types; `from_dict` reads them back."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def _normalise(self, pixels: Array) -> Array:
        x: Array = (pixels * np.float32(self.scale) - self._constant(self.mean)) / self._constant(self.std)
        return x.astype(self.dtype)

    @staticmethod
    def _constant(values: tuple[float, ...]) -> Array:
        """One value per channel, or one for all, to broadcast on channels last."""
        return np.array(values, np.float32)

    def _fitted(self) -> tuple[Size, str]:
        if self.size is None or self.layout is None or self.colour is None:
            raise UsageError("the preprocessing is not complete: call fit(shape of the model's input) first")
        return self.size, self.layout


def _numbers(values: tuple[float, ...]) -> str:
    text = ", ".join(f"{v:.6g}" for v in values)
    return text if len(values) == 1 else f"({text})"
