"""Token ids: a gradient is read out by its norm, and what compares with a baseline does so between embeddings."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import pytest
from encoder import IDS, ROWS, TOKENS, WIDTH, WORDS, bert, weights
from nets import network, node
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.errors import BadInputError

runtime = pytest.importorskip("onnxruntime")
VOCABULARY = ["[PAD]", "[MASK]", *map(str, range(2, WORDS))]
TABLE = weights()["words"]
E = TABLE[IDS]
TARGET = 1


def scores(embeddings):
    """The score of the target at embeddings [N, 5, 8], by onnxruntime on a file that takes them."""
    if not SESSION:
        SESSION.append(runtime.InferenceSession(bert(embedded=True).SerializeToString()))
    return SESSION[0].run(None, {"e": embeddings.astype("f")})[0][:, TARGET].astype(float)


SESSION = []


def slopes(at, along, step=0.005):
    """The derivative of the score at embeddings [N, 5, 8] along directions of the same shape."""
    return (scores(at + step * along) - scores(at - step * along)) / (2 * step)


@cache
def loaded(vocabulary=None, engine=None, precision="float32"):
    return ox.load(bert(), vocabulary=vocabulary, engine=engine, precision=precision)


def explain(method, vocabulary=None, engine=None, precision="float32", **options):
    model = loaded(vocabulary and tuple(vocabulary), engine, precision)
    return ox.explain(model, IDS, method, TARGET, **options)


# --- read-outs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
@pytest.mark.parametrize("method", ["gradient", "saliency", "smoothgrad"])
def test_a_gradient_is_read_out_by_its_norm(method, engine):
    """Its elements cancel behind a LayerNorm, and say nothing as a sum; SmoothGrad without noise is the gradient."""
    ways = np.eye(TOKENS * WIDTH).reshape(-1, 1, TOKENS, WIDTH)
    whole = np.stack([slopes(E, np.repeat(way, ROWS, 0)) for way in ways], 1).reshape(E.shape)
    more = {"sigma": 0.0, "samples": 2} if method == "smoothgrad" else {}
    found = explain(method, engine=engine, **more).attribution
    assert found.shape == IDS.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, np.linalg.norm(whole, axis=2), rtol=0.02, atol=1e-4)


def test_behind_a_layer_norm_a_gradient_cancels():
    nodes = [node("Gather", "table ids", "e"), node("LayerNormalization", "e gain", "n", axis=-1),
             node("ReduceMean", "n axes", "m", keepdims=0), node("MatMul", "m w", "y")]  # fmt: skip
    arrays = {"table": TABLE, "gain": np.ones(WIDTH, "f"), "axes": np.array([1]), "w": TABLE[:WIDTH, :3]}
    ids = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["N", TOKENS])]
    model = ox.load(network(nodes, None, arrays, inputs=ids))
    whole = ox.explain(model, IDS, "gradient", TARGET, layer="e").attribution
    assert np.abs(whole.sum(2)).max() < 1e-4 * np.abs(whole).max()
    found = ox.explain(model, IDS, "gradient", TARGET).attribution
    np.testing.assert_allclose(found, np.linalg.norm(whole, axis=2), rtol=1e-5)


def test_contributions_are_summed():
    whole = explain("gradient", layer="e").attribution
    np.testing.assert_allclose(explain("input_x_gradient").attribution, (whole * E).sum(2), rtol=1e-4, atol=1e-5)
    relevance = explain("attnlrp", layer="e", precision="float64").attribution
    np.testing.assert_allclose(explain("attnlrp", precision="float64").attribution, relevance.sum(2), rtol=1e-9)


def test_an_exported_model_reads_out_the_same(tmp_path):
    ox.export(loaded(), "gradient", tmp_path / "e.onnx")
    session = runtime.InferenceSession(tmp_path / "e.onnx")
    found = session.run(["attribution"], {"ids": IDS, "target": np.full(ROWS, TARGET)})[0]
    np.testing.assert_allclose(found, explain("gradient").attribution, rtol=1e-5)


# --- baselines between embeddings -------------------------------------------------------------------------------------

ROW = np.array([3, 1, 4, 1, 5])
BASELINES = {  # what is asked for -> the embeddings that it stands for, and what the record says of it
    "zeros": ("zeros", np.zeros_like(E), {"embedding": "zeros"}),
    "default": (None, np.zeros_like(E), {"embedding": "zeros"}),
    "id": (7, np.broadcast_to(TABLE[7], E.shape), 7),
    "ids": (ROW, np.broadcast_to(TABLE[ROW], E.shape), {"shape": [TOKENS]}),
    "rows": (IDS[::-1], TABLE[IDS[::-1]], {"shape": [ROWS, TOKENS]}),
    "embeddings": (E[::-1] / 2, E[::-1] / 2, {"shape": [ROWS, TOKENS, WIDTH]}),
}
WORDED = {
    "pad": ("pad", np.broadcast_to(TABLE[0], E.shape), {"token": "pad", "id": 0}),
    "mask": ("mask", np.broadcast_to(TABLE[1], E.shape), {"token": "mask", "id": 1}),
    "default": (None, np.broadcast_to(TABLE[0], E.shape), {"token": "pad", "id": 0}),
}
CASES = [(each, None) for each in BASELINES.values()] + [(each, VOCABULARY) for each in WORDED.values()]
NAMES = [*BASELINES, *(f"{name} of a vocabulary" for name in WORDED)]


def _stated(baseline, said):
    """What a record says of an array: its hash, and its rows where there is one for each."""
    digest = hashlib.sha256(np.ascontiguousarray(baseline).tobytes()).hexdigest()
    return {**said, "sha256": digest, **({"rows": [0, 1, 2][:ROWS]} if len(said["shape"]) > 1 else {})}


@pytest.mark.parametrize(("case", "vocabulary"), CASES, ids=NAMES)
@pytest.mark.parametrize("method", ["deeplift", "integrated_gradients"])
def test_attributions_sum_to_the_difference_between_embeddings(method, case, vocabulary):
    baseline, at, said = case
    e = explain(method, vocabulary, baseline=baseline)
    assert e.attribution.shape == IDS.shape and e.record["explained"] == "e"
    due = scores(E) - scores(np.asarray(at))
    tolerance = 1e-5 if method == "deeplift" else 1e-3
    np.testing.assert_allclose(e.attribution.sum(1), due, atol=tolerance * np.abs(due).max())
    np.testing.assert_allclose(e.conservation.due, due, rtol=1e-4)
    assert e.record["baseline"] == (said if not isinstance(baseline, np.ndarray) else _stated(baseline, said))
    words = {"zeros": "zeros of the embedding", "pad": "the token 'pad' (id 0)", "mask": "the token 'mask' (id 1)"}
    name = said.get("token", said.get("embedding")) if isinstance(said, dict) else None
    assert e.conservation.of == f"the difference from {words.get(name, 'the baseline')}"


def test_each_tokens_part_is_its_own_slope_along_the_way():
    """∫ d/ds f(x₀ + t (x - x₀) + s (x - x₀) of the token) dt, by the same Gauss-Legendre points."""
    points, parts = np.polynomial.legendre.leggauss(50)
    want = np.zeros(IDS.shape)
    for point, part in zip((points + 1) / 2, parts / 2, strict=True):
        for token in range(TOKENS):
            along = np.zeros_like(E)
            along[:, token] = E[:, token]
            want[:, token] += part * slopes(point * E, along)
    found = explain("integrated_gradients").attribution
    np.testing.assert_allclose(found, want, atol=2e-3 * np.abs(want).max())


@pytest.mark.parametrize("method", ["deepshap", "expected_gradients"])
def test_many_baselines_serve_every_row(method):
    others = np.array([[0] * TOKENS, ROW])
    more = {"samples": 1000} if method == "expected_gradients" else {}
    e = explain(method, baseline=others, **more)
    due = scores(E) - np.mean([scores(np.broadcast_to(TABLE[each], E.shape)) for each in others], 0)
    tolerance = 1e-5 if method == "deepshap" else 0.2
    np.testing.assert_allclose(e.attribution.sum(1), due, atol=tolerance * np.abs(due).max())


def test_rows_do_not_touch_each_other():
    whole = explain("deeplift", baseline=IDS[::-1]).attribution
    for i in range(ROWS):
        alone = ox.explain(loaded(), IDS[i : i + 1], "deeplift", TARGET, baseline=IDS[::-1][i : i + 1])
        np.testing.assert_allclose(alone.attribution[0], whole[i], atol=1e-5)


@pytest.mark.parametrize(
    ("baseline", "vocabulary", "said"),
    [
        ("pad", None, "vocabulary= was not given at load; pass the id"),
        ("mask", ["<pad>", "a"], r"the vocabulary has no \[MASK\] or <mask>; pass the id"),
        ("dark", None, "expected a number, an array or, for token ids, one of 'pad', 'mask', 'zeros'"),
        (0.5, None, "no int64"),
        (np.zeros((2, 2), int), None, r"baseline of shape \(2, 2\) for an input of shape \(3, 5\)"),
    ],
)
def test_a_baseline_that_is_none(baseline, vocabulary, said):
    vocabulary = vocabulary and [*vocabulary, *map(str, range(WORDS - len(vocabulary)))]
    with pytest.raises(BadInputError, match=said):
        explain("deeplift", vocabulary, baseline=baseline)


def test_what_hides_ids_puts_the_token_for_nothing_in_their_place():
    hidden = [explain("occlusion", VOCABULARY, window=1, stride=1, **given) for given in ({}, {"baseline": "mask"})]
    for e, token in zip(hidden, (0, 1), strict=True):
        at = np.repeat(IDS[:, None], TOKENS, 1)
        at[:, range(TOKENS), range(TOKENS)] = token
        drops = [scores(E)[i] - scores(TABLE[at[i]]) for i in range(ROWS)]
        np.testing.assert_allclose(e.attribution, drops, atol=1e-5)
        assert e.record["baseline"] == token
    with pytest.raises(BadInputError, match="baseline='zeros'"):
        explain("occlusion", baseline="zeros")


# --- what reads the ids besides, and other inputs without a slope -----------------------------------------------------


def masked():
    """e = table[ids] weighed by a mask over the ids that are 0, and its sum over tokens."""
    nodes = [
        node("Gather", "table ids", "e"), node("Equal", "ids zero", "empty"), node("Unsqueeze", "empty axes", "m"),
        node("Where", "m none e", "k"), node("Tanh", "k", "t"), node("ReduceSum", "t one", "y", keepdims=0),
    ]  # fmt: skip
    arrays = {"table": TABLE, "zero": np.array(0), "axes": np.array([2]), "none": np.float32(0), "one": np.array([1])}
    ids = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["N", TOKENS])]
    return network(nodes, None, arrays, inputs=ids)


@pytest.mark.parametrize("method", ["deeplift", "integrated_gradients"])
def test_a_mask_made_of_the_ids_stays_that_of_the_input(method):
    ids = np.array([[3, 0, 2, 5, 0]])
    e = ox.explain(ox.load(masked()), ids, method, TARGET, baseline=0)
    want = np.where(ids == 0, 0, np.tanh(TABLE[ids][..., TARGET]) - np.tanh(TABLE[0, TARGET]))
    np.testing.assert_allclose(e.attribution, want, atol=1e-5)


def test_pixels_of_whole_numbers_move_as_their_floats_do():
    w = np.random.default_rng(0).normal(size=(12, 2)).astype("f")
    tail = [node("Flatten", "c", "f"), node("MatMul", "f w", "h"), node("Tanh", "h", "y")]
    inputs = [helper.make_tensor_value_info("x", TensorProto.UINT8, ["N", 3, 2, 2])]
    whole = network([node("Cast", "x", "c", to=1), *tail], None, {"w": w / 300}, inputs=inputs)
    floats = network([node("Identity", "x", "c"), *tail], (1, 3, 2, 2), {"w": w / 300})
    x = np.random.default_rng(1).integers(0, 256, (2, 3, 2, 2), np.uint8)
    for method, given in (("integrated_gradients", {"baseline": 9}), ("smoothgrad", {"samples": 3}), ("deeplift", {})):
        e, plain = (
            ox.explain(ox.load(model), of, method, 1, **given) for model, of in ((whole, x), (floats, x.astype("f")))
        )
        np.testing.assert_allclose(e.attribution, plain.attribution, rtol=1e-5)
        assert e.attribution.shape == x.shape and e.channel_axis == plain.channel_axis


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_other_inputs_of_whole_numbers_stay_with_their_rows(engine):
    """y = Σ mask tanh(table[ids]) over tokens, with the mask an input of its own, as transformers have it."""
    nodes = [
        node("Gather", "table ids", "e"), node("Tanh", "e", "t"), node("Cast", "mask", "c", to=1),
        node("Unsqueeze", "c axes", "m"), node("Mul", "t m", "k"), node("ReduceSum", "k one", "y", keepdims=0),
    ]  # fmt: skip
    arrays = {"table": TABLE, "axes": np.array([2]), "one": np.array([1])}
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["N", TOKENS]) for name in ("ids", "mask")]
    model = ox.load(network(nodes, None, arrays, inputs=inputs), input="ids", engine=engine)
    mask = np.random.default_rng(3).integers(0, 2, IDS.shape)
    for method in ("deeplift", "integrated_gradients"):
        found = ox.explain(model, {"ids": IDS, "mask": mask}, method, TARGET, baseline=IDS[::-1]).attribution
        want = mask * (np.tanh(TABLE[IDS]) - np.tanh(TABLE[IDS[::-1]]))[..., TARGET]
        np.testing.assert_allclose(found, want, atol=1e-5)
