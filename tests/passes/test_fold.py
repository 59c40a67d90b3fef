"""fold_batchnorm and fold_affine: the node is gone and the outputs are the same."""

import numpy as np
import pytest
from passes.same import RNG, model, ops, same

from onnxplain.passes.fold_affine import fold_affine
from onnxplain.passes.fold_batchnorm import fold_batchnorm


def weights(seed=1, **shapes):
    rng = RNG(seed)
    return {name: rng.standard_normal(shape).astype("f") for name, shape in shapes.items()}


def statistics(channels, seed=2):
    """Scale, bias, mean and a small variance, so that a wrong epsilon shows."""
    rng = RNG(seed)
    return weights(seed, s=channels, b=channels, m=channels) | {"v": rng.uniform(0.001, 0.1, channels).astype("f")}


BN = "BatchNormalization <epsilon: float = 0.02>"
X = "float[N,4,6,6] x"
Y = "float[N,C,H,W] y"
LINEAR = {
    "Conv": ("Conv <pads = [1,1,1,1]> (x, w, k)", {"w": (6, 4, 3, 3), "k": 6}, 6, X),
    "Conv without bias": ("Conv <strides = [2,2]> (x, w)", {"w": (6, 4, 3, 3)}, 6, X),
    "grouped": ("Conv <group = 2> (x, w, k)", {"w": (6, 2, 3, 3), "k": 6}, 6, X),
    "depthwise": ("Conv <group = 4> (x, w)", {"w": (8, 1, 3, 3)}, 8, X),
    "1-D": ("Conv (x, w, k)", {"w": (6, 4, 3), "k": 6}, 6, "float[N,4,9] x"),
    "3-D": ("Conv (x, w, k)", {"w": (6, 4, 2, 2, 2), "k": 6}, 6, "float[N,4,3,3,3] x"),
    "ConvTranspose": (
        "ConvTranspose <strides = [2,2], pads = [1,1,1,1]> (x, w, k)",
        {"w": (4, 6, 3, 3), "k": 6},
        6,
        X,
    ),
    "grouped ConvTranspose": ("ConvTranspose <group = 2> (x, w, k)", {"w": (4, 3, 3, 3), "k": 6}, 6, X),
    "Gemm": ("Gemm <alpha = 0.5, beta = 2.0> (x, w, k)", {"w": (4, 6), "k": 6}, 6, "float[N,4] x"),
    "Gemm without C": ("Gemm <alpha = 0.5> (x, w)", {"w": (4, 6)}, 6, "float[N,4] x"),
    "Gemm transposed": (
        "Gemm <alpha = 0.5, beta = 0.3, transA = 1, transB = 1> (x, w, k)",
        {"w": (6, 4), "k": (1, 6)},
        6,
        "float[4,3] x",
    ),
    "Gemm scalar C": ("Gemm <beta = 0.3> (x, w, k)", {"w": (4, 6), "k": ()}, 6, "float[N,4] x"),
}


def linear(name, then, **more):
    """A model of the linear node `z` of that name and `then` behind it."""
    node, shapes, channels, x = LINEAR[name]
    rank = x.count(",") + 1
    y = f"float[{','.join('NCHWD'[:rank])}] y"
    return model(f"({x}) => ({y}) {{ z = {node}\n y = {then} }}", **weights(**shapes), **more), channels, rank


# --- batch normalisation --------------------------------------------------------------------------


@pytest.mark.parametrize("name", LINEAR)
def test_batchnorm_goes_into_the_linear_node_in_front(name):
    channels = LINEAR[name][2]
    proto, *_ = linear(name, f"{BN} (z, s, b, m, v)", **statistics(channels))
    graph, changed = same(proto, fold_batchnorm)
    assert (changed, ops(graph)) == (1, [proto.graph.node[0].op_type])


def test_the_default_epsilon_counts():
    proto, *_ = linear("Conv", "BatchNormalization (z, s, b, m, v)", **statistics(6) | {"v": np.full(6, 1e-6, "f")})
    graph, _ = same(proto, fold_batchnorm)
    assert ops(graph) == ["Conv"]


def test_batchnorm_behind_matmul_leaves_a_bias():
    proto = model(
        f"(float[N,4] x) => (float[N,6] y) {{ z = MatMul(x, w)\n y = {BN}(z, s, b, m, v) }}",
        **weights(w=(4, 6)),
        **statistics(6),
    )
    graph, _ = same(proto, fold_batchnorm)
    assert ops(graph) == ["MatMul", "Add"]


def test_channels_of_batchnorm_are_not_those_of_a_matmul_of_three_axes():
    proto = model(
        f"(float[N,6,4] x) => (float[N,6,6] y) {{ z = MatMul(x, w)\n y = {BN}(z, s, b, m, v) }}",
        **weights(w=(4, 6)),
        **statistics(6),
    )
    graph, _ = same(proto, fold_batchnorm)
    assert ops(graph) == ["MatMul", "BatchNormalization"]


