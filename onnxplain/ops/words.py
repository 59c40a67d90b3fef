"""Attributes whose value is one of a few words or numbers that the facts know.

A value that is not among them is refused, never guessed: a later version of ONNX may add one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_AUTO_PAD = {"auto_pad": ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")}
_ROUNDING = {"round_mode": ("up", "down", "nearest")}
_BLOCKS = {"mode": ("DCR", "CRD")}
_REDUCTION = {"reduction": ("none", "add")}

WORDS: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    **dict.fromkeys(("Conv", "ConvTranspose", "AveragePool", "MaxPool"), _AUTO_PAD),
    **dict.fromkeys(("Cast", "CastLike"), _ROUNDING),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), _BLOCKS),
    **dict.fromkeys(("ScatterElements", "ScatterND"), _REDUCTION),
    "Gelu": {"approximate": ("none", "tanh")},
    "LpNormalization": {"p": (1, 2)},
    "Pad": {"mode": ("constant", "reflect", "edge", "wrap")},
    "Resize": {
        "mode": ("nearest", "linear", "cubic"),
        "nearest_mode": ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
        "keep_aspect_ratio_policy": ("stretch", "not_larger", "not_smaller"),
        "coordinate_transformation_mode": (
            *("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"),
            *("tf_crop_and_resize", "tf_half_pixel_for_nn"),
        ),
    },
}
"""By operator and attribute, the values that its facts cover."""


FLAGS = frozenset(
    {
        *(
            "allowzero",
            "antialias",
            "ceil_mode",
            "count_include_pad",
            "exclude_outside",
            "exclusive",
            "fmod",
            "keepdims",
        ),
        *("noop_with_empty_axes", "reverse", "saturate", "storage_order", "training_mode", "transA", "transB", "upper"),
    }
)
"""Attributes that are 0 or 1. Runtimes differ in what they take another number for."""


def unknown_words(op: str, attrs: Mapping[str, Any]) -> Iterator[str]:
    """Yield, in words, each attribute of a node that has a value which the facts of its operator do not cover."""
    for name, known in {**dict.fromkeys(sorted(FLAGS & attrs.keys()), (0, 1)), **WORDS.get(op, {})}.items():
        if name in attrs and attrs[name] not in known:
            yield f"its {name} is {attrs[name]!r}, and only {', '.join(map(str, known))} are supported"
