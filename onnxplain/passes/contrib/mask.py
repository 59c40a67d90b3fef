"""Masks of attention. onnxruntime takes integers of several shapes, and adds a number to the scores of masked tokens.

[rows, keys]              above 0 for a token that is seen, 0 for one that is masked
[rows, queries, keys]     the same for each query
[rows]                    how many tokens of each row are seen, from the first one on
[2 · rows]                where the tokens of each row end, then where they begin
"""

from __future__ import annotations

from onnxplain.passes.contrib.form import CannotError, Fused, integers, number

MASKED = -10000.0
"""What is added to the scores of masked tokens where the attribute mask_filter_value is absent."""

HIDDEN = -3.4028234663852886e38
"""What is added to the scores of tokens that come later, the lowest float."""


def masks(n: Fused, name: str, scores: str, *, causal: bool) -> tuple[str, str]:
    """Return lines that mask scores [rows, heads, queries, keys], and the name of the masked scores.

    name: of the input that masks tokens. causal: whether tokens see those before them alone.
    """
    lines = _positions(scores) if name in n or causal else ""
    if name in n:
        value = MASKED if n["mask_filter_value"] is None else n["mask_filter_value"]
        lines += f"""{_seen(n, name, scores)}{_added("Seen", value, scores, "Masked")}"""
        scores = "Masked"
    if causal:
        lines += f"""
        Earlier = LessOrEqual (Keys, Queries){_added("Earlier", HIDDEN, scores, "Hidden")}"""
        scores = "Hidden"
    return lines, scores


def earlier(n: Fused, scores: str) -> tuple[str, str]:
    """Return lines that mask scores as GroupQueryAttention does, and the name of the masked scores.

    A token sees itself and those before it, as far as `local_window_size` reaches. Of each row the first tokens are
    seen, one more than `seqlens_k` says.
    """
    window, near, seen = n["local_window_size"], "", "There"
    if window > 0:
        seen, near = "Seen", f"""
        Window = Constant <value_int: int = {window}> ()
        Since = Sub (Queries, Window)
        Near = Greater (Keys, Since)
        Seen = And (There, Near)"""  # fmt: skip
    lines = f"""{_positions(scores)}{integers("Between", 1, 2, 3)}
        LastOf = Cast <to: int = 7> (seqlens_k)
        LastFlat = Reshape (LastOf, Flat)
        Last = Unsqueeze (LastFlat, Between)
        Held = LessOrEqual (Keys, Last)
        Before = LessOrEqual (Keys, Queries)
        There = And (Held, Before){near}{_added(seen, HIDDEN, scores, "Hidden")}"""
    return lines, "Hidden"


def _positions(scores: str) -> str:
    """Return lines for Keys [keys] and Queries [queries, 1], the places of both counted from 0, and Zero, a scalar."""
    return f"""{integers("One", 1)}
        Zero = Constant <value_int: int = 0> ()
        Step = Constant <value_int: int = 1> ()
        KeyCount = Shape <start: int = 3, end: int = 4> ({scores})
        QueryCount = Shape <start: int = 2, end: int = 3> ({scores})
        KeyEnd = Squeeze (KeyCount)
        QueryEnd = Squeeze (QueryCount)
        Keys = Range (Zero, KeyEnd, Step)
        Row = Range (Zero, QueryEnd, Step)
        Queries = Unsqueeze (Row, One)"""


def _seen(n: Fused, name: str, scores: str) -> str:
    """Return lines for Seen, which is false where the input of this name masks a token."""
    rank = len(n.shape(name))
    wide = f"""
        Wide = Cast <to: int = 7> ({name})"""
    if rank in (2, 3):
        axes = integers("Between", *range(1, 5 - rank))
        return f"""{wide}{axes}
        Above = Greater (Wide, Zero)
        Seen = Unsqueeze (Above, Between)"""
    if rank != 1:
        raise CannotError(f"its mask {name!r} has {rank} axes")
    return f"""{wide}{_bounds(scores)}
        BeforeEnd = Less (Keys, Ends)
        Begun = GreaterOrEqual (Keys, Begins)
        Seen = And (BeforeEnd, Begun)"""


def _bounds(scores: str) -> str:
    """Return lines for Ends and Begins [rows, 1, 1, 1] from the vector Wide, which may hold the ends alone."""
    return f"""{integers("Between", 1, 2, 3)}{integers("First", 0)}{integers("Last", 2**31 - 1)}
        RowCount = Shape <start: int = 0, end: int = 1> ({scores})
        EndOf = Slice (Wide, First, RowCount)
        Rest = Slice (Wide, RowCount, Last)
        Zeros = ConstantOfShape (RowCount)
        ZerosAs = Cast <to: int = 7> (Zeros)
        RestOrZeros = Concat <axis: int = 0> (Rest, ZerosAs)
        BeginOf = Slice (RestOrZeros, First, RowCount)
        Ends = Unsqueeze (EndOf, Between)
        Begins = Unsqueeze (BeginOf, Between)"""


def _added(seen: str, value: float, scores: str, y: str) -> str:
    """Return lines for y = scores, with `value` added where `seen` is false."""
    return f"""{number(f"{y}_value", value, scores)}{number(f"{y}_zero", 0.0, scores)}
        {y}_added = Where ({seen}, {y}_zero, {y}_value)
        {y} = Add ({scores}, {y}_added)"""
