"""Features to hide as one: superpixels of a picture, or the columns of a table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain import checks
from onnxplain.errors import MissingExtraError, UsageError
from onnxplain.perturb.hide import check_mixable, like, stand_in
from onnxplain.perturb.row import is_table, places, scored, switched

if TYPE_CHECKING:
    from types import ModuleType

    from onnxplain.arrays import Array
    from onnxplain.perturb.row import Row


@dataclass(frozen=True)
class Features:
    """Places by feature: `labels` [*places] from 0 on, and what is seen where a feature is hidden."""

    labels: Array
    hidden: Array

    @cached_property
    def sizes(self) -> Array:
        """How many places each feature has."""
        return np.bincount(self.labels.ravel())

    def scores(self, row: Row, keep: Array) -> Array:
        """F with the features of `keep` [n, M] seen and the others hidden."""
        return scored(row, keep, lambda some: switched(row, some.take(self.labels, 1), self.hidden))

    def spread(self, weights: Array) -> Array:
        """The weight of each feature spread evenly over its places, so that the map's sum is that of the weights."""
        return np.asarray((weights / self.sizes)[self.labels])


def features(row: Row, superpixels: Any, segments: int, value: float | str | None) -> Features:
    """Features of a row.

    superpixels: "slic", "quickshift" (kernel 4, distance 200, ratio 0.2), or an array of labels like `places`.
    segments: how many slic aims at. Places along one axis only, such as columns, are a feature each.
    value: what is seen of a hidden feature; None: its mean in each channel; the baseline in a table, or where every
    feature is one place.
    """
    labels = _labels(row, superpixels, segments)
    if value is None and not is_table(row) and labels.max() + 1 < labels.size:
        return Features(labels, _means(row, labels))
    return Features(labels, stand_in(row, "baseline" if value is None else value))


def _labels(row: Row, superpixels: Any, segments: int) -> Array:
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
        return np.arange(np.prod(size)).reshape(size)
    found = _slic(row, segments) if superpixels == "slic" else _quickshift(row)
    if found.min() == found.max():
        raise UsageError(
            f'{superpixels} found a single superpixel in a picture of {size}: take "slic", more segments, or labels'
        )
    return np.asarray(np.unique(found, return_inverse=True)[1]).reshape(size)


def _slic(row: Row, segments: int) -> Array:
    colours = _colours(row)
    compactness = 10.0 if colours.shape[-1] == 3 else 0.1  # slic brings all but Lab back to the range from 0 to 1
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
    """The row with channels last: three as red, green and blue from 0 to 1, others from 0 to 100 like lightness."""
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
    """Each place as the mean of its feature, channel by channel."""
    check_mixable(row, "the mean of a superpixel")
    x, axis = row.x, row.channel_axis
    planes = x[None] if axis is None else np.moveaxis(x, axis, 0)
    flat, count = labels.ravel(), np.bincount(labels.ravel())
    means = [(np.bincount(flat, plane.ravel()) / count)[labels] for plane in planes]
    return like(means[0] if axis is None else np.stack(means, axis), x)