def test_constants_in_front_of_batchnorm_go_into_it_and_on():
    proto = model(
        f"(float[N,4] x) => (float[N,6] y) {{ z = MatMul(x, w)\n p = Add(k, z)\n"
        f" q = Mul(p, f)\n y = {BN}(q, s, b, m, v) }}",
        **weights(w=(4, 6), k=6, f=()),
        **statistics(6),
    )
    # a rule sees each node once, in order: the Mul reaches the BatchNormalization before the Add does
    graph, _ = same(proto, fold_batchnorm, fold_batchnorm, fold_batchnorm)
    assert ops(graph) == ["MatMul", "Add"]


@pytest.mark.parametrize(
    ("node", "shapes"),
    [
        ("Conv <strides = [2,2]> (z, w, k)", {"w": (6, 4, 3, 3), "k": 6}),
        ('Conv <group = 2, auto_pad = "VALID"> (z, w)', {"w": (6, 2, 3, 3)}),
        ("Conv <group = 4, pads = [0,0,0,0]> (z, w)", {"w": (8, 1, 3, 3)}),
    ],
)
def test_batchnorm_goes_into_an_unpadded_conv_behind_it(node, shapes):
    proto = model(f"({X}) => ({Y}) {{ z = {BN}(x, s, b, m, v)\n y = {node} }}", **weights(**shapes), **statistics(4))
    graph, changed = same(proto, fold_batchnorm)
    assert (changed, ops(graph)) == (1, ["Conv"])


@pytest.mark.parametrize("pads", ["pads = [0,0,0,1]", 'auto_pad = "SAME_UPPER"'])
def test_batchnorm_stays_in_front_of_a_padded_conv(pads):
    text = f"({X}) => ({Y}) {{ z = {BN}(x, s, b, m, v)\n y = Conv <{pads}> (z, w) }}"
    graph, changed = same(model(text, **weights(w=(6, 4, 3, 3)), **statistics(4)), fold_batchnorm)
    assert (changed, ops(graph)) == (1, ["BatchNormalization", "Conv"])
    # a shift of 0 is what the Conv pads with
    unshifted = statistics(4) | {"b": np.zeros(4, "f"), "m": np.zeros(4, "f")}
    graph, changed = same(model(text, **weights(w=(6, 4, 3, 3)), **unshifted), fold_batchnorm)
    assert (changed, ops(graph)) == (1, ["Conv"])


@pytest.mark.parametrize("name", ["Gemm", "Gemm without C"])
@pytest.mark.parametrize("transposed", [0, 1])
def test_batchnorm_goes_into_a_gemm_behind_it(name, transposed):
    w = (6, 4) if transposed else (4, 6)
    third = ", k" if name == "Gemm" else ""
    proto = model(
        f"(float[N,4] x) => (float[N,6] y) {{ z = {BN}(x, s, b, m, v)\n"
        f" y = Gemm <alpha = 0.5, beta = 2.0, transB = {transposed}> (z, w{third}) }}",
        **weights(w=w, **({"k": 6} if third else {})),
        **statistics(4),
    )
    graph, _ = same(proto, fold_batchnorm)
    assert ops(graph) == ["Gemm"]


def test_a_batchnorm_that_stays_is_scale_and_bias():
    proto = model(f"({X}) => ({Y}) {{ z = {BN}(x, s, b, m, v)\n y = Relu(z) }}", **statistics(4))
    graph, changed = same(proto, fold_batchnorm)
    norm = graph.nodes[0]
    assert (changed, ops(graph)) == (1, ["BatchNormalization", "Relu"])
    assert norm.attrs == {"epsilon": 0.0}
    np.testing.assert_array_equal([value.values for value in norm.inputs[3:]], [np.zeros(4), np.ones(4)])
    assert fold_batchnorm(graph) == 0


@pytest.mark.parametrize("other", ["a second user", "a graph output"])
def test_a_value_that_others_read_is_not_folded(other):
    second = ", float[N,C,H,W] z" if other == "a graph output" else ", float[N,C,H,W] r"
    tail = "" if other == "a graph output" else "r = Relu(z)"
    text = f"({X}) => ({Y}{second}) {{ z = Conv(x, w)\n y = {BN}(z, s, b, m, v)\n {tail} }}"
    graph, _ = same(model(text, **weights(w=(6, 4, 3, 3)), **statistics(6)), fold_batchnorm)
    assert "BatchNormalization" in ops(graph)


def test_a_batchnorm_in_training_stays():
    norm = "BatchNormalization<training_mode = 1>(x, s, b, m, v)"
    text = f"({X}) => ({Y}, float[4] p, float[4] q) {{ y, p, q = {norm} }}"
    _, changed = same(model(text, **statistics(4)), fold_batchnorm)
    assert changed == 0


