"""The bodies of Loop and Scan keep the inputs that they do not read, which are passed to them by position."""

from __future__ import annotations

import numpy as np
import onnx.parser
import onnxruntime as ort
from onnx import numpy_helper

import onnxplain as ox


def test_a_loop_whose_body_does_not_read_its_condition_runs():
    """Keras exports GRU and SimpleRNN so; the state would come in the place of the condition."""
    model = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["" : 17]>
        g (float[1, 6, 3] x) => (float[1, 2] y) <int64 n = {6}, bool yes = {1}, float[1, 4] start = {0, 0, 0, 0}> {
        h = Loop (n, yes, start) <body = b (int64 i, bool unread, float[1, 4] before) => (bool go, float[1, 4] after) {
            t = Gather <axis = 1> (x, i)  u = MatMul (t, w)  z = Add (u, before)  after = Tanh (z)  go = Identity (yes)
        }>  y = MatMul (h, v) }""")
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(size=(3, 4)).astype("f"), "v": rng.normal(size=(4, 2)).astype("f")}
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in weights.items())
    x = rng.normal(size=(1, 6, 3)).astype("f")
    due = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    np.testing.assert_allclose(ox.explain(ox.load(model), x, "occlusion").prediction, due, rtol=1e-6)
