"""Methods that weigh a layer or perturb the input, by the engine onnxruntime and in float64."""

from __future__ import annotations

from itertools import product

import pytest
from agree.networks import CNNS, CORE
from agree.ways import apart

import onnxplain as ox
from onnxplain.method.averages import AverageSpec
from onnxplain.method.registry import METHODS
from onnxplain.method.walk_method import WalkSpec

OTHERS = [name for name, method in METHODS.items() if not isinstance(method, WalkSpec | AverageSpec)]
FEW = {"steps": 3, "samples": 40, "segments": 4}
# the dynamo network has no pooling over all places, which CAM needs, and smooth activations, which guided maps refuse
UNDEFINED = {("digits_cnn_dynamo", "cam"), ("digits_cnn_dynamo", "guided_grad_cam")}
CASES = [case for case in product(CNNS, OTHERS) if case not in UNDEFINED]
CASES += [("wine_mlp_torch", "occlusion"), ("wine_mlp_torch", "lime"), ("wine_mlp_torch", "kernel_shap")]


@pytest.mark.parametrize(("name", "method"), CASES)
def test_every_other_method_agrees(name, method):
    source, x = CORE[name]()
    few = {key: value for key, value in FEW.items() if key in METHODS[method].parameters}
    compiled = ox.explain(ox.load(source, engine="onnxruntime"), x, method, **few)
    exact = ox.explain(ox.load(source, precision="float64"), x, method, **few)
    assert apart(compiled.attribution, exact.attribution) < 1e-5
