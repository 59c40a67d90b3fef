"""Loops and Scans of files are walked step by step: the file's own values, and its slopes."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import onnxplain as ox

HEAD = '<ir_version: 10, opset_import: ["" : 21]> net '
WEIGHTS = """float[3, 4] w = {1, -1, 0.5, 0, -0.5, 1, 0.2, 0.7, 0.3, -0.4, 1, -1},
    float[4, 2] v = {1, 0, -1, 1, 0.5, 1, 2, -1},
    float[1, 4] h0 = {0.1, -0.2, 0.3, 0}, int64 zero = {0}, int64 one = {1}, bool yes = {1}"""


def loop(inside, before="", trips="trips", states="", behind="h", given="float[1, 5, 3] x", start="yes"):
    """A Loop over the steps of x [1, T, 3], whose body computes hout of hin and of the number i of the step."""
    return f"""{HEAD} ({given}) => (float[1, 2] y) <{WEIGHTS}, int64 trips = {{5}}> {{
        xt = Transpose <perm = [1, 0, 2]> (x) {before}
        {behind} = Loop ({trips}, {start}, h0 {states}) <body = step (int64 i, bool cond, float[1, 4] hin {{ARGS}})
            => (bool go, float[1, 4] hout {{OUTS}}) {{ {inside} }}>
        y = MatMul (h, v) }}"""


def body(graph_text, args="", outs=""):
    return graph_text.replace("{ARGS}", args).replace("{OUTS}", outs)


STEP = "u = MatMul (xi, w) z = Add (u, hin) hout = Tanh (z)"
GOES_ON = "go = Identity (cond)"
SIZED = "s = Shape (xt) size = Gather (s, zero)"
FILES = {
    "its own number": body(loop(f"xi = Gather (xt, i) {STEP} {GOES_ON}")),
    "along another axis": body(loop(f"xi = Gather <axis = 1> (x, i) {STEP} {GOES_ON}")),
    "a constant condition": body(loop(f"xi = Gather (xt, i) {STEP} go = Identity (yes)")),
    "as many steps as the input": body(
        loop(f"xi = Gather (xt, i) {STEP} {GOES_ON}", SIZED, "size", given="float[1, T, 3] x")
    ),
    "until a condition": body(
        loop(
            f"xi = Gather (xt, k) {STEP} kout = Add (k, one) go = Less (kout, size)",
            f"{SIZED} many = Add (size, size)",
            "many",
            ", zero",
            "h, last",
            "float[1, T, 3] x",
        ),
        ", int64 k",
        ", int64 kout",
    ),
    "captured as a whole": body(
        loop(
            f"xi = Gather (xt, i) m = ReduceMean <keepdims = 0> (xt, axes) o = Mul (xi, m) u = MatMul (o, w) "
            f"z = Sub (u, hin) hout = Sigmoid (z) {GOES_ON}",
            "axes = Constant <value_ints = [0]> ()",
        )
    ),
    "each state is collected": body(
        loop(f"xi = Gather (xt, i) {STEP} all = Identity (hout) {GOES_ON}", behind="last, hs")
        .replace("y = MatMul (h, v)", "h = ReduceMax <keepdims = 0> (hs, first) y = MatMul (h, v)")
        .replace("int64 trips", "int64[1] first = {0}, int64 trips"),
        "",
        ", float[1, 4] all",
    ),
    "a first state of the input": body(loop(f"xi = Gather (xt, i) {STEP} {GOES_ON}"))
    .replace("yes, h0", "yes, start")
    .replace("xt = T", "m = ReduceMean <keepdims = 0> (x, middle) start = MatMul (m, w) xt = T")
    .replace("int64 trips", "int64[1] middle = {1}, int64 trips"),
    "a Scan": f"""{HEAD} (float[1, 5, 3] x) => (float[1, 2] y) <{WEIGHTS}> {{
        h, hs = Scan <num_scan_inputs = 1, scan_input_axes = [1], scan_input_directions = [1], scan_output_axes = [1],
            scan_output_directions = [1], body = step (float[1, 4] hin, float[1, 3] xi)
            => (float[1, 4] hout, float[1, 4] o) {{ {STEP} o = Neg (hout) }}> (h0, x)
        many = Constant <value_ints = [1]> () a = Slice (hs, many, five, many) m = ReduceMean <keepdims = 0> (a, many)
        both = Add (h, m) y = MatMul (both, v) }}""".replace("bool yes", "int64[1] five = {4}, bool yes"),
}


def score(proto, x):
    return ort.InferenceSession(proto.SerializeToString()).run(None, {"x": x.astype("f")})[0]


@pytest.mark.filterwarnings("error::onnxplain.errors.FallbackWarning")
@pytest.mark.parametrize("name", FILES)
def test_slopes_and_differences_are_those_of_the_file(name):
    proto = onnx.parser.parse_model(FILES[name])
    onnx.checker.check_model(proto)
    rng = np.random.default_rng(0)
    x, way, step = rng.normal(size=(1, 5, 3)).astype("f"), rng.normal(size=(1, 5, 3)), 2e-3
    model = ox.load(proto)
    e = ox.explain(model, x, "gradient", target=0)
    np.testing.assert_allclose(e.prediction, score(proto, x), rtol=1e-5)
    slope = (score(proto, x + step * way) - score(proto, x - step * way))[0, 0] / (2 * step)
    np.testing.assert_allclose((e.attribution * way).sum(), slope, rtol=3e-3)
    exact = ox.explain(ox.load(proto, precision="float64"), x, "gradient", target=0).attribution
    np.testing.assert_allclose(e.attribution, exact, atol=1e-5 * np.abs(exact).max())
    whole = ox.explain(model, x, "deeplift", target=0)
    due = score(proto, x)[0, 0] - score(proto, 0 * x)[0, 0]
    np.testing.assert_allclose(whole.attribution.sum(), due, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "inside",
    [
        f"xi = Gather (xt, i) {STEP} m = ReduceMax <keepdims = 0> (hout) go = Less (m, m)",  # data decide when it ends
        f"""xi = Gather (xt, i) {STEP} go = If (cond) <then_branch = a () => (bool p) {{ p = Identity (yes) }},
        else_branch = b () => (bool q) {{ q = Identity (yes) }}>""",
    ],
    ids=("decided by data", "with a body of its own"),
)
def test_others_are_refused_by_name(inside):
    model = ox.load(onnx.parser.parse_model(body(loop(inside))))
    with pytest.raises(ox.errors.UnsupportedModelError, match="Loop"):
        ox.Explainer(model, "gradient")


def by_rows(text):
    """The same for any number of rows."""
    for one, any_ in (("[1, 5, 3] x", "[N, 5, 3] x"), ("[1, 2] y", "[N, 2] y"), ("[1, 4] h", "[M, 4] h")):
        text = text.replace(f"float{one}", f"float{any_}")
    return text.replace("float[M, 4] h0", "float[1, 4] h0")


def test_a_state_that_takes_another_size_is_refused_by_name():
    """A Loop may start with one row and go on with as many as the input has; a Scan may not."""
    model = ox.load(onnx.parser.parse_model(by_rows(FILES["its own number"])))
    with pytest.raises(ox.errors.UnsupportedModelError, match="Loop"):
        ox.Explainer(model, "gradient")
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("f")
    assert ox.explain(model, x, "occlusion", target=0, window=1, stride=1).attribution.shape == x.shape


def test_sizes_are_computed_within_a_body():
    sizes = "s = Shape (hin) p = Gather (s, zero) q = Unsqueeze (p, axis) t = Concat <axis = 0> (q, three)"
    start = "n = Shape <start = 0, end = 1> (x) e = Concat <axis = 0> (n, four) start = Expand (h0, e)"
    step = STEP.replace("xi", "r").replace("u = M", "r = Reshape (xi, t) u = M")
    text = body(loop(f"xi = Gather (xt, i) {sizes} {step} {GOES_ON}", start)).replace("yes, h0", "yes, start")
    given = "int64[1] axis = {0}, int64[1] three = {3}, int64[1] four = {4}, int64 trips"
    proto = onnx.parser.parse_model(by_rows(text).replace("int64 trips", given))
    x, way = (np.random.default_rng(seed).normal(size=(2, 5, 3)).astype("f") for seed in (0, 1))
    found = ox.explain(ox.load(proto), x, "gradient", target=0)
    slope = (score(proto, x + 0.002 * way) - score(proto, x - 0.002 * way))[:, 0].sum() / 0.004
    np.testing.assert_allclose((found.attribution * way).sum(), slope, rtol=3e-3)


def test_inspect_says_how_they_are_walked():
    model = ox.load(onnx.parser.parse_model(FILES["a Scan"]))
    assert model.canonical.ways == {"Scan: step by step, as a Scan": 1}
