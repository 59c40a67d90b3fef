"""Where the rows are said to lie behind each operator, against runs in which one row at a time is changed."""

from __future__ import annotations

import re

import numpy as np
import onnxruntime as ort
import pytest
from passes.same import graph_of, model

from onnxplain.rows.follow import Kind, follow
from onnxplain.rows.place import Place

RNG = np.random.default_rng
N = 5  # no other length is as long

CONSTANTS = {
    "k": RNG(1).normal(size=(2, 3, 1, 1)).astype("f"),
    "w": RNG(2).normal(size=(4, 3)).astype("f"),
    "row": RNG(3).normal(size=(1, 4)).astype("f"),
    "rows": RNG(4).normal(size=(N, 4)).astype("f"),
    "c": RNG(5).normal(size=(4,)).astype("f"),
    "zero": np.array([0]),
    "one": np.array([1]),
    "two": np.array([2]),
    "far": np.array([2**31 - 1]),
    "flat": np.array([0, -1]),
    "all": np.array([-1]),
    "by4": np.array([-1, 4]),
    "joined": np.array([-1, 3]),
    "apart": np.array([-1, 4, 3]),
    "pads": np.array([0, 1, 0, 1]),
    "more": np.array([1, 0, 0, 0]),
    "twice": np.array([1, 2]),
    "ids": np.array([3, 0]),
    "depth": np.array([6]),
    "ends": np.array([0, 1], "f"),
    "table": RNG(6).normal(size=(9, 4)).astype("f"),
    "W": RNG(7).normal(size=(1, 15, 4)).astype("f"),
    "R": RNG(8).normal(size=(1, 15, 5)).astype("f"),
    "B": np.zeros((1, 30), "f"),
}
# by the shape of x: what is computed of it
KEPT = {
    "N,4": [
        "y = Tanh(x)", "y = Add(x, row)", "y = Mul(c, x)", "y = MatMul(x, w)", "y = Gemm<transB=1>(x, rows)",
        "t = Transpose(x) y = Gemm<transA=1>(t, w)", "y = Softmax<axis=1>(x)",
        "y = ReduceSum<keepdims=0>(x, one)", "y = ReduceMax(x, one)", "y = ArgMax<axis=1, keepdims=0>(x)",
        "y = Concat<axis=1>(x, x)", "y = Unsqueeze(x, zero)", "y = Unsqueeze(x, one)", "y = Flatten<axis=1>(x)",
        "y = Transpose(x)", "y = Reshape(x, flat)", "y = Reshape(x, by4)", "y = Slice(x, zero, two, one)",
        "y = Slice(x, zero, far, zero)", "y = Pad(x, pads)", "y = Gather<axis=1>(x, ids)", "y = Tile(x, twice)",
        "y = CumSum(x, one)", "y, i = TopK<axis=1>(x, two)", "y = LayerNormalization(x, c)", "y = Where(b, x, row)",
        "y = Clip(x)", "s = Shape(x) o = Expand(row, s) y = Add(x, o)", "a, y = Split<axis=1, num_outputs=2>(x)",
        "i = ArgMax<axis=1, keepdims=0>(x) y = Gather(table, i)",
        "i = ArgMax<axis=1, keepdims=0>(x) y = OneHot(i, depth, ends)",
        'y = Einsum<equation="ij,jk->ki">(x, w)', 'y = Einsum<equation="ij,ij->i">(x, x)',
        "s = Shape(x) n = Slice(s, one, two) f = Cast<to=1>(n) y = Mul(x, f)",
        "m = ReduceMean(x, one) y = Sub(x, m)", "t = Transpose(x) y = MatMul(left, t)",
        "s = Shape(x) g = Gather(s, one) f = Cast<to=1>(g) y = Mul(x, f)",
    ],
    "N,3,4": [
        "t = Transpose<perm=[1,0,2]>(x) y, h = GRU<hidden_size=5>(t, W, R, B)",
        "t = Transpose<perm=[1,0,2]>(x) z, y = GRU<hidden_size=5>(t, W, R, B)",
        "y = MatMul(x, w)", "y = Transpose<perm=[2,1,0]>(x)",
        "j = Reshape(x, by4) m = MatMul(j, w) y = Reshape(m, apart3)",
        "t = Transpose<perm=[1,0,2]>(x) j = Reshape(t, by4) m = Tanh(j) y = Reshape(m, threerows)",
        "t = Transpose<perm=[0,2,1]>(x) y = MatMul(x, t)", "y = LayerNormalization<axis=1>(x, three4)", "y = Trilu(x)",
    ],
    "N,3,2,2": [
        "y = Conv(x, k)", "y = GlobalAveragePool(x)", "g = GlobalAveragePool(x) y = Squeeze(g, spatial)",
        "y = DepthToSpace<blocksize=1>(x)", "y = MaxPool<kernel_shape=[2,2]>(x)", "y = LRN<size=3>(x)",
        "y = InstanceNormalization(x, o3, o3)", "y = MeanVarianceNormalization<axes=[2,3]>(x)",
    ],
}  # fmt: skip
MIXED = {
    "N,4": [
        "y = MatMul(five, x)", "s = Shape(x) g = Gather(s, zero) f = Cast<to=1>(g) y = Div(x, f)",
        "y = Softmax<axis=0>(x)", "m = ReduceMean(x, zero) y = Sub(x, m)", "y = CumSum(x, zero)", "y = Add(x, rows)",
        "t = Transpose(x) y = MatMul(x, t)", "y = ReduceSum<keepdims=0>(x, zero)", "y = Gather(x, ids)",
        "y = Slice(x, zero, two, zero)", "y = Pad(x, more)", "y = Concat<axis=0>(x, x)", "y = ReduceSum<keepdims=0>(x)",
        "s = Shape(x) f = Cast<to=1>(s) n = Slice(f, zero, one) y = Div(x, n)", "y, i = TopK<axis=0>(x, two)",
        'y = Einsum<equation="ij,jk->k">(x, w)', "t = Transpose(x) y = LayerNormalization(t, n5)",
        "t = Transpose(x) y = MatMul(t, t2)", "y = Concat<axis=1>(x, rows)", "y = GatherElements<axis=1>(x, of_rows)",
        "y = ScatterElements<axis=1>(x, of_rows, two_rows)", "y = Trilu(x)",
    ],
    "N,3,4": ["y, h = GRU<hidden_size=5>(x, W, R, B)", "t = Transpose<perm=[1,0,2]>(x) y = Conv(t, wide)"],
    "N,3,2,2": ["y = MeanVarianceNormalization(x)", "t = Transpose<perm=[1,0,2,3]>(x) y = Conv(t, k5)"],
}  # fmt: skip
CONSTANTS |= {
    "of_rows": RNG(13).integers(0, 4, (N, 1)),
    "two_rows": RNG(14).normal(size=(N, 1)).astype("f"),
    "t2": RNG(9).normal(size=(N, 2)).astype("f"),
    "b": np.array([True, False, True, False]),
    "left": RNG(13).normal(size=(3, 4)).astype("f"),
    "five": RNG(14).normal(size=(3, N)).astype("f"),
    "apart3": np.array([-1, 3, 3]),
    "threerows": np.array([3, -1, 4]),
    "three4": RNG(10).normal(size=(3, 4)).astype("f"),
    "spatial": np.array([2, 3]),
    "o3": np.ones(3, "f"),
    "n5": np.ones(N, "f"),
    "wide": RNG(11).normal(size=(2, N, 1)).astype("f"),
    "k5": RNG(12).normal(size=(2, N, 1, 1)).astype("f"),
}


