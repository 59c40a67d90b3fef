"""The compiled engine: one session, forward and backward, against the NumPy engine in float64."""

from __future__ import annotations

from itertools import product

import numpy as np
import onnx
import pytest
from cli.test_cli import run
from kinds import kinds
from nets import BUNDLED, DIGITS, digits, network, node, relu_cnn
from PIL import Image

import onnxplain as ox
from onnxplain.engines.onnxruntime import compiled, program
from onnxplain.errors import FallbackWarning, RuntimeRefusalError, UsageError
from onnxplain.method.registry import METHODS
from onnxplain.method.walk_method import WalkSpec
from onnxplain.walk.seed import SeedSpec

EPS = 1e-4  # LRP with a smaller one amplifies the rounding of float32 where z is near 0


def options(method):
    """A stabiliser that float32 can bear, and bounds for the box rule."""
    bounds = {"low": -4.0, "high": 4.0} if method.endswith("_box") else {}
    return bounds | ({"eps": EPS} if "eps" in METHODS[method].parameters else {})


def worst(a, b):
    """Largest difference, in units of the largest value."""
    return np.abs(a - b).max() / np.abs(b).max()


def pictures(name):
    model = digits(name)
    return np.concatenate([model.preprocess(Image.open(path)) for path in DIGITS[:7]])


NETS = {
    "relu_cnn": lambda: (relu_cnn()[0], np.random.default_rng(3).normal(size=(7, 3, 11, 9)).astype("f")),
    "torch": lambda: (BUNDLED / "digits_cnn_torch.onnx", pictures("digits_cnn_torch")),
    "keras": lambda: (BUNDLED / "digits_cnn_keras.onnx", pictures("digits_cnn_keras")),
    "dynamo": lambda: (BUNDLED / "digits_cnn_dynamo.onnx", pictures("digits_cnn_dynamo")),
    "mlp": lambda: (BUNDLED / "digits_mlp_sklearn.onnx", np.load(BUNDLED / "digits_samples.npy")[:7]),
    "linear": lambda: (BUNDLED / "digits_linear_sklearn.onnx", np.load(BUNDLED / "digits_samples.npy")[:7]),
    "wine": lambda: (
        BUNDLED / "wine_mlp_torch.onnx",
        np.load(BUNDLED / "wine_sample.npy") * np.linspace(0.9, 1.1, 7, dtype="f")[:, None],
    ),
}
NO_RECTIFIER = {("dynamo", "deconvnet"), ("dynamo", "guided_backprop")}


MANY_RULES = ("gradient", "lrp.epsilon_plus_flat", "deeplift")
WALKS = [name for name, method in METHODS.items() if isinstance(method, WalkSpec)]
WALKED = [case for case in product(NETS, WALKS) if case not in NO_RECTIFIER]


