"""The standard form of an embedding that turns queries and keys by an angle for each position, of com.microsoft."""

from __future__ import annotations

from onnxplain.passes.contrib.form import CannotError, Fused, integers, standard


@standard(
    "RotaryEmbedding",
    "input position_ids cos_cache sin_cache -> output",
    interleaved=0,
    num_heads=0,
    rotary_embedding_dim=0,
    scale=1.0,
)
def _rotary(n: Fused) -> str:
    """Return the form. A single position is that of the first token; the others follow it."""
    if n["is_packed_batching"]:
        raise CannotError("its rows are packed")
    if n["scale"] != 1:
        raise CannotError("its scale is not 1")
    rank = len(n.shape("input"))
    ids = """
        Positions = Identity (position_ids)"""
    if len(n.shape("position_ids")) == 1:
        tokens = rank - 2
        ids = f"""{integers("First", 0)}
        Start = Constant <value_int: int = 0> ()
        Step = Constant <value_int: int = 1> ()
        Rows = Shape <start: int = 0, end: int = 1> (input)
        TokenCount = Shape <start: int = {tokens}, end: int = {tokens + 1}> (input)
        End = Squeeze (TokenCount)
        Steps = Range (Start, End, Step)
        Row = Add (Steps, position_ids)
        Line = Unsqueeze (Row, First)
        Sizes = Concat <axis: int = 0> (Rows, TokenCount)
        Positions = Expand (Line, Sizes)"""
    heads = _heads(n, rank)
    stated = (
        f"interleaved = {n['interleaved']}, num_heads = {heads}, rotary_embedding_dim = {n['rotary_embedding_dim']}"
    )
    return f"""{ids}
        output = RotaryEmbedding <{stated}> (input, cos_cache, sin_cache, Positions)"""


def _heads(n: Fused, rank: int) -> int:
    """Return how many heads the last axis of an input [rows, tokens, heads · size] holds; 0 where heads are an axis."""
    if rank == 4:
        return 0
    if n["num_heads"]:
        return int(n["num_heads"])
    return n.size("input", 2) // (2 * n.size("cos_cache", 1))
