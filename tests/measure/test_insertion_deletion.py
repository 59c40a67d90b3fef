"""Insertion and deletion: closed forms on a linear model, the heads, and what is filled in."""

from __future__ import annotations

import numpy as np
import pytest
from measure.linear import contribution, linear
from nets import network, node

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.measure.evaluation_set import EvaluationSet
from onnxplain.measure.fill import fill
from onnxplain.measure.insertion_deletion import InsertionDeletion


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


def test_curves_are_of_probabilities_unless_logits_are_asked_for():
    model, x, w = linear()
    found = ox.evaluate(model, x, [contribution], "insertion_deletion", target=1, inserted_into="baseline")
    bias = model.canonical.graph.tensors()["b"].values
    for i, row in enumerate(x):
        order = np.argsort(-(w[1] * row).sum(0).ravel())
        for name, gone in (("insertion", order[::-1]), ("deletion", order)):
            due = []
            for k in range(31):
                there = row.reshape(2, 30).copy()
                there[:, gone[:k]] = 0
                odds = np.exp([(each.reshape(2, 30) * there).sum() + b for each, b in zip(w, bias, strict=True)])
                due.append(odds[1] / odds.sum())
            due = due if name == "deletion" else due[::-1]
            np.testing.assert_allclose(found["insertion_deletion", "contribution"].curves[name][i], due, rtol=1e-6)


@pytest.mark.parametrize("kind", ["blur", "uniform", "baseline"])
@pytest.mark.parametrize(("option", "curve"), [("inserted_into", "insertion"), ("deleted_to", "deletion")])
def test_the_references_are_those_asked_for(option, curve, kind):
    """A blur of a constant picture, and noise in its range, are the picture itself; the baseline is not."""
    model, x, w = linear()
    flat = np.full_like(x, 0.5)
    e = ox.evaluate(model, flat, ["gradient"], "insertion_deletion", target=0, score="logit", **{option: kind})
    found = e["insertion_deletion", "gradient"].curves[curve]
    bias = model.canonical.graph.tensors()["b"].values[0]
    end = found[:, 0 if curve == "insertion" else -1]
    np.testing.assert_allclose(end, bias if kind == "baseline" else bias + 0.5 * w[0].sum(), rtol=1e-6)


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
    starts = [data.score(i, [fill("blur", data, i, data.rng(i))])[0] for i in range(len(x))]
    np.testing.assert_allclose(e["insertion_deletion", "gradient"].curves["insertion"][:, 0], starts)
    table = network([node("Gemm", "x w", "y")], (2, 4), {"w": np.eye(4, dtype="f")})
    e = ox.evaluate(ox.load(table), np.ones((2, 4), "f"), ["input_x_gradient"], "insertion_deletion", score="logit")
    assert e["insertion_deletion", "input_x_gradient"].curves["insertion"][0].tolist() == [0, 1, 1, 1, 1]


@pytest.mark.parametrize("options", [{"deleted_to": None}, {"inserted_into": "grey"}, {"steps": 2.5}, {"score": ""}])
def test_options_are_checked(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        InsertionDeletion(**options)
