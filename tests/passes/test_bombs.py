"""A small file that asks for much: it is refused by name before the memory or the time is taken."""

from importlib import import_module
from itertools import count

import numpy as np
import onnx
import pytest
from passes.same import model, run

from onnxplain import limits
from onnxplain.errors import BadInputError, UnsupportedModelError
from onnxplain.graph.inference import infer
from onnxplain.limits import Limits
from onnxplain.passes import canonicalise

X = "(float[N,4] x) => (float[N,M] y)"
LONG = 2**34
"""Elements that no memory holds here."""

DOUBLING = " ".join(f"c{i + 1} = Concat<axis=0>(c{i}, c{i})" for i in range(40))
BOMBS = {
    "a column times a row": ("c = MatMul(column, row) s = ReduceSum(c) y = Add(x, s)", "MatMul"),
    "a column and a row": ("c = Add(column, row) s = ReduceSum(c) y = Add(x, s)", "Add"),
    "a range": ("c = Range(zero, long, one) f = Cast<to=1>(c) s = ReduceSum(f) y = Add(x, s)", "Range"),
    "a constant of a shape": ("c = ConstantOfShape(size) s = ReduceSum(c) y = Add(x, s)", "ConstantOfShape"),
    "a number, expanded": ("c = Expand(half, size) s = ReduceSum(c) y = Add(x, s)", "Expand"),
    "tiles": ("c = Tile(row, tiles) s = ReduceSum(c) y = Add(x, s)", "Tile"),
    "a pad": ("c = Pad(row, pads) s = ReduceSum(c) y = Add(x, s)", "Pad"),
    "a picture, enlarged": ("c = Resize(picture, , factors) s = ReduceSum(c) y = Add(x, s)", "Resize"),
    "one of many": ("c = OneHot(places, long, values) s = ReduceSum(c) y = Add(x, s)", "OneHot"),
    "doubling": (f"{DOUBLING} s = ReduceSum(c40) y = Add(x, s)", "Concat"),
    "a window": ("c = HannWindow(long) s = ReduceSum(c) y = Add(x, s)", "HannWindow"),
    "a size": ("n = Mul(half_long, two) c = ConstantOfShape(n) s = ReduceSum(c) y = Add(x, s)", "ConstantOfShape"),
}  # fmt: skip
WEIGHTS = {
    "column": np.ones((2**17, 1), "f"),
    "row": np.ones((1, 2**17), "f"),
    "zero": np.array(0),
    "one": np.array(1),
    "long": np.array(LONG),
    "size": np.array([LONG]),
    "half": np.array(0.5, "f"),
    "tiles": np.array([2**17, 1]),
    "pads": np.array([0, 0, 2**17, 0]),
    "picture": np.ones((1, 1, 2, 2), "f"),
    "factors": np.array([1, 1, 2**16, 2**16], "f"),
    "places": np.array([3]),
    "values": np.array([0, 1], "f"),
    "c0": np.ones(1, "f"),
    "half_long": np.array([LONG // 2]),
    "two": np.array(2),
}


def bomb(text):
    words = text.replace("(", " ").replace(")", " ").replace(",", " ").split()
    return model(f"{X} {{ {text} }}", **{name: WEIGHTS[name] for name in WEIGHTS if name in words})


@pytest.mark.parametrize("name", BOMBS)
def test_a_constant_that_is_too_large_is_not_computed(name):
    text, op = BOMBS[name]
    with pytest.raises(
        BadInputError, match=rf"^{op} \(node '.*'\) makes a constant of \d+ bytes.*--limit constant_bytes"
    ):
        canonicalise(bomb(text))


def test_nothing_is_computed_of_a_chain_that_ends_in_too_large_a_constant(monkeypatch):
    """Its last node has 300 floats, which are 1200 bytes."""
    monkeypatch.setattr(import_module("onnxplain.passes.constants"), "run", None)
    text = "a = Concat<axis=0>(c, c) b = Concat<axis=0>(a, a) s = ReduceSum(b) y = Add(x, s)"
    with Limits(constant_bytes=1000).hold(), pytest.raises(BadInputError, match="a constant of 1200 bytes"):
        canonicalise(model(f"{X} {{ {text} }}", c=np.ones(75, "f")))


def test_a_constant_within_a_raised_limit_is_computed():
    proto = model(
        f"{X} {{ c = MatMul(column, row) s = ReduceSum(c) y = Add(x, s) }}",
        column=np.ones((20, 1), "f"),
        row=np.ones((1, 20), "f"),
    )
    x = np.ones((2, 4), "f")
    with Limits(constant_bytes=1600).hold():
        graph = canonicalise(proto).graph
    assert [node.op for node in graph.nodes] == ["Add"]
    np.testing.assert_array_equal(run(proto, {"x": x})[0], x + 400)


def test_many_constants_together_are_counted():
    text = " ".join(
        f"c{i} = MatMul(column, row) s{i} = ReduceSum(c{i}) y{i} = Add({f'y{i - 1}' if i else 'x'}, s{i})"
        for i in range(9)
    )
    proto = model(f"{X} {{ {text} y = Relu(y8) }}", column=np.ones((300, 1), "f"), row=np.ones((1, 300), "f"))
    with Limits(folded_bytes=1e6).hold(), pytest.raises(BadInputError, match=r"bytes together.*--limit folded_bytes"):
        canonicalise(proto)


LOOP = """(float[N,4] x) => (float[N,M] y) {{
    c = Loop(n, yes, start)
        <body = b (int64 i, bool go, float[K] v) => (bool on, float[L] w)
        {{ k = Equal(i, i) on = And(go, k) w = {step} }}>
    s = ReduceSum(c) y = Add(x, s) }}"""


def loop(step, times):
    return model(LOOP.format(step=step), n=np.array(times), yes=np.array(True), start=np.ones(1, "f"))


def test_a_loop_of_constants_is_computed():
    assert [node.op for node in canonicalise(loop("Concat<axis=0>(v, v)", 3)).graph.nodes] == ["Add"]


@pytest.mark.slow
def test_a_loop_that_fills_the_memory_is_stopped():
    """Forty doublings of a number; what its loop will make, nothing can tell."""
    with pytest.raises(BadInputError, match=r"Loop .* reads constants .* more than 268435456 bytes"):
        canonicalise(loop("Concat<axis=0>(v, v)", 40))


def test_a_value_that_no_memory_holds_is_refused():
    text = "u = Unsqueeze(x, last) c = Expand(u, size) y = ReduceSum<keepdims=0>(c, last)"
    proto = model(f"{X} {{ {text} }}", last=np.array([2]), size=np.array([1, 1, LONG]))
    with pytest.raises(BadInputError, match=r"Expand .* 274877906944 bytes a row.*--limit value_bytes"):
        canonicalise(proto)


def test_a_loop_without_an_end_is_stopped():
    with Limits(seconds=0.3).hold(), pytest.raises(BadInputError, match=r"limit of 0.3 seconds, while computing Loop"):
        canonicalise(loop("Mul(v, v)", 2**60))


def test_time_is_looked_at_between_the_passes(monkeypatch):
    clock = count()
    monkeypatch.setattr(limits, "monotonic", lambda: next(clock))
    with Limits(seconds=5).hold(), pytest.raises(BadInputError, match=r"5 seconds, while applying the pass '\w+'"):
        canonicalise(model("(float[N,4] x) => (float[N,4] y) { y = Relu(x) }"))


def test_the_elements_of_a_long_vector_are_not_followed():
    """onnx makes a message for each, of which there would be a thousand million here."""
    proto = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 24]> g (float[1000000000] x) => (y) { y = Cast<to=7>(x) }'
    )
    assert infer(proto).graph.output[0].type.tensor_type.shape.dim[0].dim_value == 10**9


def test_a_body_over_a_vector_of_any_length_is_not_followed_either():
    """The body of ReduceL1 takes the magnitude of each element first, which no memory holds."""
    with pytest.raises(BadInputError, match=r"gives a value of 4611686018427387904 bytes a row"):
        canonicalise(model("(float[1152921504606846976] x) => (float[1] y) { y = ReduceL1(x) }"))


def test_what_a_library_raises_names_the_pass(monkeypatch):
    monkeypatch.setattr("onnxplain.passes._READ", (broken,))
    with pytest.raises(
        UnsupportedModelError, match="cannot be prepared: KeyError while applying the pass 'broken': 'lost'"
    ):
        canonicalise(model("(float[N,4] x) => (float[N,4] y) { y = Relu(x) }"))


def broken(graph):
    raise KeyError("lost")


def test_a_fixed_value_that_does_not_fit_is_refused():
    from onnxplain.errors import UsageError

    proto = model("(float[N,4] x, int64 rate) => (float[N,4] y) { r = Cast<to=1>(rate) y = Mul(x, r) }")
    with pytest.raises(UsageError, match="fixed: 'fast' is no value of the input 'rate', which holds int64"):
        canonicalise(proto, fixed={"rate": "fast"})
