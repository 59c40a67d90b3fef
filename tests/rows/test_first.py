"""Files that have their rows on other axes than the first, or none, are explained as their twin with rows first is.

A twin is the same network between ends that have the batch in front. The gradient is compared with finite differences
of the untouched file besides.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from kinds import kinds

import onnxplain as ox
from onnxplain.errors import BadInputError, UnsupportedModelError
from onnxplain.passes import verify

RNG = np.random.default_rng(0)
CONV = {
    "k": RNG.normal(size=(6, 3, 3, 3)).astype("f"),
    "w": RNG.normal(size=(6, 4)).astype("f"),
    "d": RNG.normal(size=(5, 4)).astype("f"),
    **{name: np.array(v) for name, v in {"front": [0], "spatial": [2, 3], "one": [1], "row": [1, 4]}.items()},
}
BODY = "c = Conv<pads=[1,1,1,1]>(a, k) r = Tanh(c) g = GlobalAveragePool(r) f = Flatten(g) s = MatMul(f, w)"
TABLE = "h = Tanh(a) m = ReduceMean<keepdims=0>(h, one) s = MatMul(m, d)"
TWIN = f"(float[N,3,6,6] a) => (float[N,4] s) {{ {BODY} }}", f"(float[N,7,5] a) => (float[N,4] s) {{ {TABLE} }}"
PIXELS, STEPS = (3, 6, 6), (7, 5)
FROM_FRONT, TO_FRONT = "a = Unsqueeze(x, front)", "y = Squeeze(s, front)"
# inputs and outputs of the file, its text, and on which axes its input and its scores have the rows
FILES = {
    "no batch axis": ("float[3,6,6] x", "float[4] y", f"{FROM_FRONT} {BODY} {TO_FRONT}", None, None),
    "channels last, no batch axis": (
        *("float[6,6,3] x", "float[4] y"),
        *(f"t = Transpose<perm=[2,0,1]>(x) a = Unsqueeze(t, front) {BODY} {TO_FRONT}", None, None),
    ),
    "no batch axis and an open length": ("float[T,5] x", "float[4] y", f"{FROM_FRONT} {TABLE} {TO_FRONT}", None, None),
    "a batch of one, scores without": ("float[1,3,6,6] a", "float[4] y", f"{BODY} {TO_FRONT}", 0, None),
    "scores for one row alone": ("float[1,3,6,6] a", "float[1,4] y", f"{BODY} y = Reshape(s, row)", 0, 0),
    "scores transposed": ("float[N,3,6,6] a", "float[4,N] y", f"{BODY} y = Transpose(s)", 0, 1),
    "three rows": ("float[3,3,6,6] a", "float[4,3] y", f"{BODY} y = Transpose(s)", 0, 1),
    "time first": (
        *("float[T,N,5] x", "float[4,N] y"),
        *(f"a = Transpose<perm=[1,0,2]>(x) {TABLE} y = Transpose(s)", 1, 1),
    ),
    "a row stated in a constant": ("float[N,3,6,6] a", "float[1,4] y", f"{BODY} y = Reshape(s, row)", 0, 0),
}
METHODS = (
    *("gradient", "lrp.epsilon", "deeplift", "integrated_gradients", "smoothgrad", "occlusion", "kernel_shap"),
    *("grad_cam", "score_cam", "meaningful_perturbation"),
)
DEFAULT = {("lrp.epsilon", "onnxruntime"), ("occlusion", "onnxruntime"), ("grad_cam", "numpy")}


def model(text):
    proto = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]> g {text}')
    used = text.replace("(", " ").replace(")", " ").replace(",", " ").split()
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(v, n) for n, v in CONV.items() if n in used)
    return proto


def case(name):
    """The file, its twin, an input with rows first in the order of the file's axes, and the same for the twin."""
    given, y, text, axis, _ = FILES[name]
    table = "5]" in given
    rows = 1 if axis is None or "[1," in given else 3
    a = np.random.default_rng(1).normal(size=(rows, *(STEPS if table else PIXELS))).astype("f")
    x = np.moveaxis(a, 1, -1) if "channels last" in name else a
    return model(f"({given}) => ({y}) {{ {text} }}"), model(TWIN[table]), x, a


