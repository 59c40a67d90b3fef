"""The copies between the blocked layout and the plain one, which onnxruntime puts into a graph of images.

See `convolution` for what the blocked layout is. An image that is needed in both layouts is in memory twice.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onnxplain.engines.onnxruntime.sized import Work
from onnxplain.passes.contrib.blocked import block

if TYPE_CHECKING:
    from onnxplain.engines.onnxruntime.sized import Sized

REORDER = "Reorder"
"""The operator of a copy into another layout."""

_IN_PLACE = frozenset({"Relu", "HardSigmoid", "Sigmoid", "Tanh", "LeakyRelu", "Resize", "BatchNormalization"})
_OF_SEVERAL = frozenset({"Add", "Mul", "Sum", "Concat"})
_POOLS = frozenset({"MaxPool", "AveragePool", "GlobalAveragePool"})
_REWRITTEN = _POOLS | {"Conv", "Concat", "Resize", "BatchNormalization"}
"""The operators that onnxruntime replaces by nodes of the blocked layout, rather than let them be."""


def with_copies(model: Sized) -> Sized:
    """Return the model with the nodes that copy images into the layout in which the next node needs them.

    Where onnxruntime has no blocked layout, which depends on the processor, that is the model as it is.
    """
    return _Layouts(model, block()).result() if block() else model


class _Layouts:
    """Which values are in the layout of blocks of so many channels, and the nodes so far, the copies among them."""

    def __init__(self, model: Sized, block: int) -> None:
        self._model, self._block = model, block
        self._blocked: set[str] = set()
        self._nbytes, self._shapes = dict(model.nbytes), dict(model.shapes)
        self._nodes: list[Work] = []

    def result(self) -> Sized:
        """Return the model with its copies."""
        for node in self._model.nodes:
            blocked = self._is_blocked(node)
            if blocked:
                self._blocked.add(node.makes[0])
                takes = node.op in _POOLS or (node.op == "Conv" and self._channels(node.reads[0]) >= self._block)
                reads = tuple(self._copy(name, "blocked") if takes and i == 0 else name
                              for i, name in enumerate(node.reads))  # fmt: skip
            else:
                reads = tuple(self._copy(name, "plain") if name in self._blocked else name for name in node.reads)
            self._nodes.append(node._replace(reads=reads, new=int(blocked and node.op in _REWRITTEN)))
        for name in sorted(self._model.ends & self._blocked):
            self._copy(name, "plain")
        return replace(self._model, nodes=tuple(self._nodes), nbytes=self._nbytes, shapes=self._shapes)

    def _is_blocked(self, node: Work) -> bool:
        """Whether a node gives its value in the blocked layout."""
        first, blocked = node.reads[0], self._blocked
        if len(self._model.shapes[node.makes[0]]) != 4 or len(node.makes) > 1:
            return False
        if node.op == "Conv":
            return self._takes_conv(node)
        if node.op in _POOLS:
            return self._channels(first) % self._block == 0
        if node.op in _IN_PLACE:
            return first in blocked
        shape = self._model.shapes[node.makes[0]]
        alike = node.op == "Concat" or all(self._model.shapes[name] == shape for name in node.reads)
        return node.op in _OF_SEVERAL and alike and all(name in blocked for name in node.reads)

    def _takes_conv(self, node: Work) -> bool:
        """Whether a convolution runs in the blocked layout: its kernel is constant, and its groups are of blocks."""
        if node.reads[1] not in self._model.constants:
            return False
        inputs, outputs = self._channels(node.reads[0]), self._channels(node.makes[0])
        grouped = self._model.groups.get(node.makes[0], 1) > 1
        return outputs >= self._block and not (grouped and (inputs % self._block or outputs % self._block))

    def _channels(self, name: str) -> int:
        return self._model.shapes[name][1]

    def _copy(self, name: str, layout: str) -> str:
        """Return the name of a value in another layout, with the node that copies it where there is none yet."""
        if (layout == "blocked") == (name in self._blocked):
            return name
        copied = f"{name} {layout}"
        if copied not in self._nbytes:
            self._nbytes[copied], self._shapes[copied] = self._nbytes[name], self._shapes[name]
            self._nodes.append(Work(REORDER, (name,), (copied,), new=1 if layout == "blocked" else 2))
        return copied
