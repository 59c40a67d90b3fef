"""Function bodies of our own for some operators.

A body writes an operator as a sequence of simpler nodes, which `expand_functions` puts in its place. ONNX defines
bodies for many operators. Those below have none in ONNX, or one that does not suit a walk from the score back to the
input. With d = x - mean(x), they compute:

    InstanceNormalization      d / √(mean(d²) + ε) · scale + B, with means over the spatial axes
    LpNormalization            x / Σ|x| or x / √Σx², and 0 where this divisor is 0
    LRN                        x · (bias + α · mean of x² over `size` channels)^-β
    LayerNormalization         d / √(mean(d²) + ε) · Scale + B
    GroupNormalization         the same in each group of channels
    MeanVarianceNormalization  d / (√mean(d²) + 1e-9)
    RMSNormalization           x / √(mean(x²) + ε) · scale
    ReduceLogSumExp            log Σ exp(x - max) + max

Those of products, pools of powers, samples and sorted values stand in files of their own.

What does not suit in ONNX's own bodies: that of LayerNormalization computes mean(x²) - (mean x)², which loses digits
when the two are close; that of RMSNormalization computes its axes from the shape of x when it runs; and that of
ReduceLogSumExp casts to double and back.

Bodies are written in ONNX's text format. In them, the inputs and outputs of the operator have the names of its schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.passes.pools import POOLS
from onnxplain.passes.products import PRODUCTS
from onnxplain.passes.sampled import SAMPLED
from onnxplain.passes.sorting import SORTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from onnxplain.passes.body import Given


def _deviation(x: str, axes: Sequence[int]) -> str:
    """Return lines that compute D = x - mean(x) and V = mean(D²) over `axes`, which stay with size 1 in V."""
    return f"""
        Axes = Constant <value_ints: ints = {list(axes)}> ()
        Mean = ReduceMean <keepdims: int = 1> ({x}, Axes)
        D = Sub ({x}, Mean)
        D2 = Mul (D, D)
        V = ReduceMean <keepdims: int = 1> (D2, Axes)"""


def _number(name: str, value: float, like: str) -> str:
    """Return lines that define `name`, a constant in the dtype of the value `like`."""
    return f"""
        {name}32 = Constant <value_float: float = {value!r}> ()
        {name} = CastLike ({name}32, {like})"""


def _inverse_root(epsilon: float) -> str:
    """Return lines that compute InvStdDev = 1 / √(V + ε); earlier lines define V."""
    return f"""{_number("Epsilon", epsilon, "V")}
        VE = Add (V, Epsilon)
        StdDev = Sqrt (VE)
        InvStdDev = Reciprocal (StdDev)"""


def _layer(n: Given) -> str:
    y = "Add (Scaled, B)" if "B" in n.inputs else "Identity (Scaled)"
    return f"""{_deviation("X", n.last)}{_inverse_root(n["epsilon"])}
        N = Mul (D, InvStdDev)
        Scaled = Mul (N, Scale)
        Y = {y}"""


def _rms(n: Given) -> str:
    return f"""
        Axes = Constant <value_ints: ints = {list(n.last)}> ()
        X2 = Mul (X, X)
        V = ReduceMean <keepdims: int = 1> (X2, Axes){_inverse_root(n["epsilon"])}
        N = Mul (X, InvStdDev)
        Y = Mul (N, scale)"""


def _instance(n: Given) -> str:
    return f"""{_deviation("input", range(2, n.rank))}{_inverse_root(n["epsilon"])}
        N = Mul (D, InvStdDev){_per_channel("N", "scale", "B", "output", n.rank)}"""


def _group(n: Given) -> str:
    return f"""
        Grouped = Constant <value_ints: ints = [0, {n["num_groups"]}, -1]> ()
        G = Reshape (X, Grouped){_deviation("G", [2])}{_inverse_root(n["epsilon"])}
        N = Mul (D, InvStdDev)
        Size = Shape (X)
        NX = Reshape (N, Size){_per_channel("NX", "scale", "bias", "Y", n.rank)}"""


def _per_channel(x: str, scale: str, bias: str, y: str, rank: int) -> str:
    """Return lines that compute y = scale · x + bias, with channels on axis 1 of `rank` axes."""
    return f"""
        Channels = Constant <value_ints: ints = {[1, -1, *[1] * (rank - 2)]}> ()
        S = Reshape ({scale}, Channels)
        C = Reshape ({bias}, Channels)
        XS = Mul ({x}, S)
        {y} = Add (XS, C)"""


def _mean_variance(n: Given) -> str:
    return f"""{_deviation("X", n["axes"])}{_number("Epsilon", 1e-9, "V")}
        StdDev = Sqrt (V)
        Divisor = Add (StdDev, Epsilon)
        Y = Div (D, Divisor)"""


def _lp(n: Given) -> str:
    size, norm = ("Abs (input)", "Identity (Kept)") if n["p"] == 1 else ("Mul (input, input)", "Sqrt (Kept)")
    return f"""
        Axes = Constant <value_ints: ints = [{n["axis"]}]> (){_number("Tiny", 1.1754944e-38, "input")}
        Each = {size}
        Total = ReduceSum <keepdims: int = 1> (Each, Axes)
        Kept = Max (Total, Tiny)
        Norm = {norm}
        output = Div (input, Norm)"""


def _lrn(n: Given) -> str:
    size = n["size"]
    window, pads = [size, *[1] * (n.rank - 2)], [0] * (n.rank - 2)
    pads = [(size - 1) // 2, *pads, size // 2, *pads]
    given = {"Alpha": n["alpha"], "Bias": n["bias"], "Power": -n["beta"]}
    numbers = "".join(_number(name, value, "X") for name, value in given.items())
    return f"""
        Axis = Constant <value_ints: ints = [1]> (){numbers}
        X2 = Mul (X, X)
        Channels = Unsqueeze (X2, Axis)
        Near = AveragePool <kernel_shape = {window}, pads = {pads}, count_include_pad = 1> (Channels)
        M = Squeeze (Near, Axis)
        AM = Mul (M, Alpha)
        Base = Add (AM, Bias)
        Factor = Pow (Base, Power)
        Y = Mul (X, Factor)"""


def _log_sum_exp(n: Given) -> str:
    return f"""
        Peak = ReduceMax <keepdims: int = 1> (data, axes)
        Shifted = Sub (data, Peak)
        E = Exp (Shifted)
        Total = ReduceSum <keepdims: int = {n["keepdims"]}> (E, axes)
        L = Log (Total)
        Size = Shape (L)
        P = Reshape (Peak, Size)
        reduced = Add (L, P)"""


BODIES: Mapping[str, Callable[[Given], str]] = {
    **PRODUCTS,
    **POOLS,
    **SAMPLED,
    **SORTED,
    "GroupNormalization": _group,
    "InstanceNormalization": _instance,
    "LRN": _lrn,
    "LayerNormalization": _layer,
    "LpNormalization": _lp,
    "MeanVarianceNormalization": _mean_variance,
    "RMSNormalization": _rms,
    "ReduceLogSumExp": _log_sum_exp,
}
"""By operator, the function that returns the lines of its body, or "" where it has none for a node."""
