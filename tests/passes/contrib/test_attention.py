"""Attention and its standard form compute the same, over its masks, sizes and optional inputs."""

from __future__ import annotations

import numpy as np
import pytest
from passes.contrib.test_forms import agree, case, compare, draw
from passes.same import graph_of

from onnxplain.passes.contrib import contrib, why_left

ROWS, TOKENS, WIDTH, HEADS = 2, 4, 6, 2
INT = np.int32
MASKS = {
    "none": None,
    "of tokens": np.array([[1, 1, 1, 0], [0, 2, 1, 1]], INT),
    "of queries": (np.arange(32).reshape(2, 4, 4) % 3 > 0).astype(INT),
    "lengths": np.array([4, 2], INT),
}
BOUNDS = np.array([4, 3, 1, 0], INT)


def attention(mask=None, sizes=(6, 6, 6), bias=True, shift=None, **attrs):
    inputs = {
        "input": draw(ROWS, TOKENS, WIDTH),
        "weights": draw(WIDTH, sum(sizes)),
        "bias": draw(sum(sizes)) if bias else None,
        "mask_index": mask,
        "past": None,
        "attention_bias": shift,
    }
    return case("Attention", attrs={"num_heads": HEADS, **attrs}, **inputs)


@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("mask", [*MASKS.values(), BOUNDS], ids=[*MASKS, "bounds"])
def test_masks(mask, causal):
    assert "Softmax" in compare(*attention(mask, unidirectional=causal))
    assert "Softmax" in compare(*attention(mask, unidirectional=causal, mask_filter_value=-2.0))


@pytest.mark.parametrize("sizes", [(6, 6, 6), (4, 4, 8), (2, 2, 2)])
def test_sizes_of_queries_keys_and_values(sizes):
    assert compare(*attention(MASKS["of tokens"], sizes, qkv_hidden_sizes=list(sizes), scale=0.7))


def test_without_a_bias():
    assert compare(*attention(bias=False))


@pytest.mark.parametrize("shape", [(2, 2, 4, 4), (1, 2, 4, 4), (2, 1, 4, 4), (1, 1, 4, 4)])
def test_scores_that_are_shifted(shape):
    assert compare(*attention(MASKS["of tokens"], shift=draw(*shape), unidirectional=1))


def several(mask=None, bias=True, keys=5, values=8, shift=None, outputs=1, **attrs):
    inputs = {
        "query": draw(ROWS, TOKENS, WIDTH),
        "key": draw(ROWS, keys, WIDTH),
        "value": draw(ROWS, keys, values),
        "bias": draw(2 * WIDTH + values) if bias else None,
        "key_padding_mask": mask,
        "attention_bias": shift,
    }
    return case("MultiHeadAttention", outputs, attrs={"num_heads": HEADS, **attrs}, **inputs)


@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_masks_of_keys(mask, causal):
    assert "Softmax" in compare(*several(mask, keys=4, unidirectional=causal))


def test_keys_of_another_text():
    assert compare(*several(values=4, scale=0.3))
    assert compare(*several(bias=False, shift=draw(2, 2, 4, 5)))


def test_keys_and_values_are_outputs():
    assert compare(*several(outputs=3))


def test_keys_that_have_heads():
    inputs = {"query": draw(2, 4, 6), "key": draw(2, 2, 5, 3), "value": draw(2, 2, 5, 3)}
    assert agree("MultiHeadAttention", attrs={"num_heads": 2}, **inputs)


def left(proto):
    """Why the only node of a model stays as it is."""
    graph = graph_of(proto)
    assert contrib(graph) == 0
    return why_left(graph.nodes[0])


def test_states_of_earlier_tokens_have_no_form():
    proto, _ = attention()
    proto.graph.node[0].input[4] = "input"
    assert left(proto) == "it has the input 'past'"


def test_what_else_has_no_form():
    assert "turns its queries" in left(attention(do_rotary=1)[0])
    assert "has 4 axes" in left(attention(np.zeros((2, 1, 4, 4), INT))[0])
    assert "do not split" in left(attention(qkv_hidden_sizes=[4, 4, 4])[0])
    packed = case("MultiHeadAttention", query=draw(2, 4, 2, 3, 3), attrs={"num_heads": 2})[0]
    assert "one tensor" in left(packed)


def grouped(size=16, packed=False, last=(3, 3), past=None, bias=None, turned=False, **attrs):
    """GroupQueryAttention of 4 heads over 2 groups. last: the last token of each row that is there."""
    query, key, value = draw(ROWS, TOKENS, 4 * size), draw(ROWS, TOKENS, 2 * size), draw(ROWS, TOKENS, 2 * size)
    inputs = {"query": query, "key": key, "value": value}
    if packed:
        inputs = {"query": np.concatenate([query, key, value], -1), "key": None, "value": None}
    inputs |= {"past_key": past, "past_value": past, "seqlens_k": np.array(last, INT)}
    inputs |= {"total_sequence_length": np.array([TOKENS], INT)}
    inputs |= {"cos_cache": draw(8, size // 2), "sin_cache": draw(8, size // 2)} if turned else {}
    inputs |= {"cos_cache": None, "sin_cache": None, "position_ids": None, "bias": bias} if bias is not None else {}
    proto, feeds = case("GroupQueryAttention", 3, attrs={"num_heads": 4, "kv_num_heads": 2, **attrs}, **inputs)
    del proto.graph.output[1:]
    return proto, feeds


EMPTY = np.zeros((ROWS, 2, 0, 16), "f")
GROUPED = {
    "plain": {},
    "an empty past": {"past": EMPTY},
    "packed": {"packed": True},
    "turned": {"turned": True, "do_rotary": 1},
    "turned in pairs": {"turned": True, "do_rotary": 1, "rotary_interleaved": 1},
    "a window": {"local_window_size": 2},
    "rows of different lengths": {"last": (1, 3)},
    "a cap and a bias": {"softcap": 0.7, "bias": draw(1, 4, TOKENS, TOKENS), "scale": 0.4},
}


@pytest.mark.parametrize("options", GROUPED.values(), ids=GROUPED)
def test_groups_of_heads(options):
    assert "Softmax" in compare(*grouped(**options))


def test_groups_with_a_past_have_no_form():
    assert left(grouped(past=draw(ROWS, 2, 3, 16))[0]) == "it has the input 'past_key'"
    assert "sees later tokens" in left(grouped(smooth_softmax=1)[0])


def test_no_size_within_a_form_has_a_name_of_its_own():
    """Names that two forms had in common would say that their sizes are equal."""
    proto, _ = attention(MASKS["lengths"], unidirectional=1)
    for value, sizes in zip(proto.graph.input, (["N", "L", WIDTH], None, None, ["N"]), strict=True):
        for dim, size in zip(value.type.tensor_type.shape.dim, sizes or (), strict=False):
            dim.CopyFrom(type(dim)(dim_param=size) if isinstance(size, str) else type(dim)(dim_value=size))
    graph = graph_of(proto)
    assert contrib(graph) == 1
    named = {size for value in graph.tensors().values() for size in value.shape or () if isinstance(size, str)}
    assert named == {"N", "L"}
