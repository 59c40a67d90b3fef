"""ONNX's own node test cases, written for every older opset: what is explained is what the untouched file computes.

Each case is restated for each version of its operators that opsets 7 to 24 know. Where ONNX's checker accepts that and
onnxruntime runs it, the converted model has to give the same values. Where its first floats can be explained by their
gradient, that has to agree with finite differences of the untouched file.
"""

import re
from collections import defaultdict
from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest
from nodecases import collected, restated
from onnx import helper, numpy_helper

import onnxplain as ox
from onnxplain.errors import OnnxplainError, UnsupportedModelError
from onnxplain.graph.upgrade import upgrade
from onnxplain.graph.versions import OPSET, history, version

OLDEST = 7
RANDOM = {"Bernoulli", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial"}
NOT_RUN = {"RoiAlign": "onnxruntime has no RoiAlign of opset 22", "LpNormalization": "onnxruntime 1.24 has none of 22"}
REFUSED = {("Scan", 8)}
STEP = 1e-2


@cache
def by_operator():
    """Operator -> the cases whose first node has it, each with the opsets that tell its versions apart."""
    found = defaultdict(list)
    for case in collected():
        nodes = case.model.graph.node
        operators = {node.op_type for node in nodes}
        if not case.data_sets or operators & RANDOM or any(node.domain for node in nodes):
            continue
        opsets = {max(OLDEST, version(op, opset) or 0) for op in operators for opset in range(OLDEST, OPSET + 1)}
        found[nodes[0].op_type].append((case, sorted(opsets)))
    return found


OPERATORS = sorted({op for op, known in history().items() if known[0] <= OPSET} - RANDOM)


def sessions(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def computed(case, opset):
    """A case at an opset: its model, its inputs, and what onnxruntime computes; None where it is none there."""
    model, feeds = restated(case, opset)
    try:
        onnx.checker.check_model(model, full_check=True)
        return model, feeds, sessions(model).run(None, feeds)
    except Exception:  # noqa: BLE001  # the checker's errors and onnxruntime's share no base
        return None


def same(wanted, got):
    if isinstance(wanted, (list, tuple)):
        assert len(wanted) == len(got)
        for a, b in zip(wanted, got, strict=True):
            same(a, b)
        return
    a, b = np.asarray(wanted), np.asarray(got)
    assert (a.dtype, a.shape) == (b.dtype, b.shape)
    if a.dtype.kind in "fiub":
        np.testing.assert_allclose(b.astype("d"), a.astype("d"), rtol=1e-4, atol=1e-5)
    else:
        assert (a == b).all()


def once(check):
    """Remember what a check found of a case at an opset: the thorough tests meet again what the quick ones checked."""
    known = {}

    def remembered(case, opset, *rest):
        key = id(case), opset
        if key not in known:
            known[key] = check(case, opset, *rest)
        return known[key]

    return remembered


@once
def compare(case, opset, op):
    """Compare a case with its conversion; return whether there was something to compare."""
    found = computed(case, opset)
    if found is None:
        return False
    model, feeds, wanted = found
    optional = any(each.type.HasField("optional_type") for each in model.graph.input)
    if (op, opset) in REFUSED or optional:
        with pytest.raises(UnsupportedModelError, match="optional_type" if optional else f"{op} .* opset {opset}"):
            upgrade(model)
        return True
    after = sessions_or_skip(op, upgrade(model))
    if after is not None:
        same(wanted, after.run(None, feeds))
    return True


def sessions_or_skip(op, model):
    """The session of a converted model; None where onnxruntime lacks the newest version of the operator."""
    try:
        return sessions(model)
    except Exception as error:
        if op in NOT_RUN and "NOT_IMPLEMENTED" in str(error):
            return None
        raise


@pytest.mark.parametrize("op", OPERATORS)
def test_an_operator_in_each_version(op):
    """The first case of an operator that runs in each version."""
    left = {max(OLDEST, version(op, opset) or 0) for opset in range(OLDEST, OPSET + 1) if version(op, opset)}
    for case, _ in by_operator()[op][:12]:
        left -= {opset for opset in sorted(left) if compare(case, opset, op)}


@pytest.mark.slow
@pytest.mark.parametrize("op", OPERATORS)
def test_all_cases_of_an_operator_in_each_version(op):
    for case, opsets in by_operator()[op]:
        for opset in opsets:
            compare(case, opset, op)


def classifier(model, feeds, wanted):
    """A case as a classifier: from one row of its first floats to two sums of its first output, and that row.

    All other inputs are constants. None where there are no such floats.
    """
    name = next((key for key, value in feeds.items() if getattr(value, "dtype", None) == np.float32), None)
    y = wanted[0] if isinstance(wanted[0], np.ndarray) else np.zeros(0)
    if name is None or not feeds[name].size or not y.size or y.dtype != np.float32 or not np.isfinite(y).all():
        return None
    x, graph = feeds[name], onnx.GraphProto(name="classifier")
    weights = {
        f"{name}/shape": np.array(x.shape, np.int64),
        "score/row": np.array([1, y.size], np.int64),
        "score/w": np.random.default_rng(0).standard_normal((y.size, 2)).astype("f"),
        **{key: value for key, value in feeds.items() if key != name},
    }
    graph.initializer.extend(numpy_helper.from_array(np.asarray(value), key) for key, value in weights.items())
    graph.input.append(helper.make_tensor_value_info(f"{name}/row", onnx.TensorProto.FLOAT, [1, x.size]))
    graph.output.append(helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, [1, 2]))
    graph.node.append(helper.make_node("Reshape", [f"{name}/row", f"{name}/shape"], [name]))
    graph.node.extend(model.graph.node)
    graph.node.append(helper.make_node("Reshape", [model.graph.output[0].name, "score/row"], ["score/flat"]))
    graph.node.append(helper.make_node("MatMul", ["score/flat", "score/w"], ["scores"]))
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=8), x.reshape(1, -1)


