"""Token ids are explained at their embedding, whatever else a network computes from them and from other inputs."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxplain as ox

RNG = np.random.default_rng(7)
IDS = np.array([[5, 2, 7, 0], [1, 8, 3, 4]])
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1]])
WEIGHTS = {
    "table": RNG.normal(size=(9, 5)).astype("f"),
    "places": RNG.normal(size=(6, 5)).astype("f"),
    "types": RNG.normal(size=(2, 5)).astype("f"),
    "head": RNG.normal(size=(5, 3)).astype("f"),
}
CONSTANTS = """int64 zero = {0}, int64 one = {1}, int64 along = {1}, int64[1] tokens = {1}, int64[1] last = {2},
    float big = {-10000.0}, float unit = {1.0}"""
EMBEDDED = "e = Gather(table, input_ids)"
BY_MASK = """
    real = Cast<to = 1>(attention_mask) wide = Unsqueeze(real, last)
    kept = Mul(h, wide) mean = ReduceMean<keepdims = 0>(kept, tokens) y = MatMul(mean, head)"""
PLACES = """
    there = Equal(input_ids, zero) not = Not(there) number = Cast<to = 7>(not) sum = CumSum(number, along)
    place = Mul(sum, number) p = Gather(places, place)"""


def loaded(inputs, nodes, **options):
    """A model of these inputs and nodes, [N, 3] scores, and the weights above."""
    text = f'<ir_version: 10, opset_import: ["" : 21]> net ({inputs}) => (float[N, 3] y) <{CONSTANTS}> {{{nodes}}}'
    model = onnx.parser.parse_model(text)
    model.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in WEIGHTS.items())
    return ox.load(model, precision="float64", **options)


def by_mask():
    """The gradient of the score 1 of a masked mean of embeddings, by token."""
    return MASK * np.linalg.norm(WEIGHTS["head"][:, 1].astype(float)) / 4


IDS_AND_MASK = "int64[N, L] input_ids, int64[N, L] attention_mask"


@pytest.mark.parametrize(
    ("inputs", "nodes"),
    [
        (IDS_AND_MASK, EMBEDDED + " h = Identity(e)" + BY_MASK),
        (IDS_AND_MASK, EMBEDDED + PLACES + " h = Add(e, p)" + BY_MASK),
        (
            IDS_AND_MASK + ", int64[N, L] token_type_ids",
            EMBEDDED + " t = Gather(types, token_type_ids) h = Add(t, e)" + BY_MASK,
        ),
        ("int64[N, L] input_ids, float[N, L] attention_mask", EMBEDDED + " h = Identity(e)" + BY_MASK),
        ("int64[s1, s2] input_ids, int64[s3, s4] attention_mask", EMBEDDED + " h = Identity(e)" + BY_MASK),
    ],
    ids=["mask", "places by CumSum", "types", "float mask", "symbols of their own"],
)
def test_each_token_is_explained_at_its_embedding(inputs, nodes):
    model = loaded(inputs, nodes)
    given = {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": MASK}
    feeds = {value.name: given[value.name] for value in model.canonical.graph.inputs}
    assert (model.root, model.explained_input.name) == ("e", "input_ids")
    e = ox.explain(model, feeds, "gradient", target=1)
    np.testing.assert_allclose(e.attribution, by_mask(), rtol=1e-12)
    (note,) = e.record["input"]["notes"]
    assert note.startswith("input_ids is explained at 'e'; what else is computed from 'attention_mask'") or "p" in nodes
    for i in range(2):
        alone = ox.explain(model, {name: each[i : i + 1] for name, each in feeds.items()}, "gradient", target=1)
        np.testing.assert_allclose(alone.attribution[0], e.attribution[i], rtol=1e-12)
    assert abs(ox.explain(model, feeds, "deeplift", target=1).delta).max() < 1e-12


def test_an_embedding_that_is_put_together_of_several_lookups_is_explained_as_one():
    """Characters are looked up under several hashes, and what is found is joined."""
    nodes = """
        bucket = Mod(input_ids, five) a = Gather(table, bucket) b = Gather(places, bucket)
        both = Concat<axis = 2>(a, b) mean = ReduceMean<keepdims = 0>(both, tokens) y = MatMul(mean, long)"""
    nodes = "five = Constant<value_int = 5>() long = Concat<axis = 0>(head, head)" + nodes
    model = loaded("int64[N, L] input_ids", nodes)
    assert model.root == "both"
    e = ox.explain(model, IDS, "input_x_gradient", target=1)
    head = WEIGHTS["head"][:, 1].astype(float)
    parts = [WEIGHTS[name][IDS % 5].astype(float) @ head / 4 for name in ("table", "places")]
    np.testing.assert_allclose(e.attribution, sum(parts), rtol=1e-10)


def test_of_two_inputs_that_are_looked_up_one_is_named():
    nodes = """
        u = Gather(table, user) i = Gather(places, item) both = Mul(u, i)
        mean = ReduceMean<keepdims = 0>(both, tokens) y = MatMul(mean, head)"""
    inputs = "int64[N, L] user, int64[N, L] item"
    with pytest.raises(ox.errors.UsageError, match="several inputs reach the scores: 'user', 'item'"):
        _ = loaded(inputs, nodes).root
    assert loaded(inputs, nodes, input="item").root == "i"


def test_lookups_that_meet_in_the_network_alone_are_refused_by_name():
    nodes = """
        a = Gather(table, input_ids) b = Gather(places, input_ids) f = Relu(a) g = Tanh(b) h = Add(f, g)
        mean = ReduceMean<keepdims = 0>(h, tokens) y = MatMul(mean, head)"""
    with pytest.raises(ox.errors.UnsupportedModelError, match="first float values behind it: 'a', 'b'"):
        _ = loaded("int64[N, L] input_ids", nodes).root


def test_an_embedding_with_the_tokens_first_is_refused_by_name():
    """Its axes are those of the input in another order, also where a batch is as long as its texts."""
    nodes = """
        turned = Transpose(input_ids) e = Gather(table, turned) real = Cast<to = 1>(attention_mask) m = Transpose(real)
        wide = Unsqueeze(m, last) kept = Mul(e, wide) first = Constant<value_ints = [0]>()
        mean = ReduceMean<keepdims = 0>(kept, first) y = MatMul(mean, head)"""
    with pytest.raises(ox.errors.UnsupportedModelError, match="first float values behind it: 'e', 'real'"):
        _ = loaded(IDS_AND_MASK, nodes).root
