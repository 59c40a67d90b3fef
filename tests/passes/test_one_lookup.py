"""An embedding that an encoder and a decoder read, the latter moved by one place, is explained as one."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import onnxplain as ox

RNG = np.random.default_rng(2)
TABLE, HEAD = RNG.normal(size=(9, 4)).astype("f"), RNG.normal(size=(4, 3)).astype("f")
IDS = np.array([[5, 2, 7, 6], [1, 8, 3, 4], [2, 2, 5, 5]])
PLACES = (
    "int64 zero = {0}, int64 start = {6}, int64[1] first = {0}, int64[1] last = {-1}, int64[1] along = {1}, "
    "int64[2] view = {-1, 4}"
)
CONCAT = """
    size = Shape<end = 1>(ids) size2 = Concat<axis = 0>(size, along) six = Expand(start, size2)
    kept = Slice(ids, first, last, along) moved = Concat<axis = 1>(six, kept)"""
SCATTER = """
    zeros = Sub(ids, ids) turned = Transpose(zeros) kept = Slice(ids, first, last, along) rest = Transpose(kept)
    second = Constant<value = int64[3, 1] {1, 2, 3}>() put = ScatterND(turned, second, rest) back = Transpose(put)
    column = Slice(back, first, along, along) six = Add(column, start) index = Sub(six, six)
    begun = ScatterElements<axis = 1>(back, index, six)
    none = Equal(begun, zero) pad = Identity(start) moved = Where(none, pad, begun)"""
BEHIND = """
    e = Gather(table, ids) d = Gather(table, moved) a = Tanh(e) b = Mul(d, d) c = Mul(a, b)
    mean = ReduceMean<keepdims = 0>(c, along) y = MatMul(mean, head)"""


def model(moved):
    text = f'<ir_version: 10, opset_import: ["" : 21]> net (int64[N, 4] ids) => (float[N, 3] y) <{PLACES}>'
    behind = BEHIND.replace("Gather(table, ids)", "Gather(table, seen)") if "seen" in moved else BEHIND
    proto = onnx.parser.parse_model(f"{text} {{{moved}{behind}}}")
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(v, n) for n, v in {"table": TABLE, "head": HEAD}.items()
    )
    return proto


VIEWED = """
    size = Shape<end = 1>(ids) size2 = Concat<axis = 0>(size, along) six = Expand(start, size2)
    seen = Reshape(ids, view) kept = Slice(seen, first, last, along) joined = Concat<axis = 1>(six, kept)
    moved = Reshape(joined, view)"""


@pytest.mark.parametrize("moved", [CONCAT, SCATTER, VIEWED], ids=["Concat", "ScatterND", "views"])
def test_what_a_token_does_in_the_decoder_is_part_of_its_embedding(moved):
    proto = model(moved)
    known = ox.load(proto, precision="float64")
    assert ("one_lookup", 1) in known.canonical.applied
    assert known.root == "e"
    e = ox.explain(known, IDS, "gradient", target=1)
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(e.prediction, session.run(None, {"ids": IDS})[0], rtol=1e-5)
    x, table, head = TABLE[IDS].astype(float), TABLE.astype(float), HEAD[:, 1].astype(float)
    d = np.concatenate([np.broadcast_to(table[6], (3, 1, 4)), x[:, :-1]], 1)
    due = head * (1 - np.tanh(x) ** 2) * d**2 / 4
    due[:, :-1] += (head * np.tanh(x) * 2 * d / 4)[:, 1:]
    np.testing.assert_allclose(e.attribution, np.linalg.norm(due, axis=-1), rtol=1e-10)
    lifted = ox.explain(known, IDS, "deeplift", target=1)
    np.testing.assert_allclose(
        lifted.attribution.sum(1), lifted.score, rtol=1e-10
    )  # at zeros tanh, and the score, is 0


def test_readings_of_two_tables_stay_apart():
    proto = model(CONCAT)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(2 * TABLE, "other"))
    next(node for node in proto.graph.node if node.output[0] == "d").input[0] = "other"
    assert "one_lookup" not in ox.load(proto).canonical.changes
