"""A target counts in the file's own output, also where a head with reshapes and transposes is cut off."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from passes.same import mentioned, model

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.passes import verify

RNG = np.random.default_rng(0)
DENSE = "f = Flatten(x) l = MatMul(f, w)"
OUT = "e = Exp(l) m = ReduceSum(e, one) p = Div(e, m)"
CONSTANTS = {
    "w": RNG.normal(size=(8, 48)).astype("f") / 3,
    "k": RNG.normal(size=(3, 2, 1, 1)).astype("f"),
    "s": np.array([0, 3, 16]),
    "flat": np.array([0, 3, -1]),
    "one": np.array([1]),
}
# text, the axis of the rows in y, and what the file computes of the logits in the layout of y
SIGMOID, SOFTMAX, NONE = (lambda a: 1 / (1 + np.exp(-a))), "softmax", (lambda a: a)
FILES = {
    "a detector": (f"{DENSE} p = Sigmoid(l) r = Reshape(p, s) y = Transpose<perm=[0,2,1]>(r)", 0, SIGMOID),
    "a shape alone": (f"{DENSE} p = Sigmoid(l) y = Reshape(p, s)", 0, SIGMOID),
    "a softmax over anchors": (
        f"{DENSE} r = Reshape(l, s) p = Softmax<axis=1>(r) y = Transpose<perm=[0,2,1]>(p)", 0, SOFTMAX,
    ),
    "a softmax written out": (f"{DENSE} {OUT} r = Reshape(p, s) y = Transpose<perm=[0,2,1]>(r)", 0, None),
    "rows second": (f"{DENSE} p = Sigmoid(l) r = Reshape(p, s) y = Transpose<perm=[2,0,1]>(r)", 1, SIGMOID),
    "rows last": (f"{DENSE} r = Reshape(l, s) y = Transpose<perm=[1,2,0]>(r)", 2, NONE),
    "a map": ("l = Conv(x, k) p = Sigmoid(l) y = Transpose<perm=[0,2,3,1]>(p)", 0, SIGMOID),
    "no way back": ("l = Conv(x, k) p = Sigmoid(l) r = Reshape(p, flat) y = Transpose<perm=[0,2,1]>(r)", 0, NONE),
}  # fmt: skip


def case(name):
    text, axis, head = FILES[name]
    sizes = "H,W" if "no way" in name else "2,2"
    proto = model(f"(float[N,2,{sizes}] x) => (float y) {{ {text} }}", **mentioned(text, CONSTANTS))
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(1).normal(size=(2, 2, 2, 2)).astype("f")
    return proto, lambda x: np.moveaxis(session.run(None, {"x": x})[0], axis, 0), x, head


def logits(y):
    return np.log(y / (1 - y))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("engine", ["numpy", "onnxruntime"])
def test_scores_are_laid_out_as_the_output(name, engine):
    """What the head makes of the scores element by element is the output, element by element."""
    proto, run, x, head = case(name)
    e = ox.explain(ox.load(proto, engine=engine), x, "gradient")
    y = run(x)
    scores = e.prediction.reshape(y.shape)
    if head is None:  # the probabilities of a softmax over all 48
        found = np.exp(scores) / np.exp(scores).sum((1, 2), keepdims=True)
    elif head is SOFTMAX:
        found = np.exp(scores) / np.exp(scores).sum(2, keepdims=True)
    else:
        found = head(scores)
    np.testing.assert_allclose(found, y, rtol=1e-4)
    assert e.target.tolist() == e.prediction.argmax(1).tolist()
    canonical = ox.load(proto).canonical
    assert verify(proto, canonical).small
    assert {each.ir_version for each in canonical.heads} <= {proto.ir_version}  # an older runtime refuses a newer one


@pytest.mark.parametrize("name", ["a detector", "a shape alone", "rows second", "a map"])
@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_a_place_of_the_output_is_explained(name, method):
    """By its index, as a tuple, for each row, and as a neuron; against finite differences of the file."""
    proto, run, x, _ = case(name)
    loaded, y = ox.load(proto), run(x)
    place = (*(n - 1 for n in y.shape[1:-1]), 1)
    index = int(np.ravel_multi_index(place, y.shape[1:]))
    options = {"window": 1, "stride": 1} if method == "occlusion" else {}
    wanted = ox.explain(loaded, x, method, index, **options)
    np.testing.assert_allclose(wanted.score, logits(y[:, *place]), rtol=1e-3, atol=1e-4)
    neuron = ox.Neuron("y", channel=place[0], position=place[1:])
    for target in (place, [place, place], np.array([place, place]), neuron):
        got = ox.explain(loaded, x, method, target, **options)
        np.testing.assert_allclose(got.attribution, wanted.attribution, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(got.score, wanted.score, rtol=1e-5)
    if method == "gradient":
        way = np.random.default_rng(2).normal(size=x.shape).astype("f") * 1e-2
        slope = (logits(run(x + way)) - logits(run(x - way)))[:, *place] / 2
        np.testing.assert_allclose((wanted.attribution * way).sum((1, 2, 3)), slope, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("engine", ["numpy", "onnxruntime"])
@pytest.mark.parametrize("last", ["Tanh", "Sigmoid", ""])
def test_a_channel_of_the_output_is_summed_over_its_positions(last, engine):
    """Also where the neuron's value is the output itself; "max" takes the largest of the channel in each row."""
    text = "y = Conv(x, k)" if not last else f"l = Conv(x, k) y = {last}(l)"
    proto = model(f"(float[N,2,4,5] x) => (float[N,3,4,5] y) {{ {text} }}", k=CONSTANTS["k"])
    loaded, x = ox.load(proto, engine=engine), RNG.normal(size=(2, 2, 4, 5)).astype("f")
    k = CONSTANTS["k"][1, :, 0, 0]
    z = np.einsum("c,nchw->nhw", k, x)
    value, slope = (np.tanh(z), 1 - np.tanh(z) ** 2) if last == "Tanh" else (z, np.ones_like(z))
    each = slope[:, None] * k[:, None, None]
    whole = ox.explain(loaded, x, "gradient", ox.Neuron("y", channel=1))
    np.testing.assert_allclose(whole.attribution, each, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(whole.score, value.sum((1, 2)), rtol=1e-4)
    one = ox.explain(loaded, x, "gradient", ox.Neuron("y", channel=1, position=(1, 2)))
    np.testing.assert_allclose(one.attribution[:, :, 1, 2], each[:, :, 1, 2], rtol=1e-4)
    assert np.count_nonzero(one.attribution) == 4
    most = ox.explain(loaded, x, "gradient", ox.Neuron("y", channel=1, position="max"))
    np.testing.assert_allclose(most.score, value.max((1, 2)), rtol=1e-5)
    with pytest.raises(UsageError, match=r"position \(4, 0\)"):
        ox.explain(loaded, x, "gradient", ox.Neuron("y", channel=1, position=(4, 0)))


@pytest.mark.parametrize("method", ["deeplift", "lrp.epsilon", "integrated_gradients"])
def test_a_neuron_of_the_output_completes(method):
    proto = model("(float[N,2,4,5] x) => (float[N,3,4,5] y) { y = Conv(x, k) }", k=CONSTANTS["k"])
    x = RNG.normal(size=(2, 2, 4, 5)).astype("f")
    e = ox.explain(ox.load(proto), x, method, ox.Neuron("y", channel=1))
    np.testing.assert_allclose(e.attribution.reshape(2, -1).sum(1), e.score, rtol=1e-4)
    np.testing.assert_allclose(e.delta, 0, atol=1e-4)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ((16, 0), r"\(16, 0\): no place in a row of scores of shape \[16, 3\]"),
        ((0, -1), r"\(0, -1\): no place"),
        ((0, 1.5), "no place"),
        ((0, 1, 2), r"\(0, 1, 2\): a row of scores has the shape \[16, 3\]"),
        ([(0, 1)], "1 targets for 2 rows"),
        (48, "48 is out of range"),
    ],
)
def test_a_place_that_there_is_not(target, said):
    proto, _, x, _ = case("a detector")
    with pytest.raises(UsageError, match=said):
        ox.explain(ox.load(proto), x, "gradient", target)


