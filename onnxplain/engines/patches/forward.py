"""The forward run of rows that differ from one row within a box."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.engines.patches.boxes import Patches, changed
from onnxplain.engines.patches.choice import groups_to_follow, worth_following
from onnxplain.engines.patches.follow import follow, whole_maps
from onnxplain.engines.patches.groups import local_groups
from onnxplain.engines.patches.parts import Parts
from onnxplain.errors import RuntimeRefusalError
from onnxplain.graph.settings import held

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array
    from onnxplain.engines.forward import Forward
    from onnxplain.engines.patches.groups import Group
    from onnxplain.passes import Canonical

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Base:
    """The row that others differ from.

    scores: those of a full run, [1, ...]. maps: by name the row and the outputs of the first `groups` groups for it,
    each [C, *size].
    """

    scores: Array
    maps: Mapping[str, Array]
    groups: int = 0


class PatchedForward:
    """Runs the groups of a network in the boxes that rows reach, and what is behind them on whole maps.

    The results are those of full runs up to the rounding of floats: the same products are summed in another order.
    """

    def __init__(self, canonical: Canonical, forward: Forward) -> None:
        self._graph, self._scores, self._forward = canonical.graph, canonical.scores, forward
        self._settings, self._refused = held(), False
        self._parts: Parts | None = None
        self._size: tuple[int, ...] = ()
        self._groups: list[Group] = []
        self._base: _Base | None = None
        self._lock = Lock()

    def values(
        self, feeds: Mapping[str, Array], names: Collection[str], beside: Mapping[str, Array]
    ) -> Mapping[str, Array] | None:
        """Return the values `names` at the rows of `feeds`, where that is less work than a full run; None where not.

        beside: the inputs of one row, from which the rows may differ in a box.
        """
        if self._refused or len(feeds) != 1 or set(names) != {self._scores} or not _is_plain(self._graph):
            return None
        ((name, rows),) = feeds.items()
        row = beside[name][0]
        if rows.dtype != np.float32 or rows.ndim < 3 or rows.shape[1:] != row.shape:
            return None
        try:
            scores = self._scores_of(name, rows, row)
        except RuntimeRefusalError as problem:
            # whether the fault is that of a part or of the file, the full run that follows tells
            _log.info("onnxruntime does not run the network in parts (%s)", problem)
            self._refused = True
            return None
        return None if scores is None else {self._scores: scores}

    def _scores_of(self, name: str, rows: Array, row: Array) -> Array | None:
        """Return the scores of rows of the input `name`; those of a row that is equal to `row` are its own."""
        with self._lock:
            groups, parts = self._network(name, rows.shape[2:])
            if not worth_following(groups, len(rows)):
                return None
            moved, boxes = changed(rows, row)
            count = groups_to_follow(groups, name, boxes, rows.shape[2:]) if moved.any() else 0
            if moved.any() and not count:
                return None
            base = self._base_of(name, row, groups[:count], parts)
        scores = np.repeat(base.scores, len(rows), 0)
        if count:
            patches = {name: Patches(boxes, rows[moved], 0 * boxes.low)}
            found = follow(parts, groups[:count], base.maps, patches)
            if found.shape != scores[moved].shape:
                return None  # it has no score for each row, which the full run says in words
            scores[moved] = found
        return scores

    def _network(self, name: str, size: tuple[int, ...]) -> tuple[list[Group], Parts]:
        """Return the groups and the parts for an input of this size. Those of the last size are kept."""
        if self._parts is None or self._size != size:
            self._size, self._groups = size, local_groups(self._graph, name, size)
            self._parts, self._base = Parts(self._graph, self._scores, self._settings), None
        return self._groups, self._parts

    def _base_of(self, name: str, row: Array, groups: Sequence[Group], parts: Parts) -> _Base:
        """Return the base for a row, with the maps of these groups. The last one is kept."""
        base = self._base
        if base is None or not np.array_equal(base.maps[name], row):
            scores = self._forward.run({name: row[np.newaxis]}, [self._scores])[0][self._scores]
            base = _Base(scores, {name: row.copy()})
        base = self._base = _Base(
            base.scores, whole_maps(parts, groups[base.groups :], base.maps), max(base.groups, len(groups))
        )
        return base


def _is_plain(graph: gs.Graph) -> bool:
    """Whether a graph has one input, and takes any number of rows."""
    shape = graph.inputs[0].shape if len(graph.inputs) == 1 else None
    return shape is not None and len(shape) > 0 and not isinstance(shape[0], int)
