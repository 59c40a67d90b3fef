"""What has to be known of a picture where its file does not say it: its range, its frame, the order of its colours."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from onnxplain.errors import BadInputError, UsageError
from onnxplain.inputs.checks import bits_of, frame_of, window_of

if TYPE_CHECKING:
    from onnxplain.inputs.preprocess import Preprocess

ORDERS = ("rgb", "bgr")
"""The orders that the colours of an array may have: Pillow's and scikit-image's, and OpenCV's."""


@dataclass(frozen=True)
class Facts:
    """The range, the frame and the order of colours of a picture; None for what is not stated.

    bits: how many bits of a number are used, so that 0 to 2**bits - 1 become 0 to 255. window: (centre, width), as
    DICOM has it, in the numbers of the picture; in a DICOM file those after its rescaling, such as Hounsfield units.
    frame: of a file of several, from 0. colour: "rgb" or "bgr", of an array.
    """

    bits: int | None = None
    window: tuple[float, float] | None = None
    frame: int | None = None
    colour: str | None = None

    @classmethod
    def of(cls, preprocess: Preprocess | None) -> Facts:
        """Return what a preprocessing states of all pictures."""
        if preprocess is None:
            return cls()
        return cls(preprocess.bits, preprocess.window, preprocess.frame)

    def refuse_range(self, name: str, kind: str) -> None:
        """Raise BadInputError where a range is stated of a picture that needs none. kind: what it is, for messages."""
        if self.window is not None or self.bits not in (None, 8):
            given = f"bits={self.bits}" if self.window is None else f"window={self.window}"
            raise BadInputError(f"{name}: {kind}, and {given} is stated: leave it out for this picture")


@dataclass(frozen=True)
class Picture:
    """A picture with what its file or array does not say: `explain(model, Picture(frame, colour="bgr"))`.

    source: a path, bytes, an open file, a PIL picture, a pydicom Dataset, or an array: [H, W], [H, W, C], [N, H, W, C]
    or [N, C, H, W]. Arrays of any type are pictures here: floats need a window, such as (0.5, 1) for 0 to 1.
    bits, window, frame, colour: see `onnxplain.inputs.facts.Facts`; what is not given is that of the preprocessing.
    name: what the record and messages call it, where it is no path.

    Raises UsageError for a value that a fact cannot have.
    """

    source: Any = field(repr=False)
    bits: int | None = None
    window: tuple[float, float] | None = None
    frame: int | None = None
    colour: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.source, (list, tuple, Picture)):
            kind = type(self.source).__name__
            raise UsageError(f"Picture of a {kind}: expected one source; pass a list of pictures, or an array")
        if self.colour not in (*ORDERS, None):
            raise UsageError(f"colour {self.colour!r}: expected one of {', '.join(map(repr, ORDERS))}")
        values = {"bits": bits_of(self.bits), "window": window_of(self.window), "frame": frame_of(self.frame)}
        if self.bits is not None and self.window is not None:
            raise UsageError("bits= and window= both state the range of a picture; give one of them")
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def facts(self, other: Facts) -> Facts:
        """Return what is stated here, and else what `other` states."""
        ranged = self.bits is not None or self.window is not None
        start = replace(other, bits=None, window=None) if ranged else other
        own = {name: getattr(self, name) for name in ("bits", "window", "frame", "colour")}
        return replace(start, **{name: value for name, value in own.items() if value is not None})
