"""RNN, GRU and LSTM as Scans compute what onnxruntime computes of the nodes."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from recurrent import ACTIVATIONS, CASES, layer

from onnxplain.passes import canonicalise, export, stepwise
from onnxplain.passes.cells import ACTIVATIONS as KNOWN

NAMES = (
    *("Relu", "Tanh", "Sigmoid", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu"),
    *("Softsign", "Softplus"),
)


def outputs(proto, x):
    return ort.InferenceSession(proto.SerializeToString()).run(None, {"x": x})[0]


def check(op, **given):
    proto, x = layer(op, **given)
    wanted = outputs(proto, x)
    canonical = stepwise(canonicalise(proto))
    assert [node.op for node in canonical.graph.nodes if node.op in ("Scan", op)] in (["Scan"], ["Scan"] * 2)
    onnx.checker.check_model(export(canonical.graph), full_check=True)
    np.testing.assert_allclose(outputs(export(canonical.graph), x), wanted, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(("op", "given"), CASES, ids=str)
def test_attributes_and_inputs(op, given):
    check(op, **given)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("op", ACTIVATIONS)
def test_activations(op, name):
    count = ACTIVATIONS[op]
    given = {"activations": [name] * count, "scale": 0.2}
    check(op, **given)
    check(op, **given, activation_alpha=[0.7, 0.6, 0.5][:count], activation_beta=[0.2, 0.4, 0.3][:count])


def test_all_activations_are_known_and_parameters_go_to_those_that_take_them():
    assert {name.lower() for name in NAMES} == KNOWN
    names = ["LeakyRelu", "Tanh", "Affine", "HardSigmoid", "Elu", "Softsign"]
    check("LSTM", activations=names, activation_alpha=[0.3, 0.9], activation_beta=[0.1], direction="bidirectional")


def test_what_is_not_known_stays():
    proto, _ = layer("RNN")
    graph = proto.graph
    graph.input.append(onnx.helper.make_tensor_value_info("W", 1, (1, 3, 2)))
    kept = [each for each in graph.initializer if each.name != "W"]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    canonical = canonicalise(proto)
    assert stepwise(canonical) is canonical
    assert "RNN" in [node.op for node in canonical.graph.nodes]


def test_inspect_says_how_a_layer_is_walked():
    canonical = stepwise(canonicalise(layer("GRU")[0]))
    assert canonical.ways == {"GRU: step by step, as a Scan of its equations": 1}
