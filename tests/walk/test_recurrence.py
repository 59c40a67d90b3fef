"""Walks back through recurrent layers: slopes, relevance and differences, on every engine."""

import pathlib
import pickle

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from nets import packed
from recurrent import CASES, layer

import onnxplain as ox
from onnxplain.engines.forward import ReferenceForward
from onnxplain.method.backward import table_lrp
from onnxplain.method.selector import named
from onnxplain.rules import lrp

FEW = [case for case in CASES if case[1]["direction"] == "bidirectional"]
METHODS = ("gradient", "deeplift", "lrp.epsilon", "lrp.z_plus")


def slopes(model, x, ways, step=1e-5):
    """Derivatives of the sum of the scores of class 1 along directions, by central differences in float64."""
    forward = ReferenceForward(model.canonical.graph)

    def score(at):
        found = forward.run({"x": at}, [model.canonical.scores])[0][model.canonical.scores]
        return found.reshape(len(found), -1)[:, 1].sum()

    return [(score(x + step * way) - score(x - step * way)) / (2 * step) for way in ways]


def check_gradient(op, given):
    proto, x = layer(op, **given)
    model = ox.load(proto, precision="float64")
    rows = model.canonical.rows
    found = ox.explain(model, x, "gradient", target=1).attribution
    x = rows.first({"x": x})["x"].astype(np.float64)
    found = found.reshape(x.shape)
    ways = np.random.default_rng(1).normal(size=(3, *x.shape))
    np.testing.assert_allclose([(found * way).sum() for way in ways], slopes(model, x, ways), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("op", "given"), FEW, ids=str)
def test_the_gradient_is_the_slope(op, given):
    check_gradient(op, given)


@pytest.mark.slow
@pytest.mark.parametrize(("op", "given"), CASES, ids=str)
def test_the_gradient_is_the_slope_in_every_case(op, given):
    check_gradient(op, given)


@pytest.mark.filterwarnings("error::onnxplain.errors.FallbackWarning")
@pytest.mark.parametrize(("op", "given"), [FEW[0], FEW[4], FEW[7], FEW[-1]], ids=str)
def test_the_engines_agree(op, given):
    proto, x = layer(op, **given)
    model, exact = ox.load(proto), ox.load(proto, precision="float64")
    for method in METHODS:
        wanted = ox.explain(exact, x, method, target=0)
        found = ox.explain(model, x, method, target=0)
        size = np.abs(wanted.attribution).max()
        np.testing.assert_allclose(found.attribution, wanted.attribution, atol=2e-5 * size)
        if method == "deeplift":
            assert np.abs(wanted.delta).max() < 1e-12


def test_rows_are_apart_and_each_has_its_length():
    proto, x = layer("LSTM", lens="given", direction="bidirectional")
    explainer, lens = ox.Explainer(ox.load(proto, input="x"), "gradient"), np.array([2, 4, 3], np.int32)
    found = explainer({"x": x, "lens": lens}, target=0).attribution
    for row, length in enumerate(lens):
        assert np.abs(found[row, :length]).min() > 0
        assert np.abs(found[row, length:]).max(initial=0) == 0
        alone = explainer({"x": x[:, row : row + 1], "lens": lens[row : row + 1]}, target=0).attribution
        np.testing.assert_allclose(found[row], alone[0], atol=1e-6)


def test_a_sequence_of_open_length_is_walked_at_each():
    proto, _ = layer("GRU", read=["Y_h"], steps="T")
    model = ox.load(proto)
    explainer, rng = ox.Explainer(model, "gradient"), np.random.default_rng(3)
    for steps, rows in ((3, 2), (6, 1), (3, 4)):
        x = rng.normal(size=(steps, rows, 2)).astype("f")
        together = explainer(x, target=0).attribution
        alone = [explainer(x[:, i : i + 1], target=0).attribution for i in range(rows)]
        np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-6)


def test_layout_1_is_the_transpose():
    first, x = layer("LSTM", read=["Y_h", "Y_c"])
    second, turned = layer("LSTM", read=["Y_h", "Y_c"], layout=1)[0], x.transpose(1, 0, 2).copy()
    found = ox.explain(ox.load(second, precision="float64"), turned, "gradient", target=0)
    assert "not" in str(found.parity)  # onnxruntime knows layout 0 only
    wanted = ox.explain(ox.load(first, precision="float64"), x, "gradient", target=0)
    np.testing.assert_allclose(found.attribution, wanted.attribution, atol=1e-12)


# --- relevance ------------------------------------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def arras(weights, x, target):
    """LRP of an LSTM's last output, by the formulas of Arras et al. 2017: signals take all, and ε is 0.

    x [T, I]; scores D.T h. Gates in the order i, o, f, g.
    """
    b = weights["B"][0].reshape(2, -1).sum(0)  # in float32, as the graph has it
    w, r, b, d = (np.asarray(each, np.float64) for each in (weights["W"][0], weights["R"][0], b, weights["D"]))
    n, steps = len(r[0]), []
    h, c = np.zeros(n), np.zeros(n)
    for each in x:
        z = w @ each + r @ h + b
        i, o, f, g = sigmoid(z[:n]), sigmoid(z[n : 2 * n]), sigmoid(z[2 * n : 3 * n]), np.tanh(z[3 * n :])
        steps.append((each, h, c, i, f, g, z[3 * n :], f * c + i * g))
        c = f * c + i * g
        h = o * np.tanh(c)
    h_relevance, c_relevance = h * d[:, target], np.zeros(n)  # of the score
    relevance = np.zeros_like(x)
    for t in reversed(range(len(x))):
        each, before, c, i, f, g, z, new = steps[t]
        c_relevance = c_relevance + h_relevance  # o is a gate, tanh(c) the signal
        to_g = i * g / new * c_relevance
        c_relevance = f * c / new * c_relevance
        relevance[t] = each * (w[3 * n :].T @ (to_g / z))
        h_relevance = before * (r[3 * n :].T @ (to_g / z))
    return relevance


