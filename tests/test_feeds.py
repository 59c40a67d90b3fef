"""What goes with which row, which axis holds channels, and which baselines are refused."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node, relu_cnn
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.errors import BadInputError, NumericalError, UsageError

RNG = np.random.default_rng(0)


def value(name, *shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


# --- rows -------------------------------------------------------------------------------------------------------------

METHODS = ["gradient", "integrated_gradients", "smoothgrad", "occlusion", "deeplift"]


def scaled(size, batch="N"):
    """y = (x w) Σ s, where the second input comes first in the file and is of this size."""
    nodes = [node("MatMul", "x w", "h"), node("ReduceSum", "s", "q", keepdims=0), node("Mul", "h q", "y")]
    inputs = [value("s", size), value("x", batch, 4)]
    return network(nodes, None, {"w": RNG.normal(size=(4, 3)).astype("f")}, inputs=inputs, opset=17)


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", ["M", 3])
def test_an_input_as_long_as_the_batch_is_whole_unless_the_graph_says_rows(size, method, engine):
    model, x = ox.load(scaled(size), input="x", engine=engine), RNG.normal(size=(3, 4)).astype("f")
    s = np.array([1, 10, 100], "f")
    explainer = ox.Explainer(model, method)
    whole = explainer({"x": x, "s": s}, target=1).attribution
    for rows in (slice(0, 1), slice(0, 2)):
        alone = explainer({"x": x[rows], "s": s}, target=1).attribution
        np.testing.assert_allclose(whole[rows], alone, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_a_fixed_batch_beside_an_input_of_a_fixed_length(method):
    free, fixed = (scaled(3, batch) for batch in ("N", 2))
    fixed.graph.initializer[0].CopyFrom(free.graph.initializer[0])
    given = {"x": RNG.normal(size=(3, 4)).astype("f"), "s": np.array([1, 10, 100], "f")}
    got, want = (ox.explain(ox.load(m, input="x"), given, method, target=1).attribution for m in (fixed, free))
    np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize("size", ["N", None])
def test_an_input_of_rows_goes_with_them(size):
    """On y = (x w) s the gradient is w s, row by row; a file that is silent is read by the length."""
    nodes = [node("MatMul", "x w", "h"), node("Mul", "h s", "y")]
    w = RNG.normal(size=(4, 3)).astype("f")
    model = network(nodes, None, {"w": w}, inputs=[value("x", "N", 4), value("s", size, 1)])
    s = np.array([[1], [10], [100]], "f")
    x = RNG.normal(size=(3, 4)).astype("f")
    for method in ("gradient", "smoothgrad"):
        e = ox.explain(ox.load(model, input="x"), {"x": x, "s": s}, method, target=1)
        np.testing.assert_allclose(e.attribution, w[:, 1] * s, rtol=1e-5)


# --- channels ---------------------------------------------------------------------------------------------------------


def convolved(shape, perm=None):
    """A convolution behind a transpose, if any, and a mean over positions."""
    sides, channels = len(shape) - 2, shape[perm[1] if perm else 1]
    nodes = [
        *([node("Transpose", "x", "t", perm=perm)] if perm else []),
        node("Conv", f"{'t' if perm else 'x'} w", "c", pads=[1] * 2 * sides),
        node("GlobalAveragePool", "c", "g"),
        node("Flatten", "g", "y"),
    ]
    weights = {"w": RNG.normal(size=(3, channels, *[3] * sides)).astype("f")}
    return network(nodes, None, weights, inputs=[value("x", "N", *shape[1:])])


@pytest.mark.parametrize(
    ("shape", "perm", "axis"),
    [
        ((2, 4, 5, 6), None, 1),
        ((2, 5, 6, 4), (0, 3, 1, 2), 3),
        ((2, 3, 6, 3), None, 1),
        ((2, 2, 9), None, 1),
        ((2, 9, 2), (0, 2, 1), 2),
        ((2, 2, 4, 5, 6), None, 1),
    ],
)
def test_the_graph_says_where_the_channels_are(shape, perm, axis):
    x = RNG.normal(size=shape).astype("f")
    e = ox.explain(ox.load(convolved(shape, perm)), x, "gradient")
    assert e.channel_axis == axis
    assert e.record["input"]["notes"] == []
    np.testing.assert_allclose(e.relevance, e.attribution.sum(axis))


@pytest.mark.parametrize(("shape", "axis"), [((2, 3, 5, 6), 1), ((2, 5, 6, 3), 3), ((2, 4, 5, 6), 1)])
def test_where_the_graph_is_silent_a_note_says_what_was_taken(shape, axis):
    nodes = [node("Flatten", "x", "f"), node("MatMul", "f w", "y")]
    weights = {"w": RNG.normal(size=(np.prod(shape[1:]), 3)).astype("f")}
    e = ox.explain(ox.load(network(nodes, shape, weights)), RNG.normal(size=shape).astype("f"), "gradient")
    assert e.channel_axis == axis
    assert f"x: axis {axis} is taken for the channels" in e.record["input"]["notes"][0]


# --- baselines --------------------------------------------------------------------------------------------------------

linear = network([node("MatMul", "x w", "y")], (1, 4), {"w": RNG.normal(size=(4, 3)).astype("f")})
TWO = RNG.normal(size=(2, 4)).astype("f")


@pytest.mark.parametrize("baseline", ["abc", [0, [1]], {}, np.nan, np.inf, 1e60, [], np.zeros((0, 4)), np.zeros(3)])
@pytest.mark.parametrize("method", ["integrated_gradients", "expected_gradients", "deepshap", "occlusion", "deeplift"])
def test_baselines_that_are_none(method, baseline):
    model = ox.load(linear)
    with pytest.raises(BadInputError, match="baseline"):
        ox.Explainer(model, method, baseline=baseline)(TWO)
    with pytest.raises(BadInputError, match="baseline"):
        ox.Explainer(model, method)(TWO, baseline=baseline)


def test_no_baseline_is_zero():
    a, b = (ox.Explainer(ox.load(linear), "deeplift", baseline=given)(TWO, target=0) for given in (None, 0.0))
    np.testing.assert_array_equal(a.attribution, b.attribution)


@pytest.mark.parametrize("baseline", [0.5, -1, 256])
def test_whole_numbers_have_whole_baselines_in_their_range(baseline):
    nodes = [node("Cast", "x", "f", to=1), node("MatMul", "f w", "y")]
    weights = {"w": np.ones((4, 3), "f")}
    model = ox.load(network(nodes, None, weights, inputs=[value("x", "N", 4, kind=TensorProto.UINT8)]))
    with pytest.raises(BadInputError, match=r"baseline.*uint8"):
        ox.Explainer(model, "occlusion", baseline=baseline)(np.full((2, 4), 7, "uint8"))


def test_an_average_that_overflows_names_the_row():
    x = np.array([[1, 1, 1, 1], [3e38, 0, 0, 0]], "f")
    with pytest.raises(NumericalError, match="row 1"):
        ox.Explainer(ox.load(linear), "integrated_gradients", baseline=np.array([-3e38, 0, 0, 0], "f"))(x)


def test_the_record_says_the_baseline():
    import hashlib

    model = ox.load(linear)
    array = np.arange(4)
    digest = hashlib.sha256(array.astype("f").tobytes()).hexdigest()
    assert "baseline" not in ox.Explainer(model, "gradient")(TWO).record
    assert ox.Explainer(model, "deeplift", baseline=2)(TWO).record["baseline"] == 2
    assert ox.Explainer(model, "deeplift", baseline=2)(TWO, baseline=3).record["baseline"] == 3
    assert ox.Explainer(model, "smoothgrad", of="deeplift", baseline=2)(TWO).record["baseline"] == 2
    got = ox.Explainer(model, "occlusion", baseline=array)(TWO).record["baseline"]
    assert got == {"shape": [4], "sha256": digest}


# --- targets, seeds, models -------------------------------------------------------------------------------------------


def test_targets_and_seeds_in_any_form_say_the_same(monkeypatch):
    """Also where the rows come in several chunks."""
    monkeypatch.setattr("onnxplain.engines.onnxruntime.compiled.CompiledEngine.rows_that_fit", lambda *_: 2)
    model, x = relu_cnn()
    explainer = ox.Explainer(ox.load(model), "gradient")
    want = explainer(x, target=[1, 1, 1]).attribution
    for target in (1, np.array(1), np.array([1, 1, 1])):
        np.testing.assert_array_equal(explainer(x, target=target).attribution, want)
    seeds = np.eye(4, dtype="f")[[1, 1, 1]]
    for seed in (seeds, seeds.tolist(), seeds[0], seeds[0].tolist()):
        np.testing.assert_allclose(explainer(x, seed=seed).attribution, want, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("seed", [[[1, 0], [1]], np.ones((4, 3))])
def test_seeds_that_do_not_fit(seed):
    with pytest.raises(UsageError, match="seed"):
        ox.Explainer(ox.load(linear))(TWO, seed=seed)


def test_a_path_is_no_model():
    with pytest.raises(UsageError, match="load"):
        ox.Explainer("x.onnx", "gradient")


# --- averages ---------------------------------------------------------------------------------------------------------


def test_an_average_holds_the_float64_moments_of_one_row(monkeypatch):
    """Those of a row are done before the samples of the next are added."""
    from onnxplain.method import averages

    seen = []

    class Watched(averages._Moments):
        def __init__(self, **options):
            super().__init__(**options)
            seen.append("start")

        def read(self, dtype):
            seen.append("end")
            return super().read(dtype)

    monkeypatch.setattr(averages, "_Moments", Watched)
    e = ox.Explainer(ox.load(linear), "smoothgrad", samples=5)(TWO)
    assert seen == ["start", "end"] * len(TWO)
    assert e.attribution.dtype == np.float32


# --- inputs beside the explained one ----------------------------------------------------------------------------------


def masked(kind=TensorProto.FLOAT, batch="N", shape=("N", 4)):
    """y = (x + m) w, with the mask m beside x."""
    nodes = [node("Cast", "m", "f", to=1), node("Add", "x f", "a"), node("MatMul", "a w", "y")]
    inputs = [value("x", batch, 4), value("m", *shape, kind=kind)]
    return ox.load(network(nodes, None, {"w": W}, inputs=inputs), input="x")


W = RNG.normal(size=(4, 3)).astype("f")
MASK = np.array([[0, 1, 0, 1], [1, 1, 0, 0]])


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL])
@pytest.mark.parametrize("m", [MASK.tolist(), MASK, MASK.astype("d"), MASK.astype("uint8"), MASK.astype(bool)])
@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_an_input_beside_is_read_in_its_own_type(method, m, kind):
    e = ox.explain(masked(kind), {"x": TWO, "m": m}, method, target=1)
    np.testing.assert_allclose(e.score, ((TWO + MASK) @ W)[:, 1], rtol=1e-5)


@pytest.mark.parametrize(
    ("m", "error", "said"),
    [
        (MASK[:, :3], BadInputError, r"m: shape \[2, 3\], but the model takes \[N, 4\]"),
        (MASK[None], BadInputError, r"m: shape \[1, 2, 4\], but the model takes \[N, 4\]"),
        (MASK[:1], BadInputError, "m: 1 rows, and 'x' has 2"),
        (MASK[[0, 1, 1]], BadInputError, "m: 3 rows, and 'x' has 2"),
        (MASK[0], BadInputError, "m: 1 rows, and 'x' has 2"),
        (MASK * 0.5, BadInputError, "m: 4 of 8 values: no int64"),
        (MASK * np.nan, NumericalError, "m: 8 of 8 values: NaN"),
        (MASK.astype(str), BadInputError, "m: values of type <U21 are no numbers"),
        (MASK * 1j, BadInputError, "m: values of type complex128 are no numbers"),
        ([[1], [1, 2]], BadInputError, "m: list cannot be read as an array"),
        ("mask.npy", BadInputError, "m: values of type <U8 are no numbers"),
    ],
)
@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_an_input_beside_that_does_not_fit_is_named(method, m, error, said):
    with pytest.raises(error, match=said):
        ox.explain(masked(TensorProto.INT64), {"x": TWO, "m": m}, method)


def test_a_row_alone_may_come_without_its_axis():
    e = ox.explain(masked(), {"x": TWO[0], "m": MASK[0]}, "gradient", target=1)
    np.testing.assert_allclose(e.score, ((TWO[:1] + MASK[:1]) @ W)[:, 1], rtol=1e-5)


@pytest.mark.parametrize("rows", [2, 4])
def test_a_fixed_number_of_rows_may_be_the_same_in_every_run(rows):
    """x [2, 4] and m [2, 4]: four rows go in two runs, with a mask for each row, or with one mask for both runs."""
    x, masks = np.tile(TWO, (2, 1)), np.concatenate([MASK, 1 - MASK])[:rows]
    e = ox.explain(masked(batch=2, shape=(2, 4)), {"x": x, "m": masks}, "gradient", target=1)
    np.testing.assert_allclose(e.score, ((x + np.resize(masks, x.shape)) @ W)[:, 1], rtol=1e-5)
    with pytest.raises(BadInputError, match="m: 3 rows, and 'x' has 4"):
        ox.explain(masked(batch=2, shape=(2, 4)), {"x": x, "m": MASK[[0, 1, 0]]}, "gradient")


def test_an_input_of_a_length_of_its_own():
    """Fixed, it is that long; open, as long as it comes; nowhere stated, of any shape."""
    for shape, m in [((4,), MASK[0]), ((1, 4), MASK[:1]), (("M", 4), MASK[:1]), ((), 2.0), ((None, 4), MASK)]:
        e = ox.explain(masked(shape=shape), {"x": TWO, "m": m}, "gradient", target=1)
        np.testing.assert_allclose(e.score, ((TWO + m) @ W)[:, 1], rtol=1e-5)
    for shape, m in [((4,), MASK[0, :3]), ((1, 4), MASK), ((), MASK[0])]:
        with pytest.raises(BadInputError, match="m: shape"):
            ox.explain(masked(shape=shape), {"x": TWO, "m": m}, "gradient", target=1)


def test_infinity_masks_as_ever():
    """An additive mask takes a value out of a softmax: its gradient there is 0."""
    nodes = [node("Add", "x m", "a"), node("Softmax", "a", "p"), node("MatMul", "p w", "y")]
    model = network(nodes, None, {"w": W}, inputs=[value("x", "N", 4), value("m", "N", 4)])
    mask = np.where(MASK, -np.inf, 0)
    e = ox.explain(ox.load(model, input="x"), {"x": TWO, "m": mask}, "gradient", target=1)
    assert ((e.attribution == 0) == (MASK == 1)).all()


@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_words_beside_the_explained_input(method):
    keys = {"keys_strings": ["a", "b"], "values_floats": [1.0, 10.0], "domain": "ai.onnx.ml"}
    nodes = [node("LabelEncoder", "s", "i", **keys), node("MatMul", "x w", "h"), node("Mul", "h i", "y")]
    inputs = [value("x", "N", 4), value("s", "N", 1, kind=TensorProto.STRING)]
    model = network(nodes, None, {"w": W}, inputs=inputs)
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    loaded = ox.load(model, input="x")
    for words in ([["a"], ["b"]], np.array([["a"], ["b"]], object)):
        e = ox.explain(loaded, {"x": TWO, "s": words}, method, target=1)
        np.testing.assert_allclose(e.score, (TWO @ W)[:, 1] * [1, 10], rtol=1e-5)
    for odd in ([[1], [2]], np.array([["a"], [2]], object)):
        with pytest.raises(BadInputError, match=r"s: values of type .* are no words"):
            ox.explain(loaded, {"x": TWO, "s": odd}, method)