def test_a_place_on_axes_of_open_length_is_asked_for_as_a_neuron():
    proto, run, x, _ = case("no way back")
    with pytest.raises(UsageError, match="Neuron"):
        ox.explain(ox.load(proto), x, "gradient", (0, 1))
    e = ox.explain(ox.load(proto), x, "gradient", ox.Neuron("y", channel=3, position=(1,)))
    np.testing.assert_allclose(e.score, run(x)[:, 3, 1], rtol=1e-5)


def test_the_probability_of_a_place_is_no_softmax_of_all_scores():
    proto, run, x, _ = case("a softmax over anchors")
    for method in ("gradient", "occlusion"):
        with pytest.raises(UsageError, match="softmax of all"):
            ox.explain(ox.load(proto), x, method, (0, 1), seed="probability")
    with pytest.raises(UsageError, match='seed="logit"'):
        ox.explain(ox.load(proto), x, "meaningful_perturbation", (0, 1))
    detector, run, x, _ = case("a detector")
    e = ox.explain(ox.load(detector), x, "occlusion", (0, 1), seed="probability", window=2, stride=2)
    without = run(np.zeros_like(x))[:, 0, 1]
    np.testing.assert_allclose(e.attribution.reshape(2, -1).sum(1), run(x)[:, 0, 1] - without, rtol=1e-3, atol=1e-5)
