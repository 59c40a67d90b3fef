"""Operators of onnxruntime's own that have no standard form, whatever their inputs and attributes, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.passes.contrib.form import MICROSOFT

if TYPE_CHECKING:
    from collections.abc import Mapping

NHWC = "com.ms.internal.nhwc"
"""The domain of operators whose channels come last, into which onnxruntime writes them for some accelerators."""

_REASONS = {
    "onnxruntime runs it on some GPUs alone: optimise the model for the CPU": """
        BiasAdd BiasDropout BiasSoftmax BiasSplitGelu BitmaskBiasDropout BitmaskDropout FusedMatMulActivation
        GemmFastGelu GroupNorm LongformerAttention PackedAttention PackedMultiHeadAttention RemovePadding RestorePadding
        SkipGroupNorm""",
    "it holds a part of the network that was compiled for one kind of processor, and nothing of that part can be seen: "
    "explain the file that it was compiled from": "EPContext",
    "it generates texts, and only one run of a network is explained": """
        BeamSearch GreedySearch Sampling WhisperBeamSearch DecoderMaskedMultiHeadAttention
        DecoderMaskedSelfAttention PagedAttention""",
    "standard operators do not invert matrices": "Inverse",
}

_WITHOUT: Mapping[str, str] = {name: why for why, names in _REASONS.items() for name in names.split()}


def reason(domain: str | None, op: str) -> str:
    """Return why an operator has no standard form; "" where it is none of onnxruntime's own that are known."""
    if domain == NHWC:
        return "it was laid out for an accelerator: optimise the model for the CPU"
    return _WITHOUT.get(op, "") if domain == MICROSOFT else ""
