"""Which columns move the scores by jumps alone."""

from __future__ import annotations

import numpy as np
import pytest
from passes.same import graph_of, model

import onnxplain as ox
from onnxplain.trees.owners import jumping

ENDS = "l = Slice(x, zero, two, axis) r = Slice(x, two, four, axis)"
WEIGHTS = {name: np.array([i]) for name, i in {"zero": 0, "two": 2, "four": 4, "axis": 1}.items()}
DENSE = {"w": np.arange(8, dtype="f").reshape(4, 2) - 3, "t": np.array([0.5], "f")}


def network(middle):
    text = f"{ENDS} {middle} c = Concat <axis = 1> (l, s) y = MatMul(c, w)"
    return model(f"(float[N,4] x) => (float[N,2] y) {{ {text} }}", **WEIGHTS, **DENSE)


JUMPING = {
    "compared": "m = Greater(r, t) s = Cast <to = 1> (m)",
    "rounded": "s = Floor(r)",
    "chosen by comparison": "m = Less(r, t) s = Where(m, t, t)",
}
SMOOTH = {
    "as they are": "s = Identity(r)",
    "a rectifier by comparison": "m = Greater(r, t) k = Cast <to = 1> (m) s = Mul(r, k)",
    "chosen": "m = Less(r, t) s = Where(m, r, t)",
}


@pytest.mark.parametrize("name", JUMPING)
def test_columns_that_jump_are_found_and_explained_by_kernel_shap(name):
    proto = network(JUMPING[name])
    assert jumping(graph_of(proto), {"x": np.arange(4)[None]}) == {2, 3}
    explainer = ox.Explainer(ox.load(proto))
    assert explainer.spec.name == "kernel_shap" and "2 of 4 columns" in explainer.because


@pytest.mark.parametrize("name", SMOOTH)
def test_columns_with_slopes_are_walked(name):
    proto = network(SMOOTH[name])
    assert jumping(graph_of(proto), {"x": np.arange(4)[None]}) == set()
    assert ox.Explainer(ox.load(proto)).spec.name == "lrp.epsilon_plus_flat"