@pytest.mark.parametrize(
    ("name", "method"), kinds(WALKED, lambda name, method: name == "relu_cnn" or method in MANY_RULES)
)
def test_one_session_serves_every_number_of_rows(name, method):
    """What it says of a row does not depend on the others; `tests/agree` compares it with float64."""
    source, x = NETS[name]()
    compiled = ox.Explainer(ox.load(source, engine="onnxruntime"), method, **options(method))
    whole = compiled(x)
    for rows in (1, 3):
        part = compiled(x[:rows])
        assert worst(part.attribution, whole.attribution[:rows]) < (1e-4 if "eps" in options(method) else 1e-5)
        np.testing.assert_array_equal(part.target, whole.target[:rows])
        np.testing.assert_allclose(part.score, whole.score[:rows], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(part.prediction, whole.prediction[:rows], rtol=1e-4, atol=1e-4)
    assert len({id(each) for each in compiled.method.engine.inner._programs.values()}) == 1


@pytest.mark.parametrize("seed", ["logit", "one", "probability", "contrast", np.eye(4)[2], -np.ones((3, 4))])
@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon", "deeplift"])
def test_seeds_and_targets(seed, method):
    model, x = relu_cnn()
    a, b = (ox.Explainer(ox.load(model, engine=engine), method) for engine in ("onnxruntime", "numpy"))
    for target in (None, 2, [3, 0, 1]):
        got, wanted = a(x, target, seed=seed), b(x, target, seed=seed)
        assert worst(got.attribution, wanted.attribution) < 1e-5
        np.testing.assert_array_equal(got.target, wanted.target)
        np.testing.assert_allclose(got.score, wanted.score, rtol=1e-5)
        if wanted.delta is not None:
            np.testing.assert_allclose(got.delta, wanted.delta, atol=1e-5 * np.abs(wanted.score).max())


@pytest.mark.parametrize("neuron", [ox.Neuron("r1", 2, "max"), ox.Neuron("c2", 0, (1, 1)), ox.Neuron("s")], ids=str)
@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon", "deeplift"])
def test_neurons_inside(neuron, method):
    model, x = relu_cnn()
    a, b = (ox.explain(ox.load(model, engine=engine), x, method, neuron) for engine in ("onnxruntime", "numpy"))
    assert worst(a.attribution, b.attribution) < 1e-5
    np.testing.assert_allclose(a.score, b.score, rtol=1e-5)


def test_attribution_to_an_inner_layer():
    model, x = relu_cnn()
    a, b = (
        ox.explain(ox.load(model, engine=engine), x, "lrp.epsilon", layer="p1") for engine in ("onnxruntime", "numpy")
    )
    assert a.attribution.shape == b.attribution.shape == (3, 6, 5, 4)
    assert worst(a.attribution, b.attribution) < 1e-5


@pytest.mark.parametrize("baseline", [0.3, "rows"])
def test_baselines(baseline):
    model, x = relu_cnn()
    given = np.random.default_rng(1).normal(size=x.shape).astype("f") if baseline == "rows" else baseline
    a, b = (ox.Explainer(ox.load(model, engine=engine), "deeplift") for engine in ("onnxruntime", "numpy"))
    for still in (given, 0.0, given):
        got, wanted = a(x, baseline=still), b(x, baseline=still)
        assert worst(got.attribution, wanted.attribution) < 1e-5
        np.testing.assert_allclose(got.delta, 0, atol=1e-5)


def test_a_new_size_is_traced_again_and_an_old_one_is_not():
    """Height and width are fixed when a plan is traced; the rows are not."""
    model, x = relu_cnn()
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].Clear()
    a, b = (ox.Explainer(ox.load(model, engine=engine), "lrp.epsilon") for engine in ("onnxruntime", "numpy"))
    small = np.ascontiguousarray(x[..., :7])
    for each in (x, small, x[:1], small[:2]):
        assert worst(a(each).attribution, b(each).attribution) < 1e-5
    assert len({id(each) for each in a.method.engine.inner._programs.values()}) == 2


@pytest.mark.parametrize("batch", [1, 2])
def test_a_file_with_a_fixed_batch(batch):
    model, x = relu_cnn()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
    a, b = (ox.explain(ox.load(model, engine=engine), x, "lrp.epsilon") for engine in ("onnxruntime", "numpy"))
    assert worst(a.attribution, b.attribution) < 1e-5


def test_a_file_that_says_any_number_of_rows_and_means_one():
    """Its Reshape has a 1 written in: the plan is traced for that number of rows."""
    w = np.random.default_rng(0).normal(size=(6, 3)).astype("f")
    nodes = [node("Reshape", "x shape", "r"), node("Relu", "r", "a"), node("MatMul", "a w", "y")]
    model = network(nodes, (1, 2, 3), {"shape": np.array([1, 6]), "w": w})
    x = np.random.default_rng(1).normal(size=(1, 2, 3)).astype("f")
    a, b = (ox.explain(ox.load(model, engine=engine), x, "input_x_gradient") for engine in ("onnxruntime", "numpy"))
    np.testing.assert_allclose(a.attribution, b.attribution, rtol=1e-5)


