"""Insertion and deletion: closed forms on a linear model, the heads, and the references."""

from __future__ import annotations

import numpy as np
import pytest
from measure.linear import contribution, linear
from nets import network, node

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.measure.evaluation_set import EvaluationSet
from onnxplain.measure.insertion_deletion import InsertionDeletion
from onnxplain.measure.references import reference


def test_the_areas_of_a_linear_model_are_analytic():
    """Into zero and to zero, f is the bias and the sorted contributions of what is there."""
    model, x, w = linear()
    e = ox.evaluate(model, x, [contribution], "insertion_deletion", inserted_into="baseline", score="logit")
    found = e["insertion_deletion", "contribution"]
    bias = model.canonical.graph.tensors()["b"].values
    for i, cls in enumerate(e.target):
        ordered = np.sort((w[cls] * x[i]).sum(0).ravel())[::-1]
        there = bias[cls] + np.cumsum([0, *ordered])
        gone = bias[cls] + ordered.sum() - np.cumsum([0, *ordered])
        np.testing.assert_allclose(found.curves["insertion"][i], there, atol=1e-6)
        np.testing.assert_allclose(found.curves["deletion"][i], gone, atol=1e-6)
        area = (there.sum() - (there[0] + there[-1]) / 2) / (len(there) - 1)
        assert found.values["insertion"][i] == pytest.approx(area, abs=1e-6)


def test_many_positions_go_in_equal_steps():
    model, x, _ = linear()
    kwargs = {"inserted_into": "baseline", "score": "logit"}
    fine, coarse = (
        ox.evaluate(model, x, [contribution], "insertion_deletion", steps=steps, **kwargs)[
            "insertion_deletion", "contribution"
        ]
        for steps in (30, 6)
    )
    np.testing.assert_allclose(coarse.curves["deletion"], fine.curves["deletion"][:, ::5], atol=1e-9)


@pytest.mark.parametrize(("head", "classes"), [("Softmax", 3), ("Sigmoid", 3), (None, 3), ("Sigmoid", 1), (None, 1)])
def test_probabilities_are_those_of_the_file(head, classes):
    import onnxruntime

    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=(2, 5)).astype("f"), {"w": rng.normal(size=(5, classes)).astype("f")}
    nodes = [node("MatMul", "x w", "s"), node(head, "s", "y") if head else node("Identity", "s", "y")]
    data = EvaluationSet.of(ox.load(network(nodes, x.shape, weights)), x, 0, 0.0, 0)
    found = data.score(1, [x[1], 0 * x[1]], "probability")
    file = network([*nodes[:1], node(head or ("Softmax" if classes > 1 else "Sigmoid"), "s", "y")], x.shape, weights)
    session = onnxruntime.InferenceSession(file.SerializeToString(), providers=["CPUExecutionProvider"])
    due = session.run(None, {"x": np.stack([x[1], 0 * x[1]])})[0][:, 0]
    np.testing.assert_allclose(found, due, rtol=1e-5)


def test_a_picture_comes_out_of_a_blur_and_a_table_out_of_the_baseline():
    model, x, _ = linear()
    e = ox.evaluate(model, x, ["gradient"], "insertion_deletion", score="logit", target=0)
    data = EvaluationSet.of(model, x, 0, 0.0, 0)
    starts = [data.score(i, [reference("blur", data, i, data.rng(i))])[0] for i in range(len(x))]
    np.testing.assert_allclose(e["insertion_deletion", "gradient"].curves["insertion"][:, 0], starts)
    table = network([node("Gemm", "x w", "y")], (2, 4), {"w": np.eye(4, dtype="f")})
    e = ox.evaluate(ox.load(table), np.ones((2, 4), "f"), ["input_x_gradient"], "insertion_deletion", score="logit")
    assert e["insertion_deletion", "input_x_gradient"].curves["insertion"][0].tolist() == [0, 1, 1, 1, 1]


@pytest.mark.parametrize("options", [{"deleted_to": None}, {"inserted_into": "grey"}, {"steps": 2.5}, {"score": ""}])
def test_options_are_checked(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        InsertionDeletion(**options)
