"""contractions: an Einsum of one operand or of many is what it was, and is walked as products of two."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import onnxplain as ox

SHAPES = {"a": (2, 3, 4), "b": (4, 5), "c": (5, 3), "x": (2, 3, 4)}
EQUATIONS = {
    "nij->nji": "x", "nij->ni": "x", "nij->n": "x", "nij,jk,ki->nik": "x b c", "nij,jk,kl->nil": "x b c",
    "nij,nij,jk->nik": "x x b", "...ij,jk,km->...im": "x b c",
}  # fmt: skip


@pytest.mark.parametrize("equation", EQUATIONS)
def test_an_equation_of_any_number_of_operands(equation):
    rng = np.random.default_rng(0)
    names = EQUATIONS[equation]
    weights = {name: rng.normal(size=SHAPES[name]).astype("f") for name in set(names.split()) - {"x"}}
    z = rng.normal(size=(2, 3, 4)).astype("f")
    nodes = [node("Einsum", names, "e", equation=equation), node("Tanh", "e", "t")]
    operands = (z if name == "x" else weights[name] for name in names.split())
    size = np.einsum(equation, *operands).reshape(2, -1).shape[1]
    weights["flat"] = np.array([-1, size])
    nodes.append(node("Reshape", "t flat", "y"))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 4])]
    proto = network(nodes, None, weights, inputs=inputs)
    evaluator, v, step = ReferenceEvaluator(proto), rng.normal(size=z.shape), 1e-3
    for way in ({}, {"engine": "numpy"}, {"precision": "float64"}):
        loaded = ox.load(proto, **way)
        e, lift = ox.explain(loaded, z, "gradient", 0), ox.explain(loaded, z, "deeplift", 0, baseline=0.2)
        after, before = (evaluator.run(None, {"x": (z + side * step * v).astype("f")})[0][:, 0] for side in (1, -1))
        np.testing.assert_allclose((e.attribution * v).sum((1, 2)), (after - before) / (2 * step), atol=2e-3)
        assert np.abs(lift.delta).max() < 1e-5
