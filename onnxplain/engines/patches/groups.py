"""The local part of a network in groups: one operator that slides a window, and what follows it place by place."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.engines.window import Window
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.ops.local import PADDING, kernel_of, pads_by_value, place_by_place

MOVED = 16
"""What it takes to copy one value of a map in and out of a session, in multiplications of a convolution."""


@dataclass(eq=False)
class Group:
    """Nodes whose outputs lie on one grid, in the order in which they run.

    The first node reads the map `source` through `window`; the others read the outputs of nodes before them and the
    maps `beside` of earlier groups, which lie on the same grid.
    padding: the value around the source. outputs: names of the maps that are read outside the group.
    """

    window: Window
    source: str
    padding: float
    nodes: list[gs.Node]
    beside: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    @property
    def work(self) -> int:
        """The number of multiplications at one place of the grid."""
        return sum(_work(node) for node in self.nodes)

    @property
    def moved(self) -> int:
        """The number of values at one place of the grid that are copied where the group runs by itself."""
        values = {value.name: value for node in self.nodes for value in (*node.inputs, *node.outputs)}
        steps = math.prod(self.window.strides)
        copied = [(self.source, steps), *((name, 1) for name in (*self.beside, *self.outputs))]
        return sum(_channels(values[name]) * times for name, times in copied)


def local_groups(graph: gs.Graph, source: str, size: tuple[int, ...]) -> list[Group]:
    """Return the groups through which the input `source` [N, C, *size] goes, in the order in which they run.

    A node that is not local, and what is computed of its output, is in none of them, and neither are the scores.
    """
    found, ends = _Found(source, size), {value.name for value in graph.outputs}
    for node in graph.nodes:
        if ends.isdisjoint(value.name for value in node.outputs):
            found.take(node)
    for group in found.groups:
        own = {id(node) for node in group.nodes}
        made = [node.outputs[0] for node in group.nodes]
        group.outputs = [value.name for value in made if any(id(reader) not in own for reader in value.outputs)]
    return found.groups


class _Found:
    """The groups that were found so far, and for each map its group and its size."""

    def __init__(self, source: str, size: tuple[int, ...]) -> None:
        self.groups: list[Group] = []
        self._group: dict[str, int] = {source: -1}
        self._size = {source: size}

    def take(self, node: gs.Node) -> None:
        """Put a node into a group, where it is local."""
        maps = [value.name for value in node.inputs if value.name in self._size]
        if not maps or len(node.outputs) != 1 or numpy_dtype(node.outputs[0]) != np.float32:
            return
        axes, kernel = len(self._size[maps[0]]), kernel_of(node)
        if kernel is None:
            if place_by_place(node, set(maps), axes) and len({self._size[name] for name in maps}) == 1:
                self._put(node, maps, Window.resolve(self._size[maps[0]], (1,) * axes, {}), 0.0)
            return
        window = Window.resolve(self._size[maps[0]], kernel, node.attrs) if len(kernel) == axes else None
        if window is not None and min(window.out) > 0 and pads_by_value(node, window):
            self._put(node, maps, window, PADDING[node.op])

    def _put(self, node: gs.Node, maps: list[str], window: Window, padding: float) -> None:
        """Put a node into the latest group that it reads from or, for one that reads around a place, into a new one."""
        at = max(self._group[name] for name in maps)
        if at < 0 or not window.pointwise:
            at = len(self.groups)
            self.groups.append(Group(window, maps[0], 0.0 if math.isnan(padding) else padding, [node]))
        else:
            group = self.groups[at]
            group.nodes.append(node)
            earlier = [name for name in maps if self._group[name] != at]
            group.beside = list(dict.fromkeys(group.beside + earlier))
        self._group[node.outputs[0].name], self._size[node.outputs[0].name] = at, window.out


def _channels(value: gs.Tensor) -> int:
    """Return the number of channels of a map; 1 where it is not known."""
    shape = value.shape or ()
    return shape[1] if len(shape) > 1 and isinstance(shape[1], int) else 1


def _work(node: gs.Node) -> int:
    """Return the number of multiplications of a node at one place of its output."""
    weight = node.inputs[1] if node.op == "Conv" else None
    if isinstance(weight, gs.Constant):
        return int(weight.values.size)
    return _channels(node.outputs[0]) * math.prod(kernel_of(node) or ())