def as_the_file_has_it(name, x):
    axis = FILES[name][3]
    return x[0] if axis is None else np.ascontiguousarray(np.moveaxis(x, 0, axis))


def settings(method):
    """Few samples, windows of one size."""
    return {
        "smoothgrad": {"samples": 3}, "integrated_gradients": {"steps": 5}, "occlusion": {"window": 3, "stride": 3},
        "kernel_shap": {"samples": 40, "segments": 6}, "meaningful_perturbation": {"steps": 2},
    }.get(method, {})  # fmt: skip


CASES = [
    (name, method, engine)
    for name in FILES
    for method in METHODS
    for engine in ("numpy", "onnxruntime")
    if not ("5]" in FILES[name][0] and method in METHODS[6:])  # a table has no grid
    and not ("channels last" in name and method == "smoothgrad")  # noise is drawn axis by axis
]


@pytest.mark.parametrize(
    ("name", "method", "engine"),
    kinds(CASES, lambda _, *kind: kind in DEFAULT),
)
def test_a_file_is_explained_as_its_twin(name, method, engine):
    proto, twin, x, a = case(name)  # x is a but for the order of its axes
    given = as_the_file_has_it(name, x)[: 2 if "stated" in name else None]
    mine, other = ox.load(proto, engine=engine), ox.load(twin, engine=engine)
    got = ox.explain(mine, given, method, target=2, **settings(method))
    want = ox.explain(other, a[: len(got.attribution)], method, target=2, **settings(method))
    wanted = np.moveaxis(want.attribution, 1, -1) if "channels last" in name else want.attribution
    np.testing.assert_allclose(got.attribution, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got.prediction, want.prediction, rtol=1e-5)
    np.testing.assert_allclose(got.score, want.score, rtol=1e-5)
    assert got.target.tolist() == [2] * len(got.attribution)


@pytest.mark.parametrize("name", FILES)
def test_scores_are_the_files_own_and_gradients_its_slopes(name):
    proto, _, x, _ = case(name)
    x = x[:1] if "stated" in name else x
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    axis = FILES[name][4]

    def scores(rows):
        found = session.run(None, {session.get_inputs()[0].name: as_the_file_has_it(name, rows)})[0]
        return found[None] if axis is None else np.moveaxis(found, axis, 0)

    e = ox.explain(ox.load(proto, engine="numpy"), as_the_file_has_it(name, x), "gradient")
    np.testing.assert_allclose(e.prediction, scores(x), rtol=1e-5)
    assert e.target.tolist() == scores(x).argmax(1).tolist()
    rng = np.random.default_rng(2)
    for _ in range(3):
        way = rng.normal(size=x.shape).astype("f") * 1e-2
        slope = (scores(x + way) - scores(x - way))[np.arange(len(x)), e.target] / 2
        np.testing.assert_allclose((e.attribution * way).reshape(len(x), -1).sum(1), slope, rtol=2e-2, atol=2e-4)


@pytest.mark.parametrize("name", FILES)
def test_what_is_written_and_verified(name, tmp_path):
    """The exported file has rows first at both ends; the prepared graph gives what the file gives."""
    proto, _, x, _ = case(name)
    loaded = ox.load(proto)
    if "stated" not in name:  # random inputs of two rows
        assert verify(proto, loaded.canonical).small
    if "open length" in name or "time first" in name:
        return  # export needs the size
    x = x[:1] if "stated" in name else x
    ox.export(loaded, "lrp.epsilon", tmp_path / "explained.onnx")
    session = ort.InferenceSession(tmp_path / "explained.onnx", providers=["CPUExecutionProvider"])
    scores, attribution = session.run(None, {loaded.explained_input.name: x, "target": np.full(len(x), 2)})
    e = ox.explain(loaded, as_the_file_has_it(name, x), "lrp.epsilon", target=2)
    np.testing.assert_allclose(scores.reshape(len(x), -1), e.prediction, rtol=1e-5)
    np.testing.assert_allclose(attribution, e.attribution, rtol=1e-4, atol=1e-6)


