"""Nodes that are made one by one, for the parts of an exported model around its walk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from onnxplain.engines.onnxruntime.namespace import TracedNamespace
from onnxplain.engines.onnxruntime.traced import Emitter, Traced

if TYPE_CHECKING:
    from collections.abc import Callable

    import onnx

    from onnxplain.arrays import Array
    from onnxplain.engines.onnxruntime.shapes import Shape

DOUBLE = TensorProto.DOUBLE
FLOAT = TensorProto.FLOAT


class Nodes:
    """Collects nodes under names that begin with `scope`. An array that a node reads becomes a constant.

    A call emits a node and returns the name of its output.
    """

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self.made: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self._known: dict[tuple[bytes, str, tuple[int, ...]], str] = {}

    def __call__(self, op: str, *inputs: str | Array, **attrs: Any) -> str:
        name = self.fresh(op)
        names = [each if isinstance(each, str) else self.constant(each) for each in inputs]
        self.made.append(helper.make_node(op, names, [name], name=name, **attrs))
        return name

    def fresh(self, stem: str) -> str:
        """Return a name that nothing else has."""
        return f"{self._scope}/{stem}.{len(self.made)}"

    def constant(self, value: Array) -> str:
        """Return the name of a constant. Equal arrays share one."""
        key = value.tobytes(), value.dtype.str, value.shape
        if key not in self._known:
            name = self._known[key] = f"{self._scope}/constant.{len(self._known)}"
            self.constants[name] = numpy_helper.from_array(value, name)
        return self._known[key]

    def trace(self, function: Callable[..., Traced], *values: tuple[str, Shape]) -> str:
        """Emit what a function of the namespace and of traced values computes, and return the name of its result.

        values: names and shapes, in which a length that grows with the rows is that of the first value's first axis.
        """
        emitter = Emitter(values[0][0], scope=self.fresh("traced"))
        made = function(TracedNamespace(emitter), *(Traced(emitter, *each) for each in values))
        graph = emitter.needed([made.name])
        self.made.extend(graph.node)
        self.constants.update((each.name, each) for each in graph.initializer)
        return made.name

    def copy(self, value: str, name: str) -> None:
        """Give a value another name."""
        self.made.append(helper.make_node("Identity", [value], [name], name=name))

    def put(self, graph: onnx.GraphProto) -> None:
        """Put the nodes and the constants behind those of a graph."""
        graph.node.extend(self.made)
        graph.initializer.extend(self.constants.values())


def integers(*values: int) -> Array:
    """Return a vector of int64, as shapes, axes and indices are."""
    return np.array(values, np.int64)
