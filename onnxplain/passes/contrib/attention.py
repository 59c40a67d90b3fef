"""Standard forms of attention. With heads as an axis of Q, K and V, [rows, heads, tokens, head size], they compute

    Softmax(scale · Q Kᵀ + attention bias + masks) V

Attention computes Q, K and V from its input by one matrix and one bias, which are split, as they were before they were
joined. MultiHeadAttention is given Q, K and V. States of earlier tokens, by which texts are generated, have no form.
"""

from __future__ import annotations

from functools import partial
from math import sqrt
from typing import TYPE_CHECKING

from onnxplain.passes.contrib.form import CannotError, Fused, integers, number, standard
from onnxplain.passes.contrib.mask import masks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def attend(n: Fused, q_size: int, v_size: int, mask: Callable[[str], tuple[str, str]]) -> str:
    """Return lines for `output` from Q, K and V, which have heads as their axis 1.

    q_size, v_size: of one head. mask: returns lines that mask scores of a name, and the name of the masked scores.
    """
    scale = n["scale"] or 1 / sqrt(q_size)
    scores, lines = "Scaled", ""
    if n["softcap"]:
        scores, lines = "Capped", _capped(n["softcap"])
    if "attention_bias" in n:
        lines += f"""
        Shifted = Add ({scores}, attention_bias)"""
        scores = "Shifted"
    masked, scores = mask(scores)
    return f"""{number("Scale", scale, "Q")}
        Turned = Transpose <perm: ints = [0, 1, 3, 2]> (K)
        Products = MatMul (Q, Turned)
        Scaled = Mul (Products, Scale){lines}{masked}
        Weights = Softmax <axis: int = -1> ({scores})
        Heads = MatMul (Weights, V)
        Tokens = Transpose <perm: ints = [0, 2, 1, 3]> (Heads){integers("Joined", 0, 0, n["num_heads"] * v_size)}
        output = Reshape (Tokens, Joined)"""


def _capped(most: float) -> str:
    """Return lines for Capped = most · tanh(Scaled / most)."""
    return f"""{number("Most", most, "Scaled")}
        Share = Div (Scaled, Most)
        Bounded = Tanh (Share)
        Capped = Mul (Bounded, Most)"""


def split_heads(x: str, y: str, heads: int, size: int) -> str:
    """Return lines for y [rows, heads, tokens, size] from x [rows, tokens, heads · size]."""
    return f"""{integers(f"{y}_split", 0, 0, heads, size)}
        {y}_tokens = Reshape ({x}, {y}_split)
        {y} = Transpose <perm: ints = [0, 2, 1, 3]> ({y}_tokens)"""


def _biases(n: Fused, sizes: Sequence[int]) -> str:
    """Return lines that split the bias, where there is one."""
    if "bias" not in n:
        return ""
    return f"""{integers("BiasSizes", *sizes)}
        bias_Q, bias_K, bias_V = Split <axis: int = 0> (bias, BiasSizes)"""


def _shifted(n: Fused, x: str, which: str) -> str:
    """Return a line for {which}_all, which is x with its part of the bias."""
    return f"""
        {which}_all = {f"Add ({x}, bias_{which})" if "bias" in n else f"Identity ({x})"}"""


@standard(
    "Attention",
    "input weights bias mask_index past attention_bias past_sequence_length -> output present",
    unidirectional=0,
)
def _attention(n: Fused) -> str:
    n.absent("past", "past_sequence_length")
    n.unused("present")
    if n["do_rotary"]:
        raise CannotError("it turns its queries by their positions")
    heads, joined = n["num_heads"], n.size("weights", 1)
    sizes = [int(each) for each in n["qkv_hidden_sizes"] or [joined // 3] * 3]
    if len(sizes) != 3 or sum(sizes) != joined or any(each % heads for each in sizes):
        raise CannotError("its weights do not split into queries, keys and values")
    lines = f"""{integers("Sizes", *sizes)}
        weights_Q, weights_K, weights_V = Split <axis: int = 1> (weights, Sizes){_biases(n, sizes)}"""
    for which, size in zip("QKV", sizes, strict=True):
        lines += f"""
        {which}_product = MatMul (input, weights_{which}){_shifted(n, f"{which}_product", which)}"""
        lines += split_heads(f"{which}_all", which, heads, size // heads)
    mask = partial(masks, n, "mask_index", causal=bool(n["unidirectional"]))
    return lines + attend(n, sizes[0] // heads, sizes[2] // heads, mask)


@standard(
    "MultiHeadAttention",
    "query key value bias key_padding_mask attention_bias past_key past_value past_sequence_length cache_indirection "
    "-> output present_key present_value qk",
    unidirectional=0,
)
def _multi_head(n: Fused) -> str:
    n.absent("past_key", "past_value", "past_sequence_length", "cache_indirection")
    n.unused("qk")
    heads = n["num_heads"]
    if "key" not in n or "value" not in n or len(n.shape("query")) != 3:
        raise CannotError("its queries, keys and values are one tensor")
    size = n.size("query", 2) // heads
    if len(n.shape("key")) == 4:  # keys and values have heads already
        v_size = n.size("value", 3)
        lines = (
            split_heads("query", "Q", heads, size)
            + """
        K = Identity (key)
        V = Identity (value)"""
        )
    else:
        v_size = n.size("value", 2) // heads
        lines = _biases(n, [size * heads, size * heads, v_size * heads])
        for x, which, each in (("query", "Q", size), ("key", "K", size), ("value", "V", v_size)):
            lines += _shifted(n, x, which) + split_heads(f"{which}_all", which, heads, each)
    lines += """
        present_key = Identity (K)
        present_value = Identity (V)"""
    mask = partial(masks, n, "key_padding_mask", causal=bool(n["unidirectional"]))
    return lines + attend(n, size, v_size, mask)
