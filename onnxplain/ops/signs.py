"""Which operators give numbers that are never negative, and under which conditions on their inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NONNEGATIVE = frozenset({"Relu", "Sigmoid", "HardSigmoid", "Softmax", "Softplus", "Exp", "Abs", "Sqrt"})
"""Operators whose output is never negative."""

PASS_SIGNS = frozenset(
    {
        *("Add", "Sum", "Mul", "Div", "Max", "Concat", "Conv", "ConvTranspose", "Gemm", "MatMul", "Einsum"),
        *("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"),
    }
)
"""Operators whose output is not negative where none of their inputs, weights included, is."""

REARRANGE = frozenset(
    {
        *("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Gather", "Expand", "Identity"),
        *("ReduceSum", "ReduceMean", "ReduceMax"),
    }
)
"""Operators whose output holds elements of the first input, or sums, means or maxima of them.

Their other inputs say where or how, such as axes and indices, and their signs do not matter.
"""


def output_is_nonnegative(op: str, inputs: Sequence[bool | None]) -> bool:
    """Return whether no element of the first output of `op` can be negative.

    inputs: for each input, whether none of its elements can be negative; None for an optional input that is left out.
    """
    if op in REARRANGE:
        return bool(inputs[0])
    if op == "Clip":  # its second input is the lower bound of the output
        return len(inputs) > 1 and bool(inputs[1])
    return op in NONNEGATIVE or (op in PASS_SIGNS and all(each for each in inputs if each is not None))
