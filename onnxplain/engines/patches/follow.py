"""Patches of the input, followed through the groups of a network to its scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.engines.patches.boxes import Boxes, Patches, cut, output_boxes, reach

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxplain.arrays import Array
    from onnxplain.engines.patches.groups import Group
    from onnxplain.engines.patches.parts import Parts


def follow(parts: Parts, groups: Sequence[Group], maps: Mapping[str, Array], patches: Mapping[str, Patches]) -> Array:
    """Return the scores of rows, followed through these first groups.

    maps: of the row that they differ from, by name, each [C, *size]. patches: of the input, by its name.
    """
    known, source = dict(patches), next(iter(patches))
    for group in groups:
        boxes = output_boxes(group, {name: each.boxes for name, each in known.items()})
        known |= _patches(parts, group, boxes, maps, known)

    def read(name: str) -> Array:
        return cut(maps[name], known[name], 0 * known[name].start, np.array(maps[name].shape[1:]), padding=0)

    return parts.rest(groups, source, maps[source].ndim + 1, read)


def whole_maps(parts: Parts, groups: Sequence[Group], maps: Mapping[str, Array]) -> dict[str, Array]:
    """Return the maps [C, *size] of one row by name, with the outputs of these groups, which come next."""
    known = dict(maps)
    for group in groups:
        none = np.zeros((1, len(group.window.out)), int)
        unchanged = Patches(Boxes(none, none), none, none)
        everywhere = Boxes(none, np.array([group.window.out]))
        made = _patches(parts, group, everywhere, known, dict.fromkeys(known, unchanged))
        known |= {name: each.values[0] for name, each in made.items()}
    return known


def _patches(
    parts: Parts, group: Group, boxes: Boxes, maps: Mapping[str, Array], known: Mapping[str, Patches]
) -> dict[str, Patches]:
    """Return the patches of the outputs of a group, computed in tiles of one size that hold its boxes."""
    window, sides = group.window, boxes.sides
    steps, start = np.array(window.strides), np.minimum(boxes.low, window.out - sides)
    first, length = start * steps - window.before, (sides - 1) * steps + reach(window) + 1
    source = cut(maps[group.source], known[group.source], first, length, group.padding)
    beside = {name: cut(maps[name], known[name], start, sides, padding=0) for name in group.beside}
    return {name: Patches(boxes, values, start) for name, values in parts.group(group, source, beside).items()}
