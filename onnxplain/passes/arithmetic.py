"""Float arithmetic is reduced to few operators: Sub, Div, Min, Mean, Sum and ReduceMin are written as others.

In the table a, b, x and y are any values and c is a constant.

    before          after                                before           after
    a - b           a + (-b)                             Sum, Max of n    n - 1 nodes of two operands each
    a / c           a · (1/c)                            Mean of n        (x_1 + ... + x_n) · (1/n)
    a / b           a · Reciprocal(b)                    Min of n         -Max(-x_1, ..., -x_n)
    c ** x, c > 0   Exp(x · log c)                       ReduceMin(x)     -ReduceMax(-x)
    x ** y          Exp(y · Log x), where y is computed; this is right for x > 0 only

1/c and log c are computed in float64. A power with a constant exponent stays a Pow. Integer arithmetic stays as it is,
because integer division rounds.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from onnxplain.graph.tensors import numpy_dtype
from onnxplain.passes.edit import Editor, is_float, is_onnx, rewrite, values_of

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

Form: TypeAlias = "tuple[str, list[gs.Tensor]] | None"
"""The operator and inputs that a node gets in place of its own, or None where it stays as it is."""


def arithmetic(graph: gs.Graph) -> int:
    """Rewrite float arithmetic; return how many nodes were rewritten."""
    return rewrite(graph, _rewrite)


def _rewrite(edit: Editor, node: gs.Node) -> bool:
    rule = _RULES.get(node.op) if is_onnx(node, *_RULES) else None
    if rule is None or not any(is_float(value) for value in (*node.inputs, *node.outputs)):
        return False
    form = rule(edit, node)
    if form is None:
        return False
    node.op, node.inputs = form
    node.attrs.clear()
    return True


def _sub(edit: Editor, node: gs.Node) -> Form:
    a, b = node.inputs
    return "Add", [a, _negated(edit, node, b)]


def _div(edit: Editor, node: gs.Node) -> Form:
    a, b = node.inputs
    divisor, dividend = values_of(b), values_of(a)
    if divisor is not None:
        return "Mul", [a, edit.constant(_inverse(divisor), f"{node.name}/reciprocal")]
    if dividend is not None and dividend.ndim == 0 and dividend == 1:
        return "Reciprocal", [b]
    return "Mul", [a, edit.add("Reciprocal", [b], f"{node.name}/reciprocal", like=b)]


def _sum(edit: Editor, node: gs.Node) -> Form:
    return None if len(node.inputs) == 1 else ("Add", _pair(edit, node, "Add", list(node.inputs)))


def _mean(edit: Editor, node: gs.Node) -> Form:
    if len(node.inputs) == 1:
        return None
    total = edit.add("Add", _pair(edit, node, "Add", list(node.inputs)), f"{node.name}/sum", like=node.outputs[0])
    return "Mul", [total, edit.constant(np.array(1 / len(node.inputs), _dtype(node)), f"{node.name}/share")]


def _max(edit: Editor, node: gs.Node) -> Form:
    return None if len(node.inputs) <= 2 else ("Max", _pair(edit, node, "Max", list(node.inputs)))


def _min(edit: Editor, node: gs.Node) -> Form:
    negated = [_negated(edit, node, value) for value in node.inputs]
    if len(negated) == 1:
        return "Neg", negated
    largest = edit.add("Max", _pair(edit, node, "Max", negated), f"{node.name}/max", like=node.outputs[0])
    return "Neg", [largest]


def _reduce_min(edit: Editor, node: gs.Node) -> Form:
    inputs = [_negated(edit, node, node.inputs[0]), *node.inputs[1:]]
    return "Neg", [edit.add("ReduceMax", inputs, f"{node.name}/max", like=node.outputs[0], **node.attrs)]


def _pow(edit: Editor, node: gs.Node) -> Form:
    base, exponent = node.inputs
    given = values_of(base)
    if values_of(exponent) is not None or not is_float(exponent) or (given is not None and not (given > 0).all()):
        return None
    log: gs.Tensor
    if given is None:
        log = edit.add("Log", [base], f"{node.name}/log", like=base)
    else:
        log = edit.constant(np.log(given.astype(np.float64)).astype(given.dtype), f"{node.name}/log")
    return "Exp", [edit.add("Mul", [exponent, log], f"{node.name}/product", like=node.outputs[0])]


_RULES = {
    "Sub": _sub,
    "Div": _div,
    "Sum": _sum,
    "Mean": _mean,
    "Max": _max,
    "Min": _min,
    "ReduceMin": _reduce_min,
    "Pow": _pow,
}


def _pair(edit: Editor, node: gs.Node, op: str, values: list[gs.Tensor]) -> list[gs.Tensor]:
    """Join all but the last of `values` by nodes `op`; return the result and the last, which `node` itself joins."""
    *front, last = values

    def join(a: gs.Tensor, b: gs.Tensor) -> gs.Tensor:
        return edit.add(op, [a, b], f"{node.name}/{op.lower()}", like=node.outputs[0])

    return [reduce(join, front), last]


def _negated(edit: Editor, node: gs.Node, value: gs.Tensor) -> gs.Tensor:
    values = values_of(value)
    if values is not None:
        return edit.constant(-values, f"{node.name}/negative")
    return edit.add("Neg", [value], f"{node.name}/negative", like=value)


def _inverse(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with np.errstate(divide="ignore"):
        return (1 / values.astype(np.float64)).astype(values.dtype)


def _dtype(node: gs.Node) -> np.dtype[Any]:
    floats = (numpy_dtype(value) for value in (*node.outputs, *node.inputs) if is_float(value))
    return next(dtype for dtype in floats if dtype is not None)
