"""What the adapters of versions/ write with: nodes around a node, and its attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import AttributeProto, NodeProto, helper, numpy_helper

from onnxplain.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from onnxplain.graph.naming import Names


class Around:
    """The nodes that an adapter puts before and behind the node that it changes, all at the opset that is aimed at."""

    def __init__(self, node: NodeProto, names: Names) -> None:
        self.before: list[NodeProto] = []
        self.after: list[NodeProto] = []
        self._stem = next((name for name in node.output if name), node.name or node.op_type)
        self._names = names

    def name(self, part: str) -> str:
        """Return a new name for a value, made of the node's first output and `part`."""
        return self._names.fresh(f"{self._stem}/{part}")

    def constant(self, values: ArrayLike, dtype: DTypeLike, part: str) -> str:
        """Add a constant before the node, and return its name."""
        tensor = numpy_helper.from_array(np.asarray(values, dtype))
        return self.add("Constant", [], part, value=tensor)

    def like(self, value: float, other: str, part: str) -> str:
        """Add the number `value`, in the dtype of the value `other`, before the node, and return its name."""
        return self.add("CastLike", [self.constant(value, np.float32, f"{part}32"), other], part)

    def add(self, op: str, inputs: Sequence[str], part: str, **attributes: Any) -> str:
        """Add a node of one output before the node, and return the name of this output."""
        output = self.name(part)
        self.before.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def then(self, op: str, node: NodeProto, inputs: Sequence[str] = (), at: int = 0) -> None:
        """Let a new node compute output `at` of `node`, from what `node` computes there from now on, and `inputs`."""
        output, node.output[at] = node.output[at], self.name(node.op_type)
        self.after.insert(0, helper.make_node(op, [node.output[at], *inputs], [output]))


def take(node: NodeProto, name: str, kind: int, default: Any = None) -> Any:
    """Remove an attribute from a node and return its value; without it, return `default`.

    kind: the type that the attribute must have, as ONNX numbers them. Raises `BadInputError` where it has another one.
    """
    for i, each in enumerate(node.attribute):
        if each.name == name:
            if each.type != kind:
                found, wanted = (AttributeProto.AttributeType.Name(number) for number in (each.type, kind))
                raise BadInputError(
                    f"{title(node)} has the attribute {name!r} of type {found}, expected {wanted}: the file is damaged"
                )
            value = helper.get_attribute_value(each)
            del node.attribute[i]
            return value
    return default


def put(node: NodeProto, **attributes: Any) -> None:
    """Add attributes to a node."""
    node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())


def become(node: NodeProto, op: str, inputs: Sequence[str], **attributes: Any) -> None:
    """Change a node's operator, all its inputs and all its attributes; its outputs stay."""
    node.op_type = op
    del node.input[:], node.attribute[:]
    node.input.extend(inputs)
    put(node, **attributes)


def title(node: NodeProto) -> str:
    """Return how an error message calls a node: by its operator, and its name or that of its first output."""
    return f"{node.op_type} (node {node.name or ', '.join(node.output)!r})"
