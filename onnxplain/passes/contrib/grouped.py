"""The standard form of GroupQueryAttention: several heads of the queries share a head of the keys and of the values.

Texts are classified in one go, without a state of earlier tokens; with one that may hold some there is no form.
"""

from __future__ import annotations

from functools import partial

from onnxplain.passes.contrib.attention import attend, split_heads
from onnxplain.passes.contrib.form import CannotError, Fused, integers, standard
from onnxplain.passes.contrib.mask import earlier

_OTHERS = ("position_ids", "head_sink", "k_scale", "v_scale", "q_norm_weight", "k_norm_weight", "query_seqlens")


@standard(
    "GroupQueryAttention",
    f"query key value past_key past_value seqlens_k total_sequence_length cos_cache sin_cache {_OTHERS[0]} "
    f"attention_bias {' '.join(_OTHERS[1:])} -> output present_key present_value output_qk",
    causal=1,
    local_window_size=-1,
)
def _grouped(n: Fused) -> str:
    n.absent(*_OTHERS)
    n.unused("present_key", "present_value", "output_qk")
    if any(name in n and n.shape(name)[2] != 0 for name in ("past_key", "past_value")):
        raise CannotError("it has the input 'past_key'")
    if not n["causal"] or n["smooth_softmax"] == 1:
        raise CannotError("it sees later tokens, or its weights do not add up to 1")
    heads, groups = n["num_heads"], n["kv_num_heads"]
    size = n.size("query", 2) // (heads if "key" in n else heads + 2 * groups)
    queries, keys, values = ("query", "key", "value") if "key" in n else ("query_part", "key_part", "value_part")
    shared = integers("Shared", *(i * groups // heads for i in range(heads)))
    return f"""{integers("Flat", -1)}{_parts(n, heads * size, groups * size)}{shared}
        {split_heads(queries, "Q_straight", heads, size)}
        {split_heads(keys, "K_straight", groups, size)}
        {split_heads(values, "V_groups", groups, size)}{_turned(n)}
        K = Gather <axis: int = 1> (K_groups, Shared)
        V = Gather <axis: int = 1> (V_groups, Shared){attend(n, size, size, partial(earlier, n))}"""


def _parts(n: Fused, queries: int, keys: int) -> str:
    """Return lines that split an input which holds queries, keys and values side by side."""
    if "key" in n:
        return ""
    return f"""{integers("Parts", queries, keys, keys)}
        query_part, key_part, value_part = Split <axis: int = -1> (query, Parts)"""


def _turned(n: Fused) -> str:
    """Return lines for Q and K_groups, turned by their positions 0, 1, ... where the attribute do_rotary says so."""
    if not n["do_rotary"]:
        return """
        Q = Identity (Q_straight)
        K_groups = Identity (K_straight)"""
    turn = f"RotaryEmbedding <interleaved: int = {n['rotary_interleaved'] or 0}>"
    return f"""{integers("Front", 0)}
        First = Constant <value_int: int = 0> ()
        Next = Constant <value_int: int = 1> ()
        RowsOf = Shape <start: int = 0, end: int = 1> (query)
        TokensOf = Shape <start: int = 1, end: int = 2> (query)
        Behind = Squeeze (TokensOf)
        Steps = Range (First, Behind, Next)
        Line = Unsqueeze (Steps, Front)
        Sizes = Concat <axis: int = 0> (RowsOf, TokensOf)
        Places = Expand (Line, Sizes)
        Q = {turn} (Q_straight, cos_cache, sin_cache, Places)
        K_groups = {turn} (K_straight, cos_cache, sin_cache, Places)"""
