"""How a picture becomes the array that a model was trained on: x = (pixel * scale - mean) / std."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError, UsageError
from onnxplain.inputs import checks
from onnxplain.inputs.configs import fields_of
from onnxplain.inputs.content import name_of, text_of
from onnxplain.inputs.decode import decode
from onnxplain.inputs.facts import Facts
from onnxplain.inputs.geometry import Crop, bring_to, placed, tell
from onnxplain.inputs.placement import Original, Size
from onnxplain.inputs.shape import Shape, channels_of, complete_size, find_layout

if TYPE_CHECKING:
    from numpy.typing import DTypeLike
    from PIL import Image

    from onnxplain.arrays import Array
    from onnxplain.inputs.content import Content


_TO_224: dict[str, Any] = {"crop": 224 / 256, "default_size": (224, 224)}
"""The geometry of the models of ImageNet: 224 pixels from the middle of a picture with a short side of 256."""
PRESETS: dict[str, dict[str, Any]] = {
    "imagenet": _TO_224
    | {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "colour": "rgb"},
    "tf": _TO_224 | {"scale": 1 / 127.5, "mean": (1.0,)},
    "raw": {},
}
"""The fields of each preset; the others have their defaults."""


STATED = ("bits", "window", "frame")
"""The fields that say of pictures what their files do not."""


@dataclass(frozen=True)
class Preprocess:
    """Resize, crop, order the colours, and normalise: x = (pixel * scale - mean) / std, with pixels from 0 to 255.

    size: (height, width) of the model's input; None takes it from the model.
    resize: the filter of Pillow: "nearest", "box", "bilinear", "hamming", "bicubic" or "lanczos".
    crop: what the picture is resized to before `size` is cut from its centre: a fraction (0 < crop <= 1, it covers
        size / crop), the short side in pixels, or (height, width). None stretches it to `size` without a crop.
    scale, mean, std: one number, or for mean and std one for each channel in the model's order.
    colour: "rgb", "bgr" or "grey"; None takes rgb for 3 channels and grey for 1.
    layout: "NCHW" or "NHWC", the order of the model's axes; None reads it from the model.
    dtype: the element type of the model's input.
    default_size: the size where neither `size` nor the model states one.
    bits, window, frame: of pictures of more than 8 bits, which numbers become 0 to 255, and which frame of a file is
        read: see `onnxplain.inputs.facts.Facts`.

    Raises UsageError, which names the field, for a value that it cannot have.
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
    bits: int | None = None
    window: tuple[float, float] | None = None
    frame: int | None = None

    def __post_init__(self) -> None:
        for name, value in checks.validated(asdict(self)).items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, spec: Content | Mapping[str, Any] | Preprocess) -> Preprocess:
        """Return a preprocessing from the name of a preset, a JSON file, its bytes, or a dict, or as it is given."""
        if isinstance(spec, Preprocess):
            return spec
        if isinstance(spec, Mapping):
            return cls.from_dict(spec)
        if isinstance(spec, str) and not spec.endswith(".json"):
            return cls.named(spec)
        return cls.from_file(spec)

    @classmethod
    def named(cls, name: str) -> Preprocess:
        """Return a preset: "imagenet" (as in torchvision), "tf" (pixel / 127.5 - 1, as in Keras) or "raw" (0..255)."""
        if not isinstance(name, str) or name not in PRESETS:
            raise UsageError(f"preprocess {name!r}: expected one of {', '.join(PRESETS)}, a .json file or a dict")
        return cls(**PRESETS[name])

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> Preprocess:
        """Return a preprocessing from the keys of this project, of HuggingFace or of timm.

        The key "preset" names a preset, of which the other keys change fields: {"preset": "imagenet", "bits": 12}.
        Raises UsageError for a key that is unknown, missing or cannot be expressed.
        """
        known = [field.name for field in fields(cls)]
        if "preset" in config:
            rest = {key: value for key, value in config.items() if key != "preset"}
            return cls.from_dict(asdict(cls.named(config["preset"])) | rest)
        stated = {key: config[key] for key in STATED if key in config}  # other kinds of file may be given these too
        arguments = fields_of({key: value for key, value in config.items() if key not in stated}) | stated
        for key in arguments:
            if key not in known:
                raise UsageError(f"unknown key {key!r}; expected {', '.join(known)}")
        return cls(**arguments)

    @classmethod
    def from_file(cls, path: Content) -> Preprocess:
        """Return a preprocessing from a JSON file: this project's, HuggingFace's `preprocessor_config.json`, or timm's.

        Raises BadInputError, which names the file and the key, where it cannot be read.
        """
        name = name_of(path, "preprocess")
        try:
            text = text_of(path, "a JSON file of a preprocessing")
            config = json.loads(text)
        except BadInputError:
            raise
        except (ValueError, RecursionError) as problem:
            raise BadInputError(f"{name}: cannot read the preprocessing as JSON ({problem})") from problem
        if not isinstance(config, dict):
            raise BadInputError(f"{name}: expected a JSON object, found {type(config).__name__}")
        try:
            return cls.from_dict(config)
        except UsageError as problem:
            raise BadInputError(f"{name}: {problem}") from problem

    def fit(self, shape: Shape, dtype: DTypeLike | None = None) -> Preprocess:
        """Return the preprocessing with size, layout, colour and dtype completed from those of the model's input.

        Raises UsageError where the shape is not that of a picture, contradicts a field, or leaves something open.
        """
        layout = find_layout(shape, self.layout)
        channels = channels_of(shape, layout)
        size = complete_size(shape, layout, self.size, self.default_size)
        colour = self.colour or ("grey" if channels == 1 else "rgb")
        checks.channels(channels, colour, self.mean, self.std)
        element = self.dtype if dtype is None else np.dtype(dtype).name
        checks.element_type(element, raw=self.raw)
        return replace(self, size=size, layout=layout, colour=colour, dtype=element)

    @property
    def raw(self) -> bool:
        """Whether pixels go into the model as they are, 0..255."""
        return self.scale == 1 and set(self.mean) == {0.0} and set(self.std) == {1.0}

    @property
    def channels(self) -> int:
        """The number of channels of the model's input."""
        return 1 if self.colour == "grey" else 3

    def __call__(self, image: Image.Image) -> Array:
        """Return the model's input of a picture, [1, ...] in the model's layout and element type."""
        return self.apply(decode(image, Facts.of(self)).picture)

    def apply(self, picture: Image.Image) -> Array:
        """Return the model's input of a picture that `decode` gave: of the mode "L", "F" (0 to 255) or "RGB"."""
        size, layout = self._fitted()
        if picture.mode != "F":  # floats, which are grey, stay floats
            picture = picture.convert("L" if self.colour == "grey" else "RGB")
        pixels = np.asarray(bring_to(picture, size, self.resize, self.crop), np.float32).clip(0, 255)
        pixels = np.broadcast_to(pixels.reshape(*size, -1), (*size, self.channels))
        if self.colour == "bgr":
            pixels = pixels[..., ::-1]
        x = self._normalise(pixels)[None]
        return np.ascontiguousarray(x if layout == "NHWC" else x.transpose(0, 3, 1, 2))

    def original(self, image: Image.Image) -> Original:
        """Return an upright picture as it came, with the way back to it from the model's input."""
        values = np.asarray(image)
        pixels = np.rint(values).astype(np.uint8) if image.mode == "F" else values  # a deep picture's are floats
        return Original(pixels, placed((image.height, image.width), self._fitted()[0], self.crop))

    def bounds(self) -> tuple[Array, Array]:
        """Return what the pixel values 0 and 255 become, in this order, to broadcast on the model's input.

        Their shape is [1, C, 1, 1] or [1, 1, 1, C], by the layout. No value of a preprocessed picture lies outside.
        """
        layout = self._fitted()[1]
        shape = (1, 1, 1, self.channels) if layout == "NHWC" else (1, self.channels, 1, 1)
        black = np.zeros(self.channels, np.float32)
        return self._normalise(black).reshape(shape), self._normalise(black + 255).reshape(shape)

    def undo(self, x: Array) -> Array:
        """Return the picture that `x` ([1, ...], or without the batch axis) was made from, uint8 RGB [H, W, 3]."""
        layout = self._fitted()[1]
        hwc = x.reshape(x.shape[-3:]).astype(np.float32)
        hwc = hwc if layout == "NHWC" else hwc.transpose(1, 2, 0)
        pixels = (hwc * self._constant(self.std) + self._constant(self.mean)) / np.float32(self.scale)
        pixels = pixels[..., ::-1] if self.colour == "bgr" else pixels
        return np.repeat(np.rint(pixels.clip(0, 255)).astype(np.uint8), 3 // self.channels, axis=-1)

    def describe(self) -> str:
        """Return in one line what is applied."""
        place = tell(self.size, self.resize, self.crop) if self.size else "size of the model's input"
        mean, std = _numbers(self.mean), _numbers(self.std)
        numbers = f"bits {self.bits}, " if self.bits else ""
        numbers += f"window {self.window[0]:g},{self.window[1]:g}, " if self.window else ""
        values = "0..255" if self.raw else f"(pixel * {self.scale:.6g} - {mean}) / {std}"
        colour, layout = self.colour or "colours", self.layout or "layout of the model's input"
        return f"{place}, {numbers}{colour}, {values}, {layout}, {self.dtype}"

    def to_dict(self) -> dict[str, Any]:
        """Return all fields in JSON's types; `from_dict` reads them back."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def _normalise(self, pixels: Array) -> Array:
        x: Array = (pixels * np.float32(self.scale) - self._constant(self.mean)) / self._constant(self.std)
        return (np.rint(x) if np.issubdtype(self.dtype, np.integer) else x).astype(self.dtype)

    @staticmethod
    def _constant(values: tuple[float, ...]) -> Array:
        """Return one value for each channel, or one for all, to broadcast on pixels with the channels last."""
        return np.array(values, np.float32)

    def _fitted(self) -> tuple[Size, str]:
        """Return size and layout. Raises UsageError where they or the colour are not known yet."""
        if self.size is None or self.layout is None or self.colour is None:
            raise UsageError("the preprocessing is not complete: call fit(shape of the model's input) first")
        return self.size, self.layout


def _numbers(values: tuple[float, ...]) -> str:
    text = ", ".join(f"{v:.6g}" for v in values)
    return text if len(values) == 1 else f"({text})"
