"""fuse_activations and fuse_layernorm: every way to write a formula becomes one node with the same output."""

import io
import math
import warnings

import numpy as np
import onnx
import pytest
from nets import SHARED, needs_shared
from passes.same import RNG, model, ops, same

from onnxplain.graph.upgrade import upgrade
from onnxplain.passes.arithmetic import arithmetic
from onnxplain.passes.constants import constants
from onnxplain.passes.fuse_activations import fuse_activations
from onnxplain.passes.fuse_layernorm import fuse_layernorm
from onnxplain.passes.identities import identities

PREPARE = (constants, identities, arithmetic, constants)


NUMBERS = {
    "zero": 0,
    "one": 1,
    "two": 2,
    "three": 3,
    "five": 5,
    "six": 6,
    "half": 1 / 2,
    "nearly": 0.5001,
    "sixth": 1 / 6,
    "root": math.sqrt(1 / 2),
    "slope": math.sqrt(2 / math.pi),
    "cubic": 0.044715,
    "quick": 1.702,
}


def activation(text):
    """A model of y = f(x) with the constants above."""
    numbers = {name: np.array(value, "f") for name, value in NUMBERS.items()}
    return model(f"(float[N,5,4] x) => (float[N,5,4] y) {{ {text} }}", **numbers)


ERF = "a = Mul(x, root)\n e = Erf(a)\n f = Add(e, one)\n"
CUBE = "s = Mul(x, x)\n q = Mul(x, s)\n"
TANH = "i = Add(t, x)\n a = Mul(slope, i)\n e = Tanh(a)\n f = Add(one, e)\n h = Mul(f, half)\n y = Mul(x, h)"
OUTSIDE = "s = Pow(x, two)\n t = Mul(s, cubic)\n u = Add(one, t)\n v = Mul(x, slope)\n a = Mul(u, v)\n"
CLIP = "a = Add(x, three)\n c = Clip(a, zero, six)\n"
FORMS = {
    "(x/2)(1+erf)": ("Gelu", f"{ERF} h = Mul(x, half)\n y = Mul(h, f)"),
    "(x(1+erf))/2": ("Gelu", f"{ERF} h = Mul(f, x)\n y = Mul(half, h)"),
    "x((1+erf)/2)": ("Gelu", f"{ERF} h = Mul(f, half)\n y = Mul(x, h)"),
    "tanh, x*(x*x)": ("Gelu", f"{CUBE} t = Mul(q, cubic)\n {TANH}"),
    "tanh, (c*x*x)*x": ("Gelu", f"p = Mul(cubic, x)\n q = Mul(p, x)\n t = Mul(q, x)\n {TANH}"),
    "tanh, pow": ("Gelu", f"q = Pow(x, three)\n t = Mul(cubic, q)\n {TANH}"),
    "tanh, x(1+cx²)": (
        "Gelu",
        f"{OUTSIDE} e = Tanh(a)\n f = Add(e, one)\n h = Mul(x, half)\n y = Mul(h, f)",
    ),
    "silu": ("Swish", "s = Sigmoid(x)\n y = Mul(s, x)"),
    "quick gelu": ("Swish", "a = Mul(quick, x)\n s = Sigmoid(a)\n y = Mul(x, s)"),
    "hard sigmoid": ("HardSwish", "s = HardSigmoid<alpha = 0.1666667, beta = 0.5>(x)\n y = Mul(x, s)"),
    "x(clip/6)": ("HardSwish", f"{CLIP} d = Mul(c, sixth)\n y = Mul(d, x)"),
    "(x clip)/6": ("HardSwish", f"{CLIP} d = Mul(x, c)\n y = Mul(sixth, d)"),
    "(x/6)clip": ("HardSwish", f"{CLIP} d = Mul(x, sixth)\n y = Mul(d, c)"),
    "clip to 1": (
        "HardSwish",
        "d = Mul(x, sixth)\n a = Add(d, half)\n c = Clip(a, zero, one)\n y = Mul(x, c)",
    ),
    "mish": ("Mish", "s = Softplus(x)\n t = Tanh(s)\n y = Mul(x, t)"),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_activation_is_one_node(form):
    op, text = FORMS[form]
    graph, changed = same(activation(text), fuse_activations)
    assert (changed, ops(graph)) == (1, [op])


def test_what_only_looks_like_an_activation_stays():
    for text in (
        f"{ERF} h = Mul(x, nearly)\n y = Mul(h, f)",
        "a = Sigmoid(x)\n b = Relu(x)\n y = Mul(a, b)",
        "s = HardSigmoid<alpha = 0.2>(x)\n y = Mul(x, s)",
        "a = Add(x, three)\n c = Clip(a, zero, five)\n d = Mul(x, c)\n y = Mul(sixth, d)",
    ):
        assert same(activation(text), fuse_activations)[1] == 0, text


def test_a_product_may_itself_be_activated():
    graph, changed = same(activation("p = Mul(x, two)\n s = Sigmoid(p)\n y = Mul(s, p)"), fuse_activations)
    assert (changed, ops(graph)) == (1, ["Mul", "Swish"])


def test_a_gate_that_others_read_is_kept():
    proto = model("(float[N,5] x) => (float[N,5] y, float[N,5] s) { s = Sigmoid(x)\n y = Mul(s, x) }")
    graph, _ = same(proto, fuse_activations)
    assert sorted(ops(graph)) == ["Sigmoid", "Swish"]


# --- normalisations -------------------------------------------------------------------------------

DEVIATION = "m = ReduceMean(x, ax)\n n = Neg(m)\n d = Add(x, n)\n"
ROOT = "w = Add(v, eps)\n r = Sqrt(w)\n i = Reciprocal(r)\n"
SQUARES = {"product": "q = Mul(d, d)\n", "power": "q = Pow(d, two)\n"}
STEP = "g = Mul(i, s)\n h = Mul(x, g)\n k = Mul(m, g)\n"
ENDS = {
    "(d i) s + b": "g = Mul(d, i)\n h = Mul(g, s)\n y = Add(h, b)",
    "d (i s) + b": "g = Mul(i, s)\n h = Mul(d, g)\n y = Add(b, h)",
    "x (i s) + (b - m (i s))": f"{STEP} l = Neg(k)\n o = Add(b, l)\n y = Add(h, o)",
    "d i s": "g = Mul(d, i)\n y = Mul(s, g)",
    "d i": "y = Mul(i, d)",
}


def normalised(text, axes=(-1,), shape=(4,)):
    rng = RNG(3)
    weights = {name: rng.standard_normal(shape).astype("f") for name in ("s", "b")}
    return model(
        f"(float[N,5,4] x) => (float[N,5,4] y) {{ {text} }}",
        ax=np.array(axes),
        eps=np.array(0.03, "f"),
        two=np.array(2, "f"),
        half=np.array(-0.5, "f"),
        **weights,
    )


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("square", SQUARES)
def test_a_layernorm_is_one_node(end, square):
    text = f"{DEVIATION} {SQUARES[square]} v = ReduceMean(q, ax)\n {ROOT} {ENDS[end]}"
    graph, changed = same(normalised(text), fuse_layernorm)
    assert (changed, ops(graph)) == (1, ["LayerNormalization"])


@pytest.mark.parametrize(
    "root", ["w = Add(eps, v)\n i = Pow(w, half)\n", "w = Add(v, eps)\n u = Reciprocal(w)\n i = Sqrt(u)\n"]
)
def test_other_inverse_roots(root):
    text = f"{DEVIATION} q = Mul(d, d)\n v = ReduceMean(q, ax)\n {root} {ENDS['d i']}"
    assert ops(same(normalised(text), fuse_layernorm)[0]) == ["LayerNormalization"]


@pytest.mark.parametrize(("axes", "shape"), [((1, 2), (5, 4)), ((-2, -1), (1, 5, 1)), ((2,), (1, 1, 4))])
def test_several_axes_and_broadcast_weights(axes, shape):
    text = f"{DEVIATION} q = Mul(d, d)\n v = ReduceMean(q, ax)\n {ROOT} {ENDS['(d i) s + b']}"
    graph, _ = same(normalised(text, axes, shape), fuse_layernorm)
    assert ops(graph) == ["LayerNormalization"]


def test_a_scale_along_another_axis_stays_outside():
    text = f"{DEVIATION} q = Mul(d, d)\n v = ReduceMean(q, ax)\n {ROOT} {ENDS['(d i) s + b']}"
    graph, _ = same(normalised(text, shape=(5, 1)), fuse_layernorm)
    assert ops(graph) == ["LayerNormalization", "Mul", "Add"]


def test_other_axes_are_no_layernorm():
    text = f"{DEVIATION} q = Mul(d, d)\n v = ReduceMean(q, ax)\n {ROOT} {ENDS['d i']}"
    assert same(normalised(text, axes=(1,)), fuse_layernorm)[1] == 0


@pytest.mark.parametrize("end", ["y = Mul(x, i)", "g = Mul(x, i)\n y = Mul(s, g)", "g = Mul(i, s)\n y = Mul(g, x)"])
def test_an_rmsnorm_is_one_node(end):
    text = f"q = Pow(x, two)\n v = ReduceMean(q, ax)\n {ROOT} {end}"
    graph, changed = same(normalised(text), fuse_layernorm)
    assert (changed, ops(graph)) == (1, ["RMSNormalization"])


# --- as exporters write them ----------------------------------------------------------------------


def modules(nn):
    return {
        "Gelu": nn.GELU(),
        "Gelu tanh": nn.GELU("tanh"),
        "Swish": nn.SiLU(),
        "HardSwish": nn.Hardswish(),
        "Mish": nn.Mish(),
        "LayerNormalization": nn.LayerNorm(8),
        "LayerNormalization 2": nn.LayerNorm((3, 8)),
        "RMSNormalization": nn.RMSNorm(8),
    }


@pytest.mark.parametrize(
    ("dynamo", "opset"),
    [(False, 9), (False, 13), (False, 17), (True, 18), pytest.param(True, 20, marks=pytest.mark.slow)],
)
def test_torch_exports(dynamo, opset, capfd):
    torch = pytest.importorskip("torch", reason="torch writes the models of this test")
    torch.manual_seed(0)
    for name, module in modules(torch.nn).items():
        if name == "RMSNormalization" and not dynamo:
            continue  # the older exporter does not know it
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x = (torch.zeros(2, 3, 8),)
            torch.onnx.export(module.eval(), x, file, dynamo=dynamo, opset_version=opset, input_names=["x"])
        proto = upgrade(onnx.load_from_string(file.getvalue()))
        graph, _ = same(proto, *PREPARE, fuse_activations, fuse_layernorm)
        assert ops(graph) == [name.split()[0]], (name, ops(graph))


@needs_shared
@pytest.mark.parametrize(
    ("name", "op", "count"), [("ppocr_mobile_v2_cls", "HardSwish", 18), ("magika_standard_v3_3", "Gelu", 2)]
)
def test_real_models(name, op, count):
    proto = upgrade(onnx.load(SHARED / "real" / f"{name}.onnx"))
    rng = RNG(0)
    x = rng.standard_normal((2, 3, 48, 192)).astype("f") if op == "HardSwish" else rng.integers(0, 256, (2, 2048), "i")
    graph, changed = same(proto, *PREPARE, fuse_activations, feeds={proto.graph.input[0].name: x})
    assert changed == ops(graph).count(op) == count
