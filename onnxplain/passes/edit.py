"""What the passes share: a loop over the nodes of a graph, and an editor through which a pass changes them.

A pass hands the loop, `rewrite`, a function that may change one node. This function is called a rule here; it has
nothing to do with the propagation rules of `onnxplain.rules`. A rule may change the node in place, add nodes before it,
or give its outputs to another node.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.graph.dependence import only_held
from onnxplain.graph.naming import Names
from onnxplain.graph.tensors import numpy_dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnxplain.arrays import Array


class Editor:
    """Adds nodes and constants to a graph, under names that nothing else in it has.

    results: ids of the outputs of the graph; new: the nodes that a rule has added, which `rewrite` puts before the node
    that the rule was offered.
    """

    def __init__(self, graph: gs.Graph) -> None:
        self.graph = graph
        self.results = {id(value) for value in graph.outputs}
        self.new: list[gs.Node] = []

    @cached_property
    def _names(self) -> Names:
        """The names of all tensors and nodes. Most passes add nothing to most graphs, and do not ask for them."""
        return Names([*self.graph.tensors(), *(node.name for node in self.graph.nodes)])

    def fresh(self, stem: str) -> str:
        """Return a name that no tensor and no node has."""
        return self._names.fresh(stem)

    def constant(self, values: Any, stem: str) -> gs.Constant:
        """Return a new constant with `values`, which must already have the dtype that the graph needs."""
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
        """Add a node and return its only output.

        output: an existing value that the new node computes from now on; without it, the output is a new value.
        like: the value whose dtype a new output gets.
        """
        name = self.fresh(stem)
        if output is None:
            output = gs.Variable(self.fresh(f"{stem}_output"), dtype=None if like is None else like.dtype)
        output.inputs.clear()
        self.new.append(gs.Node(op, name, attrs, list(inputs), [output]))
        return output

    def bypass(self, node: gs.Node, source: gs.Tensor) -> bool:
        """Let every node that reads the node's only output read `source` instead, and return whether this was possible.

        A graph output has to keep its name. So if the node computes one, the node that computes `source` computes that
        output from now on. This is impossible where no node computes `source`, or where `source` is a result as well.
        """
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
    """Offer each node to `rule(edit, node)`, which returns whether it changed the node; return how often it did.

    A node that has lost its outputs is dropped. Nodes of the file in whose place others are walked are not offered.
    """
    edit, nodes, changed, kept = Editor(graph), [], 0, only_held(graph)
    for node in graph.nodes:
        changed += id(node) not in kept and rule(edit, node)
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
    """Return the values of a constant, None for a computed value."""
    return tensor.values if isinstance(tensor, gs.Constant) else None


def producer(value: gs.Tensor, *ops: str) -> gs.Node | None:
    """Return the node that computes a value, if its operator is one of ONNX's `ops`, or whatever it is without them."""
    node = value.inputs[0] if isinstance(value, gs.Variable) and value.inputs else None
    return node if node is not None and (not ops or is_onnx(node, *ops)) else None


def is_float(tensor: gs.Tensor) -> bool:
    """Whether a tensor is known to hold floats of any width."""
    dtype = numpy_dtype(tensor)
    return dtype is not None and (dtype.kind == "f" or dtype.name == "bfloat16")


def is_onnx(node: gs.Node, *ops: str) -> bool:
    """Whether the operator of a node is one of `ops`, in the domain of ONNX."""
    return node.op in ops and node.domain in (None, "", "ai.onnx")


def _position(values: Sequence[gs.Tensor], wanted: gs.Tensor) -> int:
    return next(i for i, value in enumerate(values) if value is wanted)


def _used_in_subgraph(tensor: gs.Tensor) -> bool:
    return any(value is tensor for user in tensor.outputs for graph in user.subgraphs() for value in graph.outputs)