def test_lrp_of_an_lstm_is_that_of_arras():
    proto, x = layer("LSTM", read=["Y_h"], steps=6)
    weights = {each.name: onnx.numpy_helper.to_array(each) for each in proto.graph.initializer}
    found = ox.explain(ox.load(proto, precision="float64"), x, "lrp.zero", target=1).attribution
    for row in range(x.shape[1]):
        wanted = arras(weights, x[:, row].astype(np.float64), 1)
        np.testing.assert_allclose(found[row], wanted, rtol=1e-9, atol=1e-9 * np.abs(wanted).max())


def test_the_plan_names_gates_and_half_is_the_other_choice():
    proto, x = layer("LSTM", read=["Y_h"])
    model = ox.load(proto, precision="float64")
    plan = ox.Explainer(model, "lrp.epsilon").plan
    rules = {name.rsplit("/", 2)[1]: rule for name, op, _, rule in plan.rows() if op == "Mul"}
    assert rules == dict.fromkeys(("f c", "i g", "h'"), "signal_takes_all")
    half = ox.Composite(table_lrp(1e-6), [(named("*/Mul"), lrp.Half())])
    assert "Half" in str(ox.Explainer(model, half).plan)
    assert "signal_takes_all" not in str(ox.Explainer(model, half).plan)
    one, other = (ox.explain(model, x, method, target=0).attribution for method in ("lrp.epsilon", half))
    assert np.abs(one - other).max() > 1e-3 * np.abs(one).max()


def test_the_book_has_one_account_for_a_node_and_balances():
    proto, x = layer("GRU", direction="bidirectional", lens=(2, 4, 3), start=True)
    e = ox.explain(ox.load(proto, precision="float64"), x, "lrp.epsilon", target=0, book=True)
    names = [entry.node for entry in e.book.entries]
    assert len(names) == len(set(names))
    assert abs(e.book.worst().gap) < 1e-9 * e.book.worst().scale


def test_a_gate_outside_of_a_recurrence_shares_as_before():
    text = """<ir_version: 10, opset_import: ["" : 21]>
        net (float[N, 3] x) => (float[N, 3] y) <float[3, 3] w = {1, -1, 2, 0, -1, 1, 2, 1, 0}>
        { a = MatMul(x, w)  s = Sigmoid(a)  y = Mul(a, s) g = Sigmoid(x) }"""
    plan = str(ox.Explainer(ox.load(onnx.parser.parse_model(text)), "lrp.epsilon").plan)
    assert "signal_takes_all" not in plan


def test_export_and_pickle(tmp_path):
    proto, x = layer("LSTM", direction="bidirectional", lens=(2, 4, 3), start=True)
    model = ox.load(proto)
    wanted = ox.explain(pickle.loads(pickle.dumps(model)), x, "deeplift", target=1).attribution  # noqa: S301
    ox.export(model, "deeplift", tmp_path / "net.onnx")
    session = ort.InferenceSession(tmp_path / "net.onnx")
    given = model.canonical.rows.first({"x": x})
    found = session.run(["attribution"], {**given, "target": np.ones(len(given["x"]), np.int64)})[0]
    np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())


FILES = pathlib.Path(__file__).parent / "files"


@pytest.mark.parametrize("method", METHODS)
def test_keras_and_torch_export_the_same_network_and_it_has_one_map(method):
    """An LSTM classifier of Keras (by tf2onnx), and a PyTorch module with its weights."""
    x = np.random.default_rng(5).normal(size=(2, 6, 5)).astype("f")
    one, other = (
        ox.explain(ox.load(packed(FILES / name), precision="float64"), x, method, target=1).attribution
        for name in ("lstm_keras.onnx", "lstm_torch.onnx")
    )
    np.testing.assert_allclose(one, other, atol=1e-6 * np.abs(one).max())


@pytest.mark.filterwarnings("error::onnxplain.errors.FallbackWarning")
def test_a_loop_of_keras_is_walked():
    """tf2onnx writes a GRU as a Loop that a condition ends, over a TensorArray."""
    model = ox.load(packed(FILES / "gru_keras_loop.onnx"))
    assert "Scan" in [node.op for node in model.canonical.graph.nodes]
    x, way = (np.random.default_rng(seed).normal(size=(2, 6, 5)).astype("f") for seed in (1, 2))
    found = ox.explain(model, x, "gradient", target=1)
    session = ort.InferenceSession(packed(FILES / "gru_keras_loop.onnx"))

    def score(at):
        return session.run(None, {session.get_inputs()[0].name: at})[0][:, 1].sum(dtype=np.float64)

    slope = (score(x + 0.01 * way) - score(x - 0.01 * way)) / 0.02
    np.testing.assert_allclose((found.attribution * way).sum(), slope, rtol=2e-3)
    assert np.abs(ox.explain(model, x, "deeplift", target=1).delta).max() < 1e-5
