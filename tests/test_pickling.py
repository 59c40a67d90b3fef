"""Models, explainers, explanations and plans can be pickled, and say the same bits in another process."""

from __future__ import annotations

import multiprocessing
import pickle

import numpy as np
import pytest
from nets import BUNDLED, DIGITS, digits, network, node, relu_cnn

import onnxplain as ox
from onnxplain.method.backward import table_lrp
from onnxplain.plan.selector import first, op
from onnxplain.rules import attention, deeplift, gradient, lrp, relu

METHODS = ["gradient", "lrp.epsilon_plus_flat", "deeplift", "integrated_gradients", "grad_cam", "occlusion", "cp_lrp"]


def again(thing):
    return pickle.loads(pickle.dumps(thing))  # noqa: S301


def nodes(graph):
    """Everything that a graph says, with its weights."""
    rows = []
    for each in graph.nodes:
        attrs = {name: str(value) for name, value in each.attrs.items()}
        rows.append((each.op, each.name, each.domain or "", attrs, [v.name for v in (*each.inputs, *each.outputs)]))
    values = {
        name: (str(value.dtype), None if value.shape is None else list(value.shape))
        for name, value in graph.tensors().items()
    }
    weights = {name: value.values.tobytes() for name, value in graph.tensors().items() if hasattr(value, "values")}
    ends = [[value.name for value in side] for side in (graph.inputs, graph.outputs)]
    return rows, values, weights, ends, graph.opset


@pytest.mark.parametrize("path", sorted(BUNDLED.glob("*.onnx")), ids=lambda path: path.stem)
def test_the_canonical_graph_of_a_pickled_model_is_the_same(path):
    model = ox.load(path)
    copy = again(model)
    assert nodes(copy.canonical.graph) == nodes(model.canonical.graph)
    assert copy.canonical.changes == model.canonical.changes
    assert (copy.sha256, copy.path, copy.engine, copy.input_shape) == (
        model.sha256, model.path, model.engine, model.input_shape,
    )  # fmt: skip


def test_a_deep_graph_can_be_pickled():
    """Deeper than Python's stack: each node refers to its neighbours."""
    deep = [node("Relu" if i % 2 else "Abs", f"v{i}" if i else "x", f"v{i + 1}") for i in range(3000)]
    model = ox.load(network([*deep, node("MatMul", "v3000 w", "y")], (1, 2), {"w": np.eye(2, dtype="f")}))
    assert len(again(model).canonical.graph.nodes) == len(model.canonical.graph.nodes)


def test_a_model_made_of_a_proto_can_be_pickled():
    proto, x = relu_cnn()
    model = ox.load(proto)
    e, copy = ox.explain(model, x, "lrp.epsilon"), ox.explain(again(model), x, "lrp.epsilon")
    np.testing.assert_array_equal(copy.attribution, e.attribution)


def test_large_weights_are_pickled_once():
    """A weight of more than some thousand elements lies beside the proto, and not in it as well."""
    w = np.random.default_rng(0).normal(size=(300, 300)).astype("f")
    model = ox.load(network([node("MatMul", "x w", "y")], (1, 300), {"w": w}))
    model.source = "elsewhere"
    assert len(pickle.dumps(model)) < 1.1 * w.nbytes
    np.testing.assert_array_equal(again(model).canonical.graph.tensors()["w"].values, w)


@pytest.mark.parametrize("method", METHODS)
def test_a_pickled_explainer_says_the_same_bits(method):
    explainer = ox.Explainer(digits(), method)
    x = DIGITS[:2]
    np.testing.assert_array_equal(again(explainer)(x).attribution, explainer(x).attribution)


def test_an_explainer_of_a_composite_can_be_pickled():
    pairs = ((first & op("Conv"), lrp.Flat()), (~op("Gemm"), lrp.Epsilon(0.1)), (op("Gemm"), lrp.Gamma()))
    own = ox.Composite(table_lrp(1e-6) | {}, pairs[:1] + pairs[2:])
    explainer = ox.Explainer(digits(), own, smooth=1.0)
    copy = again(explainer)
    assert str(copy.plan) == str(explainer.plan)
    np.testing.assert_array_equal(copy(DIGITS[0]).attribution, explainer(DIGITS[0]).attribution)


@pytest.mark.parametrize(
    "rule",
    [gradient.transpose, lrp.keep, relu.guided, deeplift.rescale, attention.taylor, lrp.ZBox(-1, [1.0, 2.0])],
    ids=str,
)
def test_a_rule_is_pickled_by_its_name(rule):
    copy = again(rule)
    assert copy is rule or repr(copy) == repr(rule)


def test_an_explanation_and_its_plan_can_be_pickled():
    e = ox.explain(digits(), DIGITS[0], "lrp.epsilon", book=True)
    copy = again(e)
    np.testing.assert_array_equal(copy.attribution, e.attribution)
    assert str(copy.plan) == str(e.plan) == str(again(e.plan))
    assert str(copy.book) == str(e.book)
    assert copy.to_dict() == e.to_dict()
    assert again(ox.explain(digits(), DIGITS[0], target=ox.Neuron("/Relu_output_0", 1))).target.channel == 1


def explained(job):
    """What a worker does."""
    explainer, path = job
    return explainer(path)


def test_a_spawned_pool_gives_the_same_bits():
    explainer = ox.Explainer(digits(), "lrp.epsilon_plus_flat")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (theirs,) = pool.map(explained, [(explainer, str(DIGITS[0]))])
    ours = explainer(DIGITS[0])
    np.testing.assert_array_equal(theirs.attribution, ours.attribution)
    assert theirs.record["model"] == ours.record["model"]


def test_an_operator_that_the_other_process_does_not_know_is_named(monkeypatch):
    from onnxplain import ops

    ox.register_op("Own", "my.domain", "ELEMENTWISE", slope=lambda x: x)
    data = pickle.dumps(ops.find_op("my.domain", "Own"))
    monkeypatch.delitem(ops._OPS, ("my.domain", "Own"))
    with pytest.raises(ox.errors.UsageError, match=r"no facts about my\.domain::Own: call"):
        pickle.loads(data)  # noqa: S301
