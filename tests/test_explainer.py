"""The explainer itself: how it is printed, and which models no method explains."""

from __future__ import annotations

import re
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from nets import BUNDLED, DIGITS, digits, network, node, relu_cnn
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError, UnusedWarning
from onnxplain.explainer import KINDS
from onnxplain.method.tree_shap import TreeShapSpec

OF_EACH_KIND = ("gradient", "lrp.epsilon", "integrated_gradients", "blur_ig", "fullgrad", "grad_cam", "occlusion",
                "meaningful_perturbation")  # fmt: skip


def test_an_explainer_says_what_it_explains_by_what():
    wanted = f"Explainer(model={str(BUNDLED / 'digits_cnn_torch.onnx')!r}, method='lrp.gamma', engine='numpy')"
    assert repr(ox.Explainer(digits(engine="numpy"), "lrp.gamma")) == wanted
    loaded = ox.load(relu_cnn()[0])
    assert f"model='sha256 {loaded.sha256[:12]}', method='rise'" in repr(ox.Explainer(loaded, "rise"))


def test_each_kind_of_method_is_tried_here():
    assert {type(ox.Explainer(digits(), name).spec) for name in OF_EACH_KIND} == set(KINDS) - {TreeShapSpec}


@pytest.mark.parametrize("method", OF_EACH_KIND)
@pytest.mark.parametrize(
    ("op", "shape", "said"),
    [("MatMul", None, "'x' of unknown shape"), ("Tanh", ("N",), "'x' of shape [N] has no axes within a row")],
)
def test_a_model_without_parts_of_a_row_is_refused_before_anything_runs(op, shape, said, method):
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    nodes = [node(op, "x w" if op == "MatMul" else "x", "y")]
    model = ox.load(network(nodes, None, {"w": np.ones((4, 3), "f")}, inputs=inputs))
    with pytest.raises(UnsupportedModelError, match=re.escape(said)):
        ox.Explainer(model, method)


def test_few_functions_lie_between_the_input_and_the_session():
    """What a call passes once its input is read: a newcomer who steps through it meets a dozen functions."""
    package, passed, reading = str(Path(ox.__file__).parent), [], True
    explainer = ox.Explainer(digits(), "lrp.epsilon")
    x = np.zeros((1, *explainer.model.input_shape[1:]), "f")
    explainer(x)  # compiles

    def watch(frame, event, _):
        nonlocal reading
        code = frame.f_code
        if event == "return" and code.co_qualname == "Feeds.read":
            reading = False
        if event == "call" and code.co_qualname == "Session.run":  # onnxruntime's
            passed.append("session")
            sys.setprofile(None)
        elif event == "call" and not reading and code.co_filename.startswith(package):
            passed.append(code.co_qualname)

    sys.setprofile(watch)
    try:
        explainer(x)
    finally:
        sys.setprofile(None)
    *ours, last = dict.fromkeys(passed)
    assert last == "session"
    assert len(ours) <= 12, ours


@pytest.mark.parametrize(("method", "reads"), [("gradient", False), ("deeplift", True), ("occlusion", True)])
def test_a_baseline_that_the_method_does_not_read_is_said(method, reads):
    model, image = digits(), DIGITS[0]
    expected = nullcontext() if reads else pytest.warns(UnusedWarning, match=f"{method} reads no baseline")
    with expected:
        ox.Explainer(model, method, baseline=0.5)
    with expected:
        ox.Explainer(model, method)(image, baseline=0.5)