def test_nodes_are_named_after_rule_and_source():
    """So that an error of the runtime, or its profile, says which rule at which node it means."""
    from onnxplain.engines.onnxruntime.joint import TraceSpec, join
    from onnxplain.engines.onnxruntime.sizes import learn

    model, x = relu_cnn()
    explainer = ox.Explainer(ox.load(model), "lrp.epsilon_plus")
    graph, scores = explainer.method.canonical.graph, explainer.method.canonical.scores
    sizes = learn(explainer.model.canonical, {"x": x}, explainer.plan.values, symbolic=True)
    joint = join(TraceSpec(graph, explainer.plan, scores, SeedSpec("one", "one"), sizes, baseline=False))
    names = {each.name.rsplit("/", 1)[0] for each in joint.proto.graph.node}
    assert {"explain/ZPlus(eps=1e-06, bias=True) @ c1", "explain/route @ p1", "explain/seed"} <= names
    domains = {each.domain for each in joint.proto.graph.node}
    assert domains <= {"", "ai.onnx"}


def test_the_engine_is_the_default_in_float32_and_refuses_float64():
    model, _ = relu_cnn()
    assert ox.load(model).engine == "onnxruntime"
    assert ox.load(model, precision="float64").engine == "numpy"
    with pytest.raises(UsageError, match="computes in float32"):
        ox.load(model, engine="onnxruntime", precision="float64")


def test_errors_come_as_from_the_eager_engine():
    model, x = relu_cnn()
    explainer = ox.Explainer(ox.load(model), "gradient")
    for wrong, message in (
        ({"target": 9}, "out of range"),
        ({"seed": "nonsense"}, "unknown seed"),
        ({"target": "cat"}, "label"),
    ):
        with pytest.raises(UsageError, match=message):
            explainer(x, **wrong)


def test_a_book_is_kept_as_ever():
    model, x = relu_cnn()
    e = ox.explain(ox.load(model), x, "lrp.epsilon", book=True)
    assert len(e.book.entries) == 9
    assert worst(e.attribution, ox.explain(ox.load(model), x, "lrp.epsilon").attribution) < 1e-5


def test_a_common_factor_of_the_two_tapes_finds_what_it_needs():
    """(s k + s₀ k)/2 becomes (s + s₀) k/2: no rule reads the baseline's s₀, but the emitted node takes it."""
    nodes = [node("ReduceSum", "x axes", "s", keepdims=0), node("Mul", "s k", "d"), node("Mul", "d d", "y")]
    model = network(nodes, (4, 3, 5), {"axes": np.array([2]), "k": np.array(0.2, "f")})
    x = np.random.default_rng(0).normal(size=(4, 3, 5)).astype("f")
    got, want = (
        ox.explain(ox.load(model, **options), x, "deeplift", target=1, baseline=-0.3).attribution
        for options in ({"engine": "onnxruntime"}, {"precision": "float64"})
    )
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_a_deep_network_is_traced_without_recursion():
    depth = 1500
    nodes = [node("Sin", "x" if i == 0 else f"v{i - 1}", f"v{i}") for i in range(depth)]
    model = ox.load(network(nodes, (2, 3), {}, output=f"v{depth - 1}"), engine="onnxruntime")
    x = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], "f")
    got, y, slope = ox.explain(model, x, "gradient", target=1).attribution, x[:, 1].astype(float), np.ones(2)
    for _ in range(depth):
        slope, y = slope * np.cos(y), np.sin(y)
    np.testing.assert_allclose(got[:, 1], slope, rtol=1e-3)


HALF_TURNED = """
    <float[16, 16] w, float[16, 5] v, int64[4] heads = {0, 6, 4, 4}, int64[3] flat = {0, 6, 16}, int64[1] zero = {0},
     int64[1] two = {2}, int64[1] last = {3}, int64[1] end = {4}, int64[1] places = {1}> {
    q = MatMul(x, w)  r = Reshape(q, heads)  t = Transpose<perm = [0, 2, 1, 3]>(r)
    a = Slice(t, zero, two, last)  b = Slice(t, two, end, last)  s = Sigmoid(a)  c = Concat<axis = 3>(s, b)
    u = Transpose<perm = [0, 2, 1, 3]>(c)  f = Reshape(u, flat)  o = MatMul(f, v)
    y = ReduceMean<keepdims = 0>(o, places) }"""
