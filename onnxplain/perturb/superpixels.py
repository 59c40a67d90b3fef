"""Features: groups of places that are hidden together, the superpixels of a picture or the columns of a table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from onnxplain import checks
from onnxplain.errors import MissingExtraError, UsageError
from onnxplain.hiding import check_mixable, like
from onnxplain.perturb.hide import stand_in
from onnxplain.perturb.row import LONG, is_table, places, scored, switched

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from numpy.typing import ArrayLike

    from onnxplain.arrays import Array
    from onnxplain.perturb.row import Row


@dataclass(frozen=True)
class Features:
    """The M features of a row.

    labels: the feature of each place, whole numbers from 0 to M - 1, [*places]. hidden: what is shown where a feature
    is hidden, [*in]. baseline: whether that is the baseline of the row.
    """

    labels: Array
    hidden: Array
    baseline: bool = False

    @cached_property
    def sizes(self) -> Array:
        """How many places each feature has, [M]."""
        return np.bincount(self.labels.ravel())

    def scores(self, row: Row, keep: Array) -> Array:
        """Return F, float64 [n], with the features shown where `keep` (bool [n, M]) is true, and the others hidden."""
        return scored(row, keep, lambda some: switched(row, some.take(self.labels, 1), self.hidden))

    def spread(self, weights: Array) -> Array:
        """Return a map [*places] of the weights [M], each spread evenly over its places: the sum stays the same."""
        return np.asarray((weights / self.sizes)[self.labels])


def features(row: Row, superpixels: str | ArrayLike, segments: int, value: float | str | None) -> Features:
    """Return the features of a row.

    superpixels: "slic" with about `segments` of them, "quickshift" (kernel 4, distance 200, ratio 0.2), or an array of
    whole numbers [*places]. Where only one axis of places is longer than 1, as in a table, each place is a feature; a
    signal of more than `LONG` samples is cut into `segments` stretches of the same length.
    value: what is shown of a hidden feature; None takes the mean of the feature in each channel, and the baseline for a
    table and where every feature is a single place.
    """
    labels = _labels(row, superpixels, segments)
    if value is None and not is_table(row) and labels.max() + 1 < labels.size:
        return Features(labels, _means(row, labels))
    shown = "baseline" if value is None else value
    return Features(labels, stand_in(row, shown), baseline=shown == "baseline")


def _labels(row: Row, superpixels: str | ArrayLike, segments: int) -> Array:
    """Return the feature of each place, numbered from 0 without gaps."""
    size = places(row)
    if not isinstance(superpixels, str):
        given = np.asarray(superpixels)
        if given.shape != size or given.dtype.kind not in "iu":
            raise UsageError(f"superpixels of shape {given.shape} and {given.dtype}: expected whole numbers, {size}")
        return np.asarray(np.unique(given, return_inverse=True)[1]).reshape(size)
    if superpixels not in ("slic", "quickshift"):
        raise UsageError(f'superpixels={superpixels!r}: expected "slic", "quickshift" or an array of labels')
    checks.whole(segments=segments)
    if sum(n > 1 for n in size) <= 1:
        count = math.prod(size)
        stretches = count if is_table(row) or count <= LONG else min(segments, count)
        return (np.arange(count) * stretches // count).reshape(size)
    found = _slic(row, segments) if superpixels == "slic" else _quickshift(row)
    if found.min() == found.max():
        raise UsageError(
            f"{superpixels} found a single superpixel in a picture of {size}: {_instead(superpixels, segments, size)}"
        )
    return np.asarray(np.unique(found, return_inverse=True)[1]).reshape(size)


def _instead(superpixels: str, segments: int, size: Sequence[int]) -> str:
    """Say what helps where a single superpixel was found: slic joins the many small ones that it finds in noise."""
    if superpixels != "slic":
        return 'take "slic"'
    told = f"ask for more segments than {segments}, or pass superpixels= an array of labels"
    if len(size) != 2:
        return told
    rows, columns = (f"np.arange({n}) * 4 // {n}" for n in size)
    return f"{told}; 16 rectangles are np.add.outer(4 * ({rows}), {columns})"


def _slic(row: Row, segments: int) -> Array:
    colours = _colours(row)
    # slic itself brings colours of any number of channels but three to the range from 0 to 1
    compactness = 10.0 if colours.shape[-1] == 3 else 0.1
    options = {"n_segments": segments, "compactness": compactness, "channel_axis": -1, "start_label": 0}
    return np.asarray(_scikit_image().slic(colours, **options))


def _quickshift(row: Row) -> Array:
    if len(places(row)) != 2:
        raise UsageError(f"quickshift needs a picture, and places here are {places(row)}; take slic")
    colours = _colours(row)
    lab = colours.shape[-1] == 3
    found = _scikit_image().quickshift(colours, kernel_size=4, max_dist=200, ratio=0.2, convert2lab=lab)
    return np.asarray(found)


def _colours(row: Row) -> Array:
    """Return the row as colours, float64 [*places, channels], for scikit-image.

    Three channels are red, green and blue from 0 to 1. Any other number of channels has the range of the lightness in
    the colour space Lab, 0 to 100.
    """
    x: Array = row.x.astype(np.float64)
    x = (x - x.min()) / (np.ptp(x) or 1.0)
    planes = x[..., None] if row.channel_axis is None else np.moveaxis(x, row.channel_axis, -1)
    return np.asarray(planes if planes.shape[-1] == 3 else 100 * planes)


def _scikit_image() -> ModuleType:
    try:
        from skimage import segmentation
    except ImportError as error:
        raise MissingExtraError(
            "superpixels need scikit-image, which is not installed: install `onnxplain[lime]`, "
            "or pass superpixels= an array of labels"
        ) from error
    module: ModuleType = segmentation
    return module


def _means(row: Row, labels: Array) -> Array:
    """Return an array like x with the mean of its feature at each place, channel by channel."""
    check_mixable(row.x, "the mean of a superpixel")
    x, axis = row.x, row.channel_axis
    planes = x[None] if axis is None else np.moveaxis(x, axis, 0)
    flat, count = labels.ravel(), np.bincount(labels.ravel())
    means = [(np.bincount(flat, plane.ravel()) / count)[labels] for plane in planes]
    return like(means[0] if axis is None else np.stack(means, axis), x)
