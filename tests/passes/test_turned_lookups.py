"""Token ids that a network turns to time first are explained at their embedding, rows first."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort

import onnxplain as ox

RNG = np.random.default_rng(3)
TABLE, HEAD = RNG.normal(size=(9, 4)).astype("f"), RNG.normal(size=(4, 3)).astype("f")
IDS = np.array([[5, 2, 7, 6, 1], [1, 8, 3, 4, 4]])
TEXT = """<ir_version: 10, opset_import: ["" : 21]>
net (int64[N, 5] ids) => (float[N, 3] y) <int64[1] time = {0}> {
    turned = Transpose <perm = [1, 0]> (ids) e = Gather(table, turned) a = Tanh(e)
    mean = ReduceMean <keepdims = 0> (a, time) y = MatMul(mean, head)
}"""


def test_the_embedding_has_the_axes_of_the_ids():
    proto = onnx.parser.parse_model(TEXT)
    weights = {"table": TABLE, "head": HEAD}
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(v, n) for n, v in weights.items())
    model = ox.load(proto, precision="float64")
    assert ("turned_lookups", 1) in model.canonical.applied
    e = ox.explain(model, IDS, "gradient", target=[2, 0])
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(e.prediction, session.run(None, {"ids": IDS})[0], rtol=1e-5)
    due = HEAD.T[[2, 0]][:, None] * (1 - np.tanh(TABLE[IDS].astype(float)) ** 2) / 5
    np.testing.assert_allclose(e.attribution, np.linalg.norm(due, axis=-1), rtol=1e-10)


def test_integers_that_are_looked_up_and_whole_tables_stay():
    text = TEXT.replace("e = Gather(table, turned)", "o = Gather(other, turned) e = Gather(table, o)")
    proto = onnx.parser.parse_model(text)
    other = np.array([3, 1, 4, 1, 5, 8, 2, 6, 7])
    weights = {"table": TABLE, "head": HEAD, "other": other}
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(v, n) for n, v in weights.items())
    assert "turned_lookups" not in ox.load(proto).canonical.changes
