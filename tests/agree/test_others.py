"""Methods that weigh a layer or perturb the input, by the engine onnxruntime and in float64."""

from __future__ import annotations

from functools import cache
from itertools import product

import pytest
from agree.networks import CNNS, CORE
from agree.ways import apart
from kinds import kinds

import onnxplain as ox
from onnxplain.method.averages import AverageSpec
from onnxplain.method.cam import CamSpec
from onnxplain.method.registry import METHODS
from onnxplain.method.walk_method import WalkSpec

OTHERS = [name for name, method in METHODS.items() if not isinstance(method, WalkSpec | AverageSpec)]
OTHERS.remove("tree_shap")  # for trees alone, of which these networks have none
FEW = {"steps": 3, "samples": 40, "segments": 4}
WINDOWS = {"window": 3, "stride": 3}
"""Of occlusion: few windows that cover the input."""
# the dynamo network has no pooling over all places, which CAM needs, and smooth activations, which guided maps refuse
UNDEFINED = {("digits_cnn_dynamo", "cam"), ("digits_cnn_dynamo", "guided_grad_cam")}
CASES = [case for case in product(CNNS, OTHERS) if case not in UNDEFINED]
CASES += [("wine_mlp_torch", "occlusion"), ("wine_mlp_torch", "lime"), ("wine_mlp_torch", "kernel_shap")]


@cache
def loaded(name):
    """The model in float32, the model in float64, and an input."""
    source, x = CORE[name]()
    return ox.load(source, engine="onnxruntime"), ox.load(source, precision="float64"), x


def is_default(name, method):
    """A CAM on every network; what runs the network on many perturbed inputs, on two."""
    return name in ("digits_cnn_torch", "wine_mlp_torch") or isinstance(METHODS[method], CamSpec)


@pytest.mark.parametrize(("name", "method"), kinds(CASES, is_default))
def test_every_other_method_agrees(name, method):
    *models, x = loaded(name)
    few = {key: value for key, value in FEW.items() if key in METHODS[method].parameters}
    few |= WINDOWS if method == "occlusion" else {}
    compiled, exact = (ox.explain(model, x, method, **few).attribution for model in models)
    assert apart(compiled, exact) < 1e-5
