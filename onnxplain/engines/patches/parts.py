"""The sessions of a network in parts: one for each group, and one for all that is behind the groups."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

import onnx

from onnxplain.graph.needed import keep_needed, read_names
from onnxplain.graph.runtime import open_session
from onnxplain.ops.local import PADDING
from onnxplain.passes import detach_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array
    from onnxplain.engines.patches.groups import Group
    from onnxplain.graph.runtime import Session
    from onnxplain.graph.settings import Settings

SOURCE = "onnxplain.source"
"""The name under which a group reads its source with the padding around it; others may read the same map without."""

RESTS = 2
"""How many sessions are kept of what is behind some groups: each has a copy of most weights of the network."""

_PADS = ("pads", "auto_pad", "ceil_mode")


class Parts:
    """The parts of one graph. Each has a session that is opened when it is first run."""

    def __init__(self, graph: gs.Graph, scores: str, settings: Settings) -> None:
        self._graph, self._scores, self._settings = graph, scores, settings
        self._groups: dict[Group, Session] = {}
        self._rests: dict[int, Session] = {}
        self._opening = Lock()

    def group(self, group: Group, source: Array, beside: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs of a group. source: with all that its window reads. beside: as large as the outputs."""
        feeds = {SOURCE: source, **beside}
        with self._opening:
            if group not in self._groups:
                self._groups[group] = self._open(self._group_model(group), {k: v.ndim for k, v in feeds.items()})
        return dict(zip(group.outputs, self._groups[group].run(group.outputs, feeds), strict=True))

    def rest(self, groups: Sequence[Group], source: str, axes: int, read: Callable[[str], Array]) -> Array:
        """Return the scores, from the maps that are read behind these first groups of the input `source`.

        axes: how many a map has, rows and channels included. read: returns a map by its name.
        """
        with self._opening:
            session = self._rests.get(len(groups))
            if session is None:
                made = {source}.union(*(group.outputs for group in groups))
                model = self._part(made, [self._scores])
                needed = sorted(made & read_names(model.graph.node))
                while len(self._rests) >= RESTS:
                    del self._rests[next(iter(self._rests))]
                session = self._rests[len(groups)] = self._open(model, dict.fromkeys(needed, axes))
        scores: Array = session.run([self._scores], {name: read(name) for name in session.inputs})[0]
        return scores

    @cached_property
    def _whole(self) -> tuple[onnx.ModelProto, dict[str, Array]]:
        """The graph as a proto, and the weights that it only names."""
        return detach_weights(self._graph)

    def _part(self, given: set[str], outputs: Sequence[str]) -> onnx.ModelProto:
        """Return what computes the values `outputs` from those that are `given`."""
        model = onnx.ModelProto()
        model.CopyFrom(self._whole[0])
        graph, nodes = model.graph, [each for each in model.graph.node if given.isdisjoint(each.output)]
        del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
        graph.node.extend(nodes)
        graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
        keep_needed(model)
        return model

    def _group_model(self, group: Group) -> onnx.ModelProto:
        """Return the model of a group. Its first node pads nothing, since its source comes with the padding."""
        model = self._part({group.source, *group.beside}, group.outputs)
        first = next(each for each in model.graph.node if each.output[0] == group.nodes[0].outputs[0].name)
        for i, name in enumerate(first.input):
            if name == group.source:
                first.input[i] = SOURCE
        if first.op_type in PADDING:
            kept = [each for each in first.attribute if each.name not in _PADS]
            del first.attribute[:]
            first.attribute.extend(kept)
        return model

    def _open(self, model: onnx.ModelProto, inputs: Mapping[str, int]) -> Session:
        """Open a session of a part. inputs: the number of axes of each of its inputs."""
        for name, axes in inputs.items():
            sizes = [f"{name} {axis}" for axis in range(axes)]
            model.graph.input.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sizes))
        whole, weights = self._whole
        with self._settings.hold():
            return open_session(model, weights, part_of=whole)