"""Attention that turns a part of each head, as rotary position embeddings do: slices between two Transposes."""


@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon", "deeplift"])
def test_slices_between_transposes_are_walked(method):
    rng = np.random.default_rng(0)
    proto = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 18]> g (float[N, 6, 16] x) => (float[N, 5] y) {HALF_TURNED}'
    )
    del proto.graph.input[1:]  # the weights, which the parser lists among the inputs
    for name, shape in (("w", (16, 16)), ("v", (16, 5))):
        proto.graph.initializer.append(onnx.numpy_helper.from_array(rng.normal(size=shape).astype("f"), name))
    x = rng.normal(size=(2, 6, 16)).astype("f")
    compiled, exact = (
        ox.explain(ox.load(proto, engine=engine, precision=precision), x, method, target=0).attribution
        for engine, precision in (("onnxruntime", "float32"), ("numpy", "float64"))
    )
    assert worst(compiled, exact) < 1e-4


@pytest.mark.parametrize("when", ["opened", "run"])
@pytest.mark.parametrize("method", ["lrp.epsilon", "deeplift", "smoothgrad"])
def test_numpy_takes_over_where_onnxruntime_refuses_the_compiled_walk(when, method, monkeypatch):
    proto, x = relu_cnn()
    wanted = ox.explain(ox.load(proto, engine="numpy"), x, method)
    refusing(when, monkeypatch)
    explainer = ox.Explainer(ox.load(proto, engine="onnxruntime"), method)
    with pytest.warns(
        FallbackWarning, match=r"does not run the compiled walk \(no kernel\): the engine is numpy"
    ) as told:
        first = explainer(x)
    assert len(told) == 1
    monkeypatch.setattr(compiled.CompiledEngine, "_program", None)  # nothing is compiled any more
    for e in (first, explainer(x)):  # and the second call warns no more
        np.testing.assert_array_equal(e.attribution, wanted.attribution)
        ran = e.record["engine"]
        assert (ran["name"], ran["instead_of"], ran["because"]) == ("numpy", "onnxruntime", "no kernel")
        assert ran["providers"] == ["CPUExecutionProvider"]


def refusing(when, monkeypatch):
    """Make onnxruntime refuse compiled walks, and nothing else."""

    def refuse(*_):
        raise RuntimeRefusalError("no kernel")

    if when == "opened":
        monkeypatch.setattr(program, "open_session", refuse)
    else:
        monkeypatch.setattr(program.Program, "run", refuse)


def test_the_command_line_says_in_one_line_that_numpy_took_over(monkeypatch, tmp_path):
    refusing("run", monkeypatch)
    given = (BUNDLED / "wine_mlp_torch.onnx", BUNDLED / "wine_sample.npy", "--engine", "onnxruntime", "-o", tmp_path)
    done = run("explain", *given, "-m", "gradient")
    assert done.exit_code == 0
    (line,) = [line for line in done.stderr.splitlines() if "compiled" in line]
    assert line.startswith("onnxplain: warning: onnxruntime does not run the compiled walk (no kernel): the engine is")
    assert run("explain", *given, "-m", "gradient", "-q").stderr == ""


@pytest.mark.filterwarnings("error::onnxplain.errors.FallbackWarning")
def test_scores_that_are_logarithms_are_walked_as_one_session():
    """onnxruntime fuses a (1 / x), the seed times the slope of Log, and loses the seed."""
    w, x = np.random.default_rng(0).normal(size=(4, 5)).astype("f"), np.ones((2, 4), "f")
    nodes = [node("MatMul", "x w", "a"), node("Exp", "a", "b"), node("Log", "b", "y")]
    e = ox.explain(ox.load(network(nodes, x.shape, {"w": w})), x, "gradient", target=[1, 3])
    np.testing.assert_allclose(e.attribution, w[:, [1, 3]].T, rtol=1e-6)
