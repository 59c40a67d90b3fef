"""What the numbers of a method mean is said in the record, the text of an explanation and inspect."""

import json

import numpy as np
import onnx
import pytest
from cli.test_inspect import inspect
from graph.test_half import W, in_type
from nets import digits, network, node
from onnx import TensorProto
from passes.quantised.files import X, static

import onnxplain as ox
from onnxplain.method.meaning import EXACT, GATED, PASSED, STAIRCASE
from onnxplain.rules.lrp import keep

SAID = {
    "gradient": (STAIRCASE,),
    "smoothgrad": (STAIRCASE,),
    "grad_cam": (STAIRCASE,),
    "guided_backprop": (STAIRCASE, GATED),
    "lrp.epsilon": (PASSED,),
    "deeplift": (EXACT,),
    "occlusion": (),
}


@pytest.mark.parametrize("method", SAID)
def test_a_quantised_network(method):
    options = {"force": True} if method == "guided_backprop" else {}
    if method == "smoothgrad":
        options = {"samples": 2}
    e = ox.explain(ox.load(static("qdq")), X[:1], method, target=0, **options)
    assert set(e.meaning) == set(SAID[method])
    assert e.record["meaning"] == list(e.meaning)
    assert all(each in e._repr_html_() for each in e.meaning)


def test_a_composite_of_ones_own_is_told_by_its_rules():
    from onnxplain.method.backward import GRADIENT
    from onnxplain.plan.selector import op

    mine = ox.Composite(GRADIENT, ((op("onnxplain::FakeQuantize") | op("onnxplain::FakeQuantizeRelu"), keep),))
    assert ox.explain(ox.load(static("qdq")), X[:1], mine, target=0).meaning == (PASSED,)


def test_half_precision_and_what_has_nothing_to_be_said():
    proto = in_type(TensorProto.FLOAT16, [node("MatMul", "x w", "y")], {"w": W.astype(np.float16)})
    (said,) = ox.explain(ox.load(proto), np.ones((1, 4), "f"), "occlusion").meaning
    assert "float16, computed with in float32" in said
    assert ox.Explainer(digits(), "gradient")(np.zeros((1, 1, 16, 16), "f")).meaning == ()


def test_the_command_line(tmp_path):
    onnx.save(static("qdq"), path := tmp_path / "net.onnx")
    report = json.loads(inspect(path, "--json").stdout)
    assert report["meaning"]["deeplift"] == [EXACT] and report["meaning"]["occlusion"] == []
    text = " ".join(inspect(path).stdout.split())
    assert "what the numbers mean:" in text and STAIRCASE in text
    plain = network([node("MatMul", "x w", "y")], (1, 4), {"w": W})
    onnx.save(plain, path)
    assert "what the numbers mean" not in inspect(path).stdout
