"""Standard forms of layer normalisations with a sum or the embeddings of BERT fused into them.

With LN the LayerNormalization over the last axis, they compute LN(input + skip + bias), and the same with ONNX's
RMSNormalization where the name says "Simplified"; and LN(word + segment + position).
"""

from __future__ import annotations

from onnxplain.passes.contrib.form import CannotError, Fused, integers, standard

_SKIP = "-> output mean inv_std_var sum"


def _summed(n: Fused) -> str:
    """Return lines for sum = input + skip + bias; the bias goes to the operand that is a product without one."""
    if "bias" not in n:
        return """
        sum = Add (input, skip)"""
    first, second = ("skip", "input") if n.made_by("skip", "MatMul") else ("input", "skip")
    return f"""
        Biased = Add ({first}, bias)
        sum = Add (Biased, {second})"""


@standard("SkipLayerNormalization", f"input skip gamma beta bias {_SKIP}", epsilon=1e-12)
def _skip(n: Fused) -> str:
    n.unused("mean", "inv_std_var")
    inputs = "sum, gamma, beta" if "beta" in n else "sum, gamma"
    return f"""{_summed(n)}
        output = LayerNormalization {n.passed("epsilon")} ({inputs})"""


@standard("SkipSimplifiedLayerNormalization", f"input skip gamma bias {_SKIP}", epsilon=1e-12)
def _skip_simplified(n: Fused) -> str:
    n.unused("mean", "inv_std_var")
    return f"""{_summed(n)}
        output = RMSNormalization {n.passed("epsilon")} (sum, gamma)"""


@standard("SimplifiedLayerNormalization", "X scale -> Y inv_std_var", epsilon=1e-5, axis=-1)
def _simplified(n: Fused) -> str:
    n.unused("inv_std_var")
    return f"Y = RMSNormalization {n.passed('epsilon', 'axis')} (X, scale)"


@standard(
    "EmbedLayerNormalization",
    "input_ids segment_ids word_embedding position_embedding segment_embedding gamma beta mask position_ids "
    "-> output mask_index embedding_sum",
    epsilon=1e-12,
    mask_index_type=0,
)
def _embed(n: Fused) -> str:
    """Return the form, with the order of the sum that BERT has.

    Without position_ids the positions are 0, 1, ...; mask_index counts the tokens of each row.
    """
    position = """
        Length = Shape <start: int = 1, end: int = 2> (input_ids)
        Position = Slice (position_embedding, Zero, Length, Zero)"""
    if "position_ids" in n:
        position = """
        Position = Gather (position_embedding, position_ids)"""
    segment = """
        Meant = Identity (Word)"""
    if "segment_ids" in n:
        segment = """
        Segment = Gather (segment_embedding, segment_ids)
        Meant = Add (Word, Segment)"""
    return f"""{integers("Zero", 0)}
        Word = Gather (word_embedding, input_ids){segment}{position}
        embedding_sum = Add (Meant, Position)
        output = LayerNormalization {n.passed("epsilon")} (embedding_sum, gamma, beta){_mask_index(n)}"""


def _mask_index(n: Fused) -> str:
    """Return lines for the number of tokens that the mask leaves in each row, 0 without a mask."""
    if "mask_index" not in n.outputs:
        return ""
    if "mask" not in n:
        return """
        Rows = Shape <start: int = 0, end: int = 1> (input_ids)
        None = ConstantOfShape (Rows)
        mask_index = Cast <to: int = 6> (None)"""
    if n["mask_index_type"] not in (0, 1):
        raise CannotError("its mask_index_type is not known")
    return f"""{integers("One", 1)}
        Counted = ReduceSum <keepdims: int = 0> (mask, One)
        mask_index = Cast <to: int = 6> (Counted)"""
