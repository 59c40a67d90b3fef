"""Chains: functions of one element that wait for one another, and are computed in one pass over memory."""

from __future__ import annotations

import inspect
import weakref

import numpy as np
import pytest
from calls import around_zero, normal
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kernels.test_compile import ARCHITECTURES, DIVISION, NVCC, USUAL, compiled
from kinds import kinds

from onnxplain.engines.cupy.sources import source
from onnxplain.engines.numpy import NumpyNamespace
from onnxplain.engines.window import Window
from onnxplain.ops import standard_ops

SHAPE = (3, 4, 5)


@pytest.fixture
def xp(cupy):
    from onnxplain.engines.cupy.namespace import CupyNamespace

    return CupyNamespace()


@pytest.fixture
def launched(monkeypatch):
    """Names of the kernels that run, in order."""
    from onnxplain.engines.cupy import kernels

    names, plain = [], kernels._kernel

    def watched(name, *build):
        names.append(name)
        return plain(name, *build)

    monkeypatch.setattr(kernels, "_kernel", watched)
    return names


def host(cupy, x):
    from onnxplain.engines.cupy.arrays import materialise

    return cupy.asnumpy(materialise(x))


def views(x):
    """The same three axes in other memory: broadcast, transposed, cut out, backward."""
    return {
        "whole": x,
        "one number": x[:1, :1, :1],
        "of rank 0": x[0, 0, 0],
        "a channel": x[:1, :, :1],
        "fewer axes": x[0],
        "a row": x[0, :1],
        "transposed": np.ascontiguousarray(x.transpose(2, 0, 1)).transpose(1, 2, 0),
        "backward": np.ascontiguousarray(x[:, ::-1])[:, ::-1],
        "cut out": np.pad(x, 1)[1:-1, 1:-1, 1:-1],
    }


VIEWS = sorted(views(normal(*SHAPE)))
ARITHMETIC = (
    lambda _, a, b: a + b,
    lambda _, a, b: a - b,
    lambda _, a, b: a * b,
    lambda _, a, b: a / b,
    lambda f, a, b: f.maximum(a, b),
    lambda f, a, b: f.where(a > b, a, 0.5),
    lambda f, a, b: f.where((a <= b) & ~(b == 0) | (a != 3), -a, 2 * b),
    lambda f, a, b: 1.5 - a / (3 + f.abs(b)),
)


# a function is a number of ARITHMETIC, and of two of the arrays that were there before it
steps = st.lists(st.tuples(st.integers(0, len(ARITHMETIC) - 1), st.integers(0, 11), st.integers(0, 11)), min_size=1,
                 max_size=9)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(VIEWS), min_size=3, max_size=3), steps)
def test_any_chain_has_the_bits_of_numpy(kinds, functions):
    """Arithmetic rounds each result once, so nothing but the order of functions can differ, and that must not."""
    import cupy

    from onnxplain.engines.cupy.namespace import CupyNamespace

    arrays = [views(normal(*SHAPE, seed=seed))[kind] for seed, kind in enumerate(kinds)]
    ours, theirs = CupyNamespace(), NumpyNamespace("float32")
    mine, wanted = [ours.const(cupy.asarray(each)) for each in arrays], [theirs.const(each) for each in arrays]
    with np.errstate(all="ignore"):
        for function, i, j in functions:
            for xp, known in ((ours, mine), (theirs, wanted)):
                known.append(ARITHMETIC[function](xp, known[i % len(known)], known[j % len(known)]))
    # a kernel takes numbers too small to have all their digits for 0
    assume(all(((each == 0) | (abs(each) >= np.finfo("f").tiny) | np.isnan(each)).all() for each in wanted))
    np.testing.assert_array_equal(host(cupy, mine[-1]), wanted[-1])


def one_pass(xp, launched, chain, *arrays):
    """The chain on the engine, which runs one kernel for it."""
    given = [xp.const(each) for each in arrays]
    launched.clear()
    from onnxplain.engines.cupy.arrays import materialise

    materialise(chain(xp, *given))
    assert launched == ["elementwise"]


RULES = {
    "a gate": lambda f, g, y: g * f.where(y > 0, 1.0, 0.0),
    "a clip": lambda f, g, y: g * f.where((y > 0) & (y < 6), 1.0, 0.0),
    "deconvolution": lambda f, g, y: f.maximum(g, 0) * f.where(y > 0, 1.0, 0.0),
    "a sum of messages, a gate": lambda f, g, y: (g + y + 2 * g) * f.where(y > 0, 1.0, 0.0),
    "relevance of a sum": lambda f, g, y: y * f.ratio(g, y + 1, 1e-6),
    "a Shapley value of a product": lambda _, g, y: g * ((y + 3 * y) / 2),
    "a slope of a GELU": lambda f, g, y: g * standard_ops()["Gelu"].facts["slope"](xp=f, x=y, approximate="tanh"),
    "a slope of a Mish": lambda f, g, y: g * standard_ops()["Mish"].facts["slope"](xp=f, x=y),
    "a difference quotient": lambda f, g, y: g * f.quotient(y - g, g - y, f.abs(g - y) <= 1e-6 * (1 + f.abs(y)), y),
}


