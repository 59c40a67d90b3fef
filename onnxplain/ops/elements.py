"""Operators that compute each element of their output of the elements of their inputs at the same place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.ops import Family, find_op

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

_BY_ELEMENT = frozenset(
    (
        *("Cast", "CastLike", "Imputer", "Scaler", "LabelEncoder", "CategoryMapper", "Binarizer", "Not", "And", "Or"),
        *("Xor", "IsNaN", "IsInf", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Where", "Add", "Sub"),
        *("Mul", "Div", "Neg", "Sum", "Mean", "Max", "Min", "Pow", "Mod", "Clip"),
    )
)
"""Those besides the family ELEMENTWISE."""


def by_element(node: gs.Node) -> bool:
    """Whether a node computes each element of those at the same place, after its inputs were broadcast."""
    op = find_op(node.domain, node.op)
    return node.op in _BY_ELEMENT or (op is not None and op.family is Family.ELEMENTWISE)
