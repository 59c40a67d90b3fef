"""Where something lies on the inputs of a run: a mask for each, a box, or the border; on the map of relevance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image

from onnxplain import checks
from onnxplain.errors import BadInputError, UsageError
from onnxplain.inputs.decode import decode
from onnxplain.inputs.geometry import bring_to
from onnxplain.regions import masks_of
from onnxplain.show.annotations import marked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.inputs import Preprocess


def check_pattern(masks: str) -> None:
    """Raise UsageError where a path of masks does not vary with the name of the input."""
    try:
        varied = masks.format(stem="a", name="a") != masks.format(stem="b", name="b")
    except (KeyError, IndexError, ValueError, AttributeError):
        varied = False
    if not varied:
        raise UsageError(f"masks = {masks!r}: expected a path with {{stem}} or {{name}} in it")


class Where(Protocol):
    """A part of the map of an input."""

    def mask(self, name: str, shape: tuple[int, ...]) -> Array | None:
        """Return a mask over the relevance of the input of a name, bool of `shape`; None where it has none."""


@dataclass(frozen=True)
class Box:
    """The same box (x0, y0, x1, y1) on each map, in its pixels, as in `onnxplain.region`."""

    corners: Sequence[float]

    def mask(self, name: str, shape: tuple[int, ...]) -> Array:  # noqa: ARG002
        """Return the box as a mask."""
        found: Array = masks_of(self.corners, (1, *shape))[0]
        return found


@dataclass(frozen=True)
class Border:
    """What lies within some positions of the border of each map."""

    width: int

    def __post_init__(self) -> None:
        checks.whole(border=self.width)

    def mask(self, name: str, shape: tuple[int, ...]) -> Array:  # noqa: ARG002
        """Return the border as a mask. Raises UsageError where nothing lies inside of it."""
        if min(shape) <= 2 * self.width:
            raise UsageError(f"border = {self.width}: a map of {_by(shape)} has no inside")
        found = np.ones(shape, bool)
        found[tuple(slice(self.width, -self.width) for _ in shape)] = False
        return found


@dataclass(frozen=True)
class Files:
    """A file for each input: an .npy of booleans over the map, or a picture, whose bright half is inside.

    pattern: the path, in which {stem} is the name of the input relative to the data folder without its ending, and
    {name} with it. folder: what it is relative to. preprocess: how pictures become the model's input. A mask that is a
    picture is of the input as it came, and is brought to the map as the input was; what is cropped away is left out.
    inputs: the folder of the inputs, whose sizes such masks have to have.
    """

    pattern: str
    folder: Path
    preprocess: Preprocess | None
    inputs: Path

    def mask(self, name: str, shape: tuple[int, ...]) -> Array | None:
        """Return the mask of an input; None where there is no such file.

        Raises BadInputError for a mask that does not fit the map, and for one that marks nothing of it.
        """
        stem = str(PurePosixPath(name).with_suffix(""))
        path = self.folder / self.pattern.format(stem=stem, name=name)
        if not path.exists():
            return None
        found = marked(path)
        if path.suffix != ".npy" and self.preprocess is not None and found.ndim == 2 and self.preprocess.size:
            self._check_size(path, found.shape, name)
            picture = Image.fromarray(found.astype(np.uint8) * 255)
            brought = bring_to(picture, self.preprocess.size, "bilinear", self.preprocess.crop)
            found = np.asarray(brought) > 127
        if found.shape != shape:
            raise BadInputError(f"{path}: a mask of {_by(found.shape)} for a map of {_by(shape)}")
        if not found.any():
            raise BadInputError(f"{path}: nothing of the map of {name} is marked")
        return found

    def _check_size(self, path: Path, shape: tuple[int, ...], name: str) -> None:
        """Raise BadInputError where a mask is not as large as the picture: it would be cropped in another place."""
        picture = self.inputs / name
        size = decode(picture).picture.size[::-1] if picture.is_file() else shape
        if shape != size:
            raise BadInputError(f"{path}: a mask of {_by(shape)} for a picture of {_by(size)}, {name}")


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "no axes"