# one for every ELEMENTWISE op; a piecewise constant one has none to compute
SLOPES = sorted(name for name, op in standard_ops().items() if "slope" in op.facts)
ATTRIBUTES = {"alpha": 0.3, "beta": 0.4, "gamma": 1.1, "lambd": 0.2, "bias": 0.1, "min": -0.5, "max": 0.5,
              "approximate": "none", "Y": 2.0, "slope": 0.25, "order": 2.0}  # fmt: skip


def slope(f, name, x):
    """Slope of an op at x; where it is stated by the output, x stands for that."""
    fact = standard_ops()[name].facts["slope"]
    known = ATTRIBUTES | {"xp": f, "x": x, "y": x, "like_y": x}
    return fact(**{name: known[name] for name in inspect.signature(fact).parameters})


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_one_pass(cupy, xp, launched, name):
    g, y = normal(*SHAPE), around_zero(*SHAPE)
    one_pass(xp, launched, RULES[name], g, y)
    wanted = RULES[name](NumpyNamespace("float64"), g.astype("d"), y.astype("d"))
    np.testing.assert_allclose(host(cupy, RULES[name](xp, xp.const(g), xp.const(y))), wanted, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", SLOPES)
def test_every_slope_is_one_pass_with_its_message(cupy, xp, launched, name):
    g, x = normal(*SHAPE), np.clip(normal(*SHAPE, seed=1), -0.9, 0.9)
    if name in ("Acosh", "Log", "Sqrt"):
        x = 1.1 + abs(x)
    one_pass(xp, launched, lambda f, g, x: g * slope(f, name, x), g, x)
    with np.errstate(all="ignore"):
        wanted = g.astype("d") * slope(NumpyNamespace("float64"), name, x.astype("d"))
    np.testing.assert_allclose(host(cupy, xp.const(g) * slope(xp, name, xp.const(x))), wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(NVCC is None, reason="nvcc, the CUDA compiler, is not here")
@pytest.mark.parametrize("architecture", kinds([(each,) for each in ARCHITECTURES], lambda each: each == USUAL))
def test_what_is_written_compiles_for_every_architecture(xp, architecture, tmp_path):
    from onnxplain.engines.cupy.expression import written

    g, x = xp.const(normal(*SHAPE)), xp.const(normal(*SHAPE, seed=1))
    seen = [g * slope(xp, name, x) for name in SLOPES] + [rule(xp, g, x) for rule in RULES.values()]
    texts = {written(each)[0] for each in (*seen, g > x, g + xp.const(normal(4, 1)))}
    sources = {f"chain{i}": source("elementwise", expression=text) for i, text in enumerate(sorted(texts))}
    named = {name: source.replace("elementwise(", f"{name}(") for name, source in sources.items()}
    spilled = compiled(named, ["-fmad=false"], architecture, tmp_path)
    assert len(spilled) == len(texts)
    assert max(spilled.values()) <= DIVISION


def test_a_sum_reads_the_end_of_a_chain(cupy, xp, launched):
    """Softmax: one pass for Σ g y, one for y (g - Σ g y); the products are never written."""
    g, y = normal(4, 7), abs(normal(4, 7, seed=1))
    vjp = standard_ops()["Softmax"].facts["vjp"]
    got = host(cupy, vjp(xp=xp, g=xp.const(g), y=xp.const(y), axis=-1))
    assert launched == ["reduce_sum", "elementwise"]
    wide = g.astype("d"), y.astype("d")
    np.testing.assert_allclose(got, wide[1] * (wide[0] - (wide[0] * wide[1]).sum(-1, keepdims=True)), rtol=1e-5)


def test_a_norm_is_a_pass_for_each_sum_and_one_more(cupy, xp, launched):
    """LayerNormalization: mean, variance, two means of the message; then the message itself."""
    g, x = normal(4, 7), normal(4, 7, seed=1)
    vjp = standard_ops()["LayerNormalization"].facts["vjp"]
    host(cupy, vjp(xp=xp, g=xp.const(g), x=xp.const(x), Scale=np.ones(7), axis=-1, epsilon=1e-5))
    assert launched.count("reduce_sum") == 4 and launched.count("elementwise") <= 3


@pytest.mark.parametrize("shape", [(4, 3, 4, 5), (2, 3, 2, 3, 2, 3, 2, 3)])
@pytest.mark.parametrize("axes", [[1], [0, 2], [-1, 1]])
def test_sums_of_chains_over_axes_of_all_kinds(cupy, xp, shape, axes):
    x, w = normal(*shape), normal(*(1 if i != 1 else n for i, n in enumerate(shape)), seed=1)
    got = host(cupy, xp.sum(xp.const(x) * xp.const(w) + 1, axes))
    np.testing.assert_allclose(got, (x.astype("d") * w + 1).sum(tuple(axes), keepdims=True), rtol=1e-6, atol=1e-5)


def test_a_chain_is_computed_once_and_lets_its_operands_go(cupy, xp, launched):
    x = xp.const(normal(*SHAPE))
    y = xp.exp(x)
    alive = weakref.ref(x)
    del x
    assert alive() is not None and y.chain is not None
    first = host(cupy, y)
    assert alive() is None and launched == ["elementwise"]
    np.testing.assert_array_equal(host(cupy, y * 1.0), first)
    assert launched == ["elementwise", "elementwise"]


def test_a_long_sum_is_taken_in_parts(cupy, xp, launched):
    """A kernel reads a few arrays: more would keep all of them alive, and want more registers than a thread has."""
    from onnxplain.engines.cupy.arrays import MOST_READS
    from onnxplain.engines.cupy.expression import _Writer

    terms = [normal(*SHAPE, seed=seed) for seed in range(40)]
    total = xp.const(terms[0])
    for each in terms[1:]:
        total = total + xp.const(each)
        if total.chain is not None:
            writer = _Writer()
            writer.name(total)
            assert len(writer.arrays) <= MOST_READS
    np.testing.assert_allclose(host(cupy, total), np.sum(terms, 0, dtype="d"), rtol=1e-4, atol=1e-4)
    assert 40 / MOST_READS <= len(launched) <= 9


def test_products_in_chains_are_rounded_before_they_are_added(cupy, xp, monkeypatch):
    """By the options of the compiler: a GPU adds to the unrounded product where it may, as convolutions do."""
    from onnxplain.engines.cupy import kernels

    asked = {}
    plain = cupy.RawModule
    monkeypatch.setattr(kernels, "_kernel", kernels._kernel.__wrapped__)
    monkeypatch.setattr(
        kernels.cupy,
        "RawModule",
        lambda code, options: asked.setdefault(code, options) and plain(code=code, options=options),
    )
    x, y = normal(500), normal(500, seed=1)
    exact = x.astype("d") * y
    remains = host(cupy, xp.const(x) * xp.const(y) - xp.const(x * y))
    assert not remains.any() and (exact != (x * y)).any()
    assert list(asked.values()) == [("-DREAL=float", "-DBATCH=4", "--fmad=false")]
    asked.clear()
    window = Window.resolve((5, 5), (3, 3), {})
    xp.conv(xp.const(normal(1, 2, 5, 5)), xp.const(normal(2, 2, 3, 3)), window, 1)
    assert list(asked.values()) == [("-DREAL=float",)]


def test_what_is_used_twice_is_computed_once_in_a_chain(cupy, xp, launched):
    """Ten squarings are a chain of ten products, not of a thousand; the chain is cut where it grows too long."""
    from onnxplain.engines.cupy.expression import written

    x = 1 + 0.01 * normal(*SHAPE)
    power = xp.const(x)
    for _ in range(5):
        power = power * power
    assert written(power)[0].count("const T t") == 5
    for _ in range(5):
        power = power * power
    np.testing.assert_allclose(host(cupy, power), x.astype("d") ** 1024, rtol=1e-3)
    assert len(launched) <= 3


def test_numbers_do_not_make_another_kernel(xp):
    from onnxplain.engines.cupy.expression import written

    x = xp.const(normal(*SHAPE))
    assert written(x * 0.25 + 1)[0] == written(x * 0.5 + 3)[0]


def test_elements_of_other_types(cupy, xp):
    """Booleans and integers of a forward run, and empty arrays."""
    c, i, x = np.array([True, False, True]), np.array([3, -4, 5]), np.array([0.5, 2.0, -1.0], "f")
    given = [xp.const(cupy.asarray(each)) for each in (c, i, i.astype("u1"), x)]
    np.testing.assert_array_equal(host(cupy, xp.where(given[0], given[1], given[3])), [3, 2, 5])
    np.testing.assert_array_equal(host(cupy, given[2] + given[3]), i.astype("u1") + x)
    assert host(cupy, given[0] & (given[1] > 0)).tolist() == [True, False, True]
    assert host(cupy, given[0] / (given[3] > 0)).tolist() == [1, 0, np.inf]
    assert host(cupy, xp.const(normal(0, 3)) + xp.const(normal(1, 3))).shape == (0, 3)


def test_an_array_is_neither_true_nor_numpys_nor_made_of_numbers(xp):
    x = xp.const(normal(*SHAPE))
    for wrong in (lambda: bool(x == 1), lambda: x in (1.0, 2.0), lambda: np.asarray(x), lambda: xp.abs(2.0)):
        with pytest.raises(TypeError, match="array"):
            wrong()


def test_numbers_stand_on_either_side_and_arrays_of_numpy_on_none(xp, cupy):
    x = xp.const(normal(*SHAPE))
    np.testing.assert_array_equal(host(cupy, np.float64(2) * x), host(cupy, x * 2))
    for mixed in (lambda: x * normal(*SHAPE), lambda: normal(*SHAPE) * x):
        with pytest.raises(TypeError, match="ndarray"):
            mixed()
