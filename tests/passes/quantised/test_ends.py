"""Scores at the end of their range, and what a quantised file tells of shapes."""

import numpy as np
import onnx
import pytest
from nets import network, node
from onnx import numpy_helper
from passes.quantised.files import FORMS, X, float_twin, static

import onnxplain as ox

every_form = pytest.mark.parametrize("form", [each for each in FORMS if "uint16" not in each])


def narrowed(form, share=0.2):
    """A quantised network whose scores have a range that ends far below the largest of them."""
    proto = onnx.ModelProto()
    proto.CopyFrom(static(form))
    makers = {name: each for each in proto.graph.node for name in each.output}
    last = makers[proto.graph.output[0].name]
    name = last.input[1]  # of a DequantizeLinear: the scale of the scores
    weight = next(each for each in proto.graph.initializer if each.name == name)
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(share), name))
    return proto


@every_form
def test_a_saturated_score_has_the_gradient_of_the_others(form):
    """Its range was calibrated on other inputs. A clip would make its gradient 0; a wide range has the right one."""
    model = ox.load(narrowed(form))
    e = ox.explain(model, X, "gradient")
    scores = e.prediction
    at_end = scores[np.arange(len(X)), e.target] == scores.max()
    assert at_end.all(), "the scores that are explained lie at the end of their range"
    wanted = ox.explain(ox.load(static(form)), X, "gradient", target=e.target.tolist()).attribution
    assert (np.abs(wanted).max((1, 2, 3)) > 0).all()
    np.testing.assert_allclose(e.attribution, wanted, atol=1e-5 * np.abs(wanted).max())


@every_form
def test_deeplift_still_completes_on_the_saturated_scores(form):
    e = ox.explain(ox.load(narrowed(form)), X, "deeplift", target=0)
    assert np.abs(e.delta).max() < 1e-4 * np.abs(e.prediction).max()


@every_form
def test_classes_and_shapes_are_known_as_in_the_float_network(form):
    model, twin = ox.load(static(form)), ox.load(float_twin())
    assert model.classes == twin.classes == 5
    ours, theirs = (ox.Explainer(each, "grad_cam", relu=False)(X, 1) for each in (model, twin))
    assert ours.raw.shape == theirs.raw.shape
    assert np.corrcoef(ours.raw.ravel(), theirs.raw.ravel())[0, 1] > 0.5, "the same layer"
    a, b = ox.compare([twin, model], X[:1], "grad_cam").rows
    assert a["grad_cam"].labels == b["grad_cam"].labels


def test_a_rectifier_in_front_of_scores_stays():
    """Scores that a ReLU made, at 0, have no gradient; those at the upper end have one."""
    nodes = [
        node("MatMul", "x w", "m"),
        node("QuantizeLinear", "m s z", "q"),
        node("DequantizeLinear", "q s z", "y"),
    ]
    given = {"w": np.float32([[1, -1, 3], [1, -1, 3]]), "s": np.float32(0.01), "z": np.uint8(0)}
    model = ox.load(network(nodes, (1, 2), given, opset=19))
    e = [ox.explain(model, np.ones((1, 2), "f"), "gradient", target=i) for i in range(3)]
    assert [each.attribution.tolist() for each in e] == [[[1, 1]], [[0, 0]], [[3, 3]]]
    assert e[2].score == pytest.approx(2.55)