def difference(session, x, direction, step):
    """The derivative of the first score along a direction, by central differences in units of float32."""
    (name,) = (each.name for each in session.get_inputs())
    after, before = (session.run(None, {name: (x + way * step * direction).astype("f")})[0] for way in (1, -1))
    return float(after[0, 0] - before[0, 0]) / (2 * step)


def converted(model):
    """The bytes of what is explained; of a model that is refused, its own."""
    try:
        return upgrade(model).SerializeToString(deterministic=True)
    except OnnxplainError:
        return model.SerializeToString(deterministic=True)


EXPLAINED = set()
"""What was explained of a case in another opset, and need not be once more: `compare` looks at how it was converted."""


@once
def gradient(case, opset):
    """Compare the gradient of a case with differences; return whether there was a gradient or a refusal to look at."""
    found = computed(case, opset)
    made = found and classifier(*found)
    if not made:
        return False
    model, x = made
    if (known := converted(model)) in EXPLAINED:
        return True
    EXPLAINED.add(known)
    rng = np.random.default_rng(0)
    x = (x + 0.03 * rng.standard_normal(x.shape)).astype("f")  # many cases lie on a kink or a tie
    try:
        explained = ox.explain(ox.load(model, engine="numpy"), x, "gradient", target=0).attribution
    except OnnxplainError as error:
        explained, refusal = None, str(error)
    if explained is None:  # by name: of the node, or of the input without a path of floats
        assert re.search("node '|no path of floats leads from|NaN or Inf", refusal), refusal
        return True
    session = sessions(model)
    for _ in range(2):
        direction = rng.choice([-1.0, 1.0], x.shape)
        wide, narrow = (difference(session, x, direction, step) for step in (STEP, STEP / 4))
        size = np.abs(explained).sum() + 1e-3
        if abs(wide - narrow) < 1e-2 * size:  # otherwise a kink lies between, or the digits of float32 end
            slope = float((explained * direction).sum())
            assert abs(slope - narrow) < 3e-2 * size, (case.name, opset, slope, narrow)
    return True


@pytest.mark.parametrize("op", OPERATORS)
def test_the_gradient_of_an_operator_in_its_oldest_version(op):
    """The first case that has one, at the oldest opset that has it."""
    for case, opsets in by_operator()[op][:6]:
        if any(gradient(case, opset) for opset in opsets):
            return


@pytest.mark.slow
@pytest.mark.parametrize("op", OPERATORS)
def test_the_gradients_of_an_operator_in_each_version(op):
    for case, opsets in by_operator()[op][:12]:
        for opset in opsets:
            gradient(case, opset)
