"""What passes share: offer every node to a rule, which may add nodes before it and take over its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.graph.tensors import numpy_dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnxplain.arrays import Array


class Editor:
    """Adds nodes and constants with fresh names.

    `new` holds the nodes that belong before the node at hand. A node that lost its outputs is dropped.
    """

    def __init__(self, graph: gs.Graph) -> None:
        self.graph = graph
        self.taken = set(graph.tensors()) | {node.name for node in graph.nodes}
        self.results = {id(value) for value in graph.outputs}
        self.new: list[gs.Node] = []

    def fresh(self, stem: str) -> str:
        """Return a name that no tensor and no node has."""
        name, i = stem, 1
        while name in self.taken or not name:
            name, i = f"{stem}_{i}", i + 1
        self.taken.add(name)
        return name

    def constant(self, values: Any, stem: str) -> gs.Constant:
        """Return a constant; give it the dtype that the graph needs."""
        return gs.Constant(self.fresh(stem), np.ascontiguousarray(values).reshape(np.shape(values)))

    def add(
        self,
        op: str,
        inputs: Sequence[gs.Tensor],
        stem: str,
        *,
        like: gs.Tensor | None = None,
        output: gs.Variable | None = None,
        **attrs: Any,
    ) -> gs.Variable:
        """Add a node and return its output: `output`, taken over, or a new one of the dtype of `like`."""
        name = self.fresh(stem)
        if output is None:
            output = gs.Variable(self.fresh(f"{stem}_output"), dtype=None if like is None else like.dtype)
        output.inputs.clear()
        self.new.append(gs.Node(op, name, attrs, list(inputs), [output]))
        return output

    def bypass(self, node: gs.Node, source: gs.Tensor) -> bool:
        """Let the users of the node's only output read `source`; False where a graph output forbids it."""
        (target,) = node.outputs
        if id(target) not in self.results:
            node.outputs.clear()
            redirect(target, source)
            return True
        if not source.inputs or id(source) in self.results or _used_in_subgraph(source):
            return False
        node.outputs.clear()
        node.inputs.clear()
        redirect(source, target)
        producer = source.inputs[0]
        producer.outputs[_position(producer.outputs, source)] = target
        return True


def rewrite(graph: gs.Graph, rule: Callable[[Editor, gs.Node], bool]) -> int:
    """Offer each node to `rule(edit, node)`, which says whether it changed it; return how often it did."""
    edit, nodes, changed = Editor(graph), [], 0
    for node in graph.nodes:
        changed += rule(edit, node)
        nodes += edit.new
        edit.new = []
        if node.outputs:
            nodes.append(node)
        else:
            node.inputs.clear()
    graph.nodes = nodes
    return changed


def redirect(old: gs.Tensor, new: gs.Tensor) -> None:
    """Let every node that reads `old` read `new`."""
    for user in list(old.outputs):
        for i, value in enumerate(user.inputs):
            if value is old:
                user.inputs[i] = new


def values_of(tensor: gs.Tensor) -> Array | None:
    """Values of a constant, None of anything else."""
    return tensor.values if isinstance(tensor, gs.Constant) else None


def is_float(tensor: gs.Tensor) -> bool:
    """Whether a tensor is known to hold floats of any width."""
    dtype = numpy_dtype(tensor)
    return dtype is not None and (dtype.kind == "f" or dtype.name == "bfloat16")


def is_onnx(node: gs.Node, *ops: str) -> bool:
    """Whether a node is one of `ops` of the ONNX domain."""
    return node.op in ops and node.domain in (None, "", "ai.onnx")


def _position(values: Sequence[gs.Tensor], wanted: gs.Tensor) -> int:
    return next(i for i, value in enumerate(values) if value is wanted)


def _used_in_subgraph(tensor: gs.Tensor) -> bool:
    return any(value is tensor for user in tensor.outputs for graph in user.subgraphs() for value in graph.outputs)