def test_an_input_without_a_batch_axis_is_taken_with_and_without_one_and_named():
    proto, _, x, _ = case("no batch axis")
    loaded = ox.load(proto)
    one, other = (ox.explain(loaded, each, "gradient", target=1) for each in (x, x[0]))
    np.testing.assert_array_equal(one.attribution, other.attribution)
    assert one.attribution.shape == x.shape
    assert one.channel_axis == 1
    assert "x: the file states no batch axis there" in " ".join(one.record["input"]["notes"])
    two = ox.explain(loaded, np.concatenate([x, x + 1]), "gradient", target=1)
    np.testing.assert_array_equal(two.attribution[:1], one.attribution)


def test_a_single_number_is_explained():
    proto = model("(float x) => (float[2] y) { t = Mul(x, x) y = Mul(t, two) }")
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array([2, -3], "f"), "two"))
    e = ox.explain(ox.load(proto), np.float32(1.5), "gradient")
    np.testing.assert_allclose(e.attribution, [6.0])
    np.testing.assert_allclose(e.prediction, [[4.5, -6.75]])


# --- rows that cannot be told apart -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("(float[N,5] x) => (float[N,4] y) { m = ReduceMean(x, front) z = Sub(x, m) y = MatMul(z, d) }", "ReduceMean"),
        ("(float[N,5] x) => (float[N,4] y) { z = Softmax<axis=0>(x) y = MatMul(z, d) }", "Softmax"),
        ("(float[N,5] x) => (float[N,N] y) { t = Transpose(x) y = MatMul(x, t) }", "MatMul"),
        ("(float[3,4,4] x) => (float[3] y) { y = ReduceMean<keepdims=0>(x, last) }", "channels"),
        ("(float[N,7,5] x) => (float[M,4] y) { f = Reshape(x, by5) y = MatMul(f, d) }", "channels"),
    ],
)
@pytest.mark.parametrize("method", ["gradient", "occlusion", "integrated_gradients"])
def test_rows_that_influence_one_another_are_refused(text, said, method):
    proto = model(text)
    for name, values in {"last": [1, 2], "by5": [-1, 5]}.items():
        proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array(values), name))
    with pytest.raises(UnsupportedModelError, match=f"'x'.*{said}"):
        ox.Explainer(ox.load(proto), method)


def test_a_constant_of_one_row_fixes_the_file_to_one():
    """A class token of one row, put before the tokens of each row, fits one row at a time."""
    text = f"c = Concat<axis=1>(t, x) {TABLE.replace('(a)', '(c)')}"
    proto = model(f"(float[N,7,5] x) => (float[N,4] s) {{ {text} }}")
    token = RNG.normal(size=(1, 1, 5)).astype("f")
    proto.graph.initializer.append(onnx.numpy_helper.from_array(token, "t"))
    x = RNG.normal(size=(3, 7, 5)).astype("f")
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    for method in ("gradient", "occlusion"):
        e = ox.explain(ox.load(proto), x, method, target=1)
        wanted = [session.run(None, {"x": x[i : i + 1]})[0][0] for i in range(3)]
        np.testing.assert_allclose(e.prediction, wanted, rtol=1e-5)


def test_a_score_of_all_rows_is_that_of_one_bag():
    """Where the first axis is summed up, the whole input is one row: a bag of instances, a series of any length."""
    proto = model("(float[N,5] x) => (float[1,4] y) { h = Tanh(x) m = ReduceMean(h, front) y = MatMul(m, d) }")
    x = RNG.normal(size=(3, 5)).astype("f")
    e = ox.explain(ox.load(proto), x, "gradient", target=2)
    np.testing.assert_allclose(e.attribution, [(1 - np.tanh(x) ** 2) * CONV["d"][:, 2] / 3], atol=1e-6)


# --- inputs beside ------------------------------------------------------------------------------------------------


def recurrent(state):
    text = (
        f"(float[N,3,4] x, float[{state}] h) => (float[N,5] y) {{ t = Transpose<perm=[1,0,2]>(x) "
        "z, l = GRU<hidden_size=5>(t, W, R, B, , h) y = Squeeze(l, front) }"
    )
    proto, rng = model(text), np.random.default_rng(3)
    for name, shape in {"W": (1, 15, 4), "R": (1, 15, 5), "B": (1, 30)}.items():
        proto.graph.initializer.append(onnx.numpy_helper.from_array(rng.normal(size=shape).astype("f"), name))
    return proto