def test_a_shared_weight_is_folded_once_per_user():
    folded = [f"z{i} = Conv<pads = [1,1,1,1]>(x, w)\n y{i} = {BN}(z{i}, s{i}, b{i}, m{i}, v{i})" for i in range(3)]
    outs = ", ".join(f"float[N,4,6,6] y{i}" for i in range(4))
    stats = {f"{name}{i}": value for i in range(3) for name, value in statistics(4, seed=i).items()}
    plain = "y3 = Conv<pads = [1,1,1,1]>(x, w)"
    proto = model(f"({X}) => ({outs}) {{ {' '.join([*folded, plain])} }}", **weights(w=(4, 4, 3, 3)), **stats)
    graph, changed = same(proto, fold_batchnorm)
    assert (changed, ops(graph)) == (3, ["Conv"] * 4)
    assert len({node.inputs[1].name for node in graph.nodes}) == 4


# --- factors and terms ----------------------------------------------------------------------------


def constant_behind(name, op, shape):
    return linear(name, f"{op} (z, c)", **weights(seed=5, c=shape))[0]


@pytest.mark.parametrize("op", ["Mul", "Add"])
@pytest.mark.parametrize("name", LINEAR)
def test_a_constant_per_channel_goes_into_the_linear_node(name, op):
    _, _, channels, x = LINEAR[name]
    spatial = x.count(",") - 1
    for shape in [(channels, *(1,) * spatial), (1, channels, *(1,) * spatial), ()]:
        graph, changed = same(constant_behind(name, op, shape), fold_affine)
        assert (changed, ops(graph)) == (1, [LINEAR[name][0].split()[0]]), shape


def test_constants_that_do_not_fit_stay():
    for name, shape in [("Conv", (6,)), ("Conv", (1, 1, 6, 6)), ("Gemm", (3, 1))]:
        graph, changed = same(constant_behind(name, "Mul", shape), fold_affine)
        assert (changed, len(graph.nodes)) == (0, 2), (name, shape)


@pytest.mark.parametrize(("shape", "y"), [((5, 1, 1), "N,5,4,4"), ((1, 1, 1, 1, 1), "A,N,1,4,4")])
def test_a_constant_that_enlarges_the_output_stays(shape, y):
    text = f"({X}) => (float[{y}] y) {{ z = Conv(x, w)\n y = Add(z, c) }}"
    _, changed = same(model(text, **weights(w=(1, 4, 3, 3), c=shape)), fold_affine)
    assert changed == 0


def test_matmul_takes_a_factor_and_keeps_a_term():
    text = "(float[N,3,4] x) => (float[N,3,6] y) {{ z = MatMul(x, w)\n y = {}(z, c) }}"
    values = weights(w=(4, 6), c=6)
    assert ops(same(model(text.format("Mul"), **values), fold_affine)[0]) == ["MatMul"]
    assert ops(same(model(text.format("Add"), **values), fold_affine)[0]) == ["MatMul", "Add"]
    # Dense, then a BatchNormalization as TensorFlow writes it: the factor passes the term
    proto = model(
        "(float[N,4] x) => (float[N,6] y) { z = MatMul(x, w)\n p = Add(z, k)\n q = Mul(f, p)\n y = Add(q, t) }",
        **weights(w=(4, 6), k=6, f=6, t=6),
    )
    assert ops(same(proto, fold_affine, fold_affine)[0]) == ["MatMul", "Add"]


def test_constants_in_a_row_merge():
    proto = model(
        f"({X}) => ({Y}) {{ p = Mul(x, c)\n q = Mul(d, p)\n r = Add(q, c)\n y = Add(r, d) }}",
        **weights(c=(4, 1, 1), d=()),
    )
    graph, changed = same(proto, fold_affine)
    assert (changed, ops(graph)) == (2, ["Mul", "Add"])


def test_a_term_that_enlarges_stays_in_front_of_its_factor():
    proto = model("(float[N,1,4] x) => (float[N,5,4] y) { p = Add(x, c)\n y = Mul(p, d) }", **weights(c=(5, 1), d=()))
    graph, changed = same(proto, fold_affine)
    assert (changed, ops(graph)) == (0, ["Add", "Mul"])


def test_neutral_constants_vanish():
    proto = model(
        f"({X}) => ({Y}) {{ p = Relu(x)\n q = Mul(p, one)\n y = Add(nil, q) }}",
        one=np.ones((4, 1, 1), "f"),
        nil=np.zeros((), "f"),
    )
    graph, changed = same(proto, fold_affine)
    assert (changed, ops(graph)) == (2, ["Relu"])


def test_a_neutral_constant_that_broadcasts_stays():
    proto = model("(float[1] x) => (float[2,3] y) { p = Relu(x)\n y = Mul(p, one) }", one=np.ones((2, 3), "f"))
    _, changed = same(proto, fold_affine)
    assert changed == 0