def followed(shape, text):
    """The model of one text, and what was found of its output y."""
    words = re.findall(r"\w+", text)
    used = {name: values for name, values in CONSTANTS.items() if name in words}
    proto = model(f"(float[{shape}] x) => (float y) {{ {text} }}", **used)
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    proto.graph.output[0].type.tensor_type.ClearField("elem_type")
    graph = graph_of(proto)
    return graph, follow(graph, {"x": 0})


def axes_of_rows(graph, shape):
    """The axes of y of which entry i, and no other, changes with row i of x, for each i."""
    import onnx_graphsurgeon as gs

    session = ort.InferenceSession(gs.export_onnx(graph).SerializeToString(), providers=["CPUExecutionProvider"])
    rng = RNG(0)
    x = rng.normal(size=[N, *map(int, shape.split(",")[1:])]).astype("f")
    before = session.run(None, {"x": x})[0]
    axes = {axis for axis, length in enumerate(before.shape) if length == N}
    for i in range(N):
        changed = x.copy()
        changed[i] = rng.normal(size=x[i].shape)
        after = session.run(None, {"x": changed})[0]
        if after.shape != before.shape:
            return set()
        where = np.argwhere(before != after)
        axes = {axis for axis in axes if set(where[:, axis]) <= {i}}
    return axes


@pytest.mark.parametrize(("shape", "text"), [(shape, text) for shape, texts in KEPT.items() for text in texts])
def test_the_axis_that_holds_the_rows(shape, text):
    graph, found = followed(shape, text)
    place = found["y"]
    assert isinstance(place, Place), found.reasons
    assert place.alone
    assert place.axis in axes_of_rows(graph, shape)


@pytest.mark.parametrize(("shape", "text"), [(shape, text) for shape, texts in MIXED.items() for text in texts])
def test_rows_that_meet_are_found_out(shape, text):
    """Some still change entry by entry: what a row gives then depends on its number, or on how many there are."""
    graph, found = followed(shape, text)
    assert found["y"] is Kind.MET
    assert found.reasons["y"].split()[0] in text
    assert not axes_of_rows(graph, shape) or any(each in text for each in ("rows", "Div", "Gather", "Slice", "Trilu"))
