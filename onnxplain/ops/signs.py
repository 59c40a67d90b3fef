"""Signs: which operators give numbers that are not below 0, always or where their inputs are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NONNEGATIVE = frozenset({"Relu", "Sigmoid", "HardSigmoid", "Softmax", "Softplus", "Exp", "Abs", "Sqrt"})
PASS_SIGNS = frozenset(
    {
        *("Add", "Sum", "Mul", "Div", "Max", "Concat", "Conv", "ConvTranspose", "Gemm", "MatMul", "Einsum"),
        *("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"),
    }
)
REARRANGE = frozenset(
    {
        *("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Gather", "Expand", "Identity"),
        *("ReduceSum", "ReduceMean", "ReduceMax"),
    }
)
"""Operators whose first input holds the elements of their output, or what these are sums and maxima of."""


def output_is_nonnegative(op: str, inputs: Sequence[bool | None]) -> bool:
    """Whether no element of the first output of `op` is below 0.

    inputs: for each input, whether none of its elements is; None for an optional input that is left out.
    """
    if op in REARRANGE:
        return bool(inputs[0])
    if op == "Clip":  # its second input is the lower bound
        return len(inputs) > 1 and bool(inputs[1])
    return op in NONNEGATIVE or (op in PASS_SIGNS and all(each for each in inputs if each is not None))