@pytest.mark.parametrize("state", ["1,1,5", "1,N,5", "D,M,5"])
@pytest.mark.parametrize("engine", ["numpy", "onnxruntime"])
def test_a_state_goes_with_its_row_on_its_own_axis(state, engine):
    """Each window that occlusion hides is a run of the untouched file with the row's own state."""
    proto = recurrent(state)
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    rows = 1 if state == "1,1,5" else 2
    x, h = RNG.normal(size=(rows, 3, 4)).astype("f"), RNG.normal(size=(1, rows, 5)).astype("f")
    e = ox.explain(
        ox.load(proto, input="x", engine=engine), {"x": x, "h": h}, "occlusion", target=1, window=1, stride=1
    )
    whole = session.run(None, {"x": x, "h": h})[0]
    np.testing.assert_allclose(e.prediction, whole, rtol=1e-5, atol=1e-6)
    for place in [(0, 1), (2, 3)]:
        hidden = x.copy()
        hidden[:, *place] = 0
        drop = whole[:, 1] - session.run(None, {"x": hidden, "h": h})[0][:, 1]
        np.testing.assert_allclose(e.attribution[:, *place], drop, atol=1e-5)


def test_a_state_that_does_not_fit_is_named():
    loaded = ox.load(recurrent("1,N,5"), input="x")
    x, h = np.zeros((2, 3, 4), "f"), np.zeros((1, 3, 5), "f")
    with pytest.raises(BadInputError, match="h: 3 rows, and 'x' has 2"):
        ox.explain(loaded, {"x": x, "h": h}, "occlusion")


# --- inner values -------------------------------------------------------------------------------------------------


def test_a_grid_or_a_neuron_whose_first_axis_is_not_the_rows_is_refused_by_name():
    """A layer to attribute to is turned instead; `test_inner.py` has it."""
    proto = model(
        "(float[n,7,5] x) => (float[n,4] y) { s = Sigmoid(x) t = Transpose<perm=[1,0,2]>(s) u = Mul(t, t) "
        "o = MatMul(u, d) y = ReduceMean<keepdims=0>(o, front) }"
    )
    loaded, x = ox.load(proto), np.zeros((7, 7, 5), "f")
    with pytest.raises(UnsupportedModelError, match=r"first axis of 't'.*axis 1"):
        ox.explain(loaded, x, "grad_cam", target=0, layer="t")
    with pytest.raises(UnsupportedModelError, match="first axis of 'u'"):
        ox.explain(loaded, x, "gradient", target=ox.Neuron("u"))
    assert ox.explain(loaded, x, "gradient", target=0, layer="s").attribution.shape == x.shape


# --- what is built on explanations --------------------------------------------------------------------------------


def test_rows_on_another_axis_are_judged_compared_and_exported_row_by_row(tmp_path):
    proto, twin, x, _ = case("time first")
    for text in (proto, twin):
        text.graph.input[0].type.tensor_type.shape.dim[0 if text is proto else 1].dim_value = 7
    mine, other, given = ox.load(proto), ox.load(twin), np.moveaxis(x, 0, 1)
    options = {"methods": ["gradient"], "measures": ["pixel_flipping", "sensitivity"], "steps": 4, "samples": 2}
    found, want = ox.evaluate(mine, given, **options), ox.evaluate(other, x, **options)
    for quantity in ("aopc", "abpc", "max_sensitivity"):
        np.testing.assert_allclose(found.of(quantity)["gradient"], want.of(quantity)["gradient"], rtol=1e-3)
    rows = ox.compare(mine, given, ["gradient"], target=1).rows
    assert len(rows) == len(x)
    path = tmp_path / "explained.onnx"
    ox.export(mine, "deeplift", path, baseline=0.5)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    attribution = session.run(["attribution"], {"x": x, "target": np.full(len(x), 1)})[0]
    e = ox.explain(mine, given, "deeplift", target=1, baseline=0.5)
    np.testing.assert_allclose(attribution, e.attribution, rtol=1e-4, atol=1e-6)
