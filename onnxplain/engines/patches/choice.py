"""How far into a network boxes of a size are followed: as far as that is less work than to run it all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.engines.patches.boxes import Boxes, output_boxes
from onnxplain.engines.patches.groups import MOVED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.engines.patches.groups import Group

CALL = 2**25
"""What a group costs for itself, whatever its size, in multiplications of a convolution."""

LEAST = 2**29
"""The number of multiplications, some 20 ms of a core, that have to be saved in a run; sessions have to be opened."""

SHARE = 0.25
"""The share of the work of the groups that has to be saved, so that a wrong estimate does no harm."""


def worth_following(groups: Sequence[Group], rows: int) -> bool:
    """Whether the groups take so much work for so many rows that enough of it may be saved."""
    return rows * sum(group.work * math.prod(group.window.out) for group in groups) > LEAST


def groups_to_follow(groups: Sequence[Group], source: str, boxes: Boxes, size: tuple[int, ...]) -> int:
    """Return through how many groups to follow rows that differ from another in these boxes of the input `source`.

    size: of the input. What is saved is estimated for boxes in its middle, which reach furthest. It is 0 where not
    enough is saved.
    """
    rows, low = len(boxes.low), (np.array(size) - boxes.sides)[np.newaxis] // 2
    known = {source: Boxes(low, low + boxes.sides)}
    best, most, saved, full = 0, LEAST, 0, 0
    for count, group in enumerate(groups, 1):
        reached = output_boxes(group, known)
        known |= dict.fromkeys(group.outputs, reached)
        whole, part = math.prod(group.window.out), math.prod(reached.sides.tolist())
        full += rows * group.work * whole
        saved += rows * (group.work * (whole - part) - MOVED * group.moved * part) - CALL
        if saved > max(most, SHARE * full):
            best, most = count, saved
    return best
