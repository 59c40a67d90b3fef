"""What became of the explained number: how much of it arrived, what took the rest, and where completeness is lost."""

from __future__ import annotations

import json
import warnings

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from nets import BUNDLED, DIGITS, SHARED, needs_shared, network, node, relu_cnn

import onnxplain as ox
from onnxplain.cli import main
from onnxplain.conservation import percent
from onnxplain.engines.base import WalkRequest
from onnxplain.errors import ConservationWarning
from onnxplain.method.backward import GRADIENT
from onnxplain.method.readout import contribution
from onnxplain.method.registry import METHODS
from onnxplain.method.walk_method import WalkSpec
from onnxplain.show.view import view
from onnxplain.walk.completeness import Cuts
from onnxplain.walk.objective import Objective

RNG = np.random.default_rng(0)


def line_of(bias, x=((1.0, 2.0),)):
    """y = w x + b with w = (3, 1), and its rows: by LRP-0, w x of the score arrives, and b takes b of it."""
    weights = {"w": np.array([[3.0], [1.0]], "f"), "b": np.array([bias], "f")}
    model = ox.load(network([node("Gemm", "x w b", "y")], (1, 2), weights))
    return model, np.array(x, "f")


# --- LRP --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
@pytest.mark.parametrize("book", [False, True])
def test_the_share_of_a_single_layer_is_the_one_by_hand(engine, book):
    model, x = line_of(15.0)
    model.engine = engine
    kept = ox.explain(model, x, "lrp.zero", book=book).conservation
    np.testing.assert_allclose(kept.due, [20.0])
    np.testing.assert_allclose(kept.arrived, [5 / 20])
    assert kept.takers == ("bias", "lost")
    if book:
        assert kept.took == pytest.approx({"bias": 0.75, "eps": 0, "lost": 0, "constants": 0, "gap": 0}, abs=1e-6)
        assert kept.line(0) == "25 % of the score arrived at the input; biases took 75 %"
    else:
        assert kept.took is None
        assert kept.line(0) == "25 % of the score arrived at the input; biases and denominators of 0 took 75 %"


@pytest.mark.parametrize(
    ("bias", "said"),
    [
        (0.0, "100 % of the score arrived at the input"),
        (-1.0, "125 % of the score arrived at the input; biases and denominators of 0 took -25 %"),
        (-6.0, "-500 % of the score arrived at the input; biases and denominators of 0 took 600 %"),
        (-5.0, "the score is 0, so no share of it can arrive at the input"),
    ],
)
def test_shares_beyond_0_and_100(bias, said):
    model, x = line_of(bias)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConservationWarning)
        e = ox.explain(model, x, "lrp.zero")
    assert e.conservation.line(0) == said
    json.dumps(e.to_dict(), allow_nan=False)


def test_each_row_has_its_own_share_and_the_book_speaks_of_all():
    model, x = line_of(5.0, [[1.0, 2.0], [5.0, 5.0]])
    kept = ox.explain(model, x, "lrp.zero", book=True).conservation
    np.testing.assert_allclose(kept.arrived, [5 / 10, 20 / 25])
    assert kept.line(1) == f"80 % of the score arrived at the input; of all rows biases took {percent(10 / 35)}"


@pytest.mark.parametrize(
    "method", ["lrp.epsilon", "lrp.z_plus", "lrp.gamma", "lrp.alpha_beta", "lrp.epsilon_plus_flat"]
)
def test_what_arrived_and_what_was_taken_is_all_there_was(method):
    model, x = relu_cnn()
    e = ox.explain(ox.load(model, precision="float64"), x, method, book=True)
    kept = e.conservation
    np.testing.assert_allclose(kept.arrived, e.attribution.reshape(3, -1).sum(1) / e.score, rtol=1e-9)
    arrived = e.attribution.sum() / e.score.sum()
    assert arrived + sum(kept.took.values()) == pytest.approx(1, abs=1e-9)
    for name, share in kept.took.items():
        assert name in (*kept.takers, "lost", "gap") or abs(share) < 1e-12, "who takes something is named"
    plain = ox.explain(ox.load(model, precision="float64"), x, method).conservation
    np.testing.assert_allclose(plain.arrived, kept.arrived, rtol=1e-12)


def test_what_may_take_relevance_is_told_by_the_plan():
    biased, plain = (ox.load(relu_cnn(bias)[0]) for bias in (True, False))
    x = relu_cnn()[1][:1]
    said = lambda model, method, **given: ox.explain(model, x, method, **given).conservation.takers  # noqa: E731
    assert said(biased, "lrp.epsilon") == ("bias", "eps")
    assert said(plain, "lrp.epsilon") == ("eps",)
    assert said(biased, "excitation_backprop") == ("eps",)


@pytest.mark.parametrize(("seed", "of"), [(None, "the score"), ("one", "the seed"), ("logit", "the score")])
def test_it_is_said_what_is_shared_out_and_where_it_should_arrive(seed, of):
    model, x = relu_cnn()
    kept = ox.explain(ox.load(model), x[:1], "lrp.epsilon", seed=seed, layer="r1").conservation
    assert (kept.of, kept.at) == (of, "'r1'")


# --- warnings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bias", "warned"), [(494.0, False), (496.0, True)])
def test_less_than_a_hundredth_warns_once(bias, warned):
    model, x = line_of(bias)
    explainer = ox.Explainer(model, "lrp.zero")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        explainer(x)
        explainer(x)
    assert [each.category for each in caught] == [ConservationWarning] * warned
    for each in caught:
        assert "method 'lrp.zero': 0.998 % of the score arrived at the input" in str(each.message)
        assert "book=True, or `onnxplain inspect --book`, says where" in str(each.message) and each.filename == __file__


@needs_shared
@pytest.mark.slow
def test_on_a_mobilenet_the_biases_take_all():
    model = ox.load(SHARED / "exported/mobilenetv2-fp32-ts12.onnx", preprocess="imagenet")
    with pytest.warns(ConservationWarning, match=r"0\.01389 % of the score arrived at the input; biases took 99\.98 %"):
        ox.explain(model, SHARED / "images/photos/goldfish.jpg", book=True)


# --- completeness -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["deeplift", "integrated_gradients", "deepshap", "kernel_shap"])
def test_a_difference_from_a_baseline_arrives_whole(method):
    model, x = relu_cnn()
    more = {"superpixels": np.arange(99).reshape(11, 9) // 20} if method == "kernel_shap" else {}
    e = ox.explain(ox.load(model), x[:1], method, **more)
    np.testing.assert_allclose(e.conservation.arrived, 1, atol=0.02)
    np.testing.assert_allclose(e.conservation.due, e.attribution.sum() - e.delta, rtol=1e-5)
    assert e.conservation.line(0).endswith("% of the difference from the baseline arrived at the input")


def leaky(engine, monkeypatch):
    """A walk that takes the slope at x for the difference quotient, so that every bent ReLU loses something."""
    composite = lambda: ox.Composite(GRADIENT, (), preset=True)  # noqa: E731
    spec = WalkSpec("leaky", composite, readout=contribution, baseline=True, conserves=True)
    monkeypatch.setitem(METHODS, "leaky", spec)
    weights = {"w": np.eye(3, dtype="f"), "v": np.ones((3, 1), "f"), "b": np.array([-1, 0, 0], "f")}
    nodes = [node("Gemm", "x w b", "h"), node("Relu", "h", "r"), node("Gemm", "r v", "y")]
    return ox.Explainer(ox.load(network(nodes, (1, 3), weights), engine=engine), "leaky")


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_the_first_node_that_loses_completeness_is_named(engine, monkeypatch):
    """ReLU(2 - 1) - ReLU(0 - 1) is 1, and its slope at 2 times the difference is 2; the other two are exact."""
    explainer = leaky(engine, monkeypatch)
    x = np.array([[2.0, 1.0, 1.0]], "f")
    lost = r"'leaky': the attributions miss -1 of the difference 3 from the baseline; .* by -1 at Relu \(node 'r', rule"
    with pytest.warns(ConservationWarning, match=lost):
        e = explainer(x)
    np.testing.assert_allclose(e.delta, [1])
    said = "of the difference from the baseline arrived at the input"
    assert e.conservation.line(0) == f"133.3 % {said}"
    explainer(x)  # a second warning would be an error


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_a_difference_that_is_the_rounding_of_its_scores_is_no_loss(engine):
    """Next to 1000, floats of 32 bits lie 6e-5 apart, and the scores differ by 4e-5."""
    weights = {"w": np.full((1, 1), 4e-5, "f"), "b": np.array([1000], "f")}
    model = ox.load(network([node("Gemm", "x w b", "y")], (1, 1), weights), engine=engine)
    e = ox.explain(model, np.ones((1, 1), "f"), "deeplift")  # a warning would be an error
    assert abs(e.delta[0]) > 0.1 * abs(e.attribution.sum())


@pytest.mark.parametrize("method", ["deeplift", "deeplift.reveal_cancel"])
def test_deeplift_itself_keeps_it_at_every_node(method):
    model, x = relu_cnn()
    explainer = ox.Explainer(ox.load(model, precision="float64"), method, baseline=0.3)
    explainer(x)
    method, cuts = explainer.method, Cuts()
    batch = explainer.feeds.read(x)
    objective = Objective(None, None, "one")
    feeds, baseline = batch.feeds, explainer.feeds.baseline(batch, None).feeds
    method.engine.walk(WalkRequest(method.plan, objective, feeds, baseline, cuts))
    assert len(cuts.losses) == len(method.plan.steps)
    assert max(abs(each.lost) for each in cuts.losses) < 1e-12


# --- where it is said -------------------------------------------------------------------------------------------------


def test_it_is_said_in_picture_notebook_record_and_on_the_command_line(tmp_path):
    command = ["explain", BUNDLED / "digits_cnn_torch.onnx", DIGITS[3], "-m", "lrp.epsilon", "-o", tmp_path]
    command = [*map(str, command), "--preprocess", str(BUNDLED / "digits_cnn_torch.preprocess.json")]
    (record,) = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)
    said = record["conservation"]
    assert said["of"] == "the score" and said["due"] == pytest.approx(record["score"])
    done = CliRunner().invoke(main, command)
    model = ox.load(BUNDLED / "digits_cnn_torch.onnx", preprocess=BUNDLED / "digits_cnn_torch.preprocess.json")
    e = ox.explain(model, DIGITS[3], "lrp.epsilon")
    line = e.conservation.line(0)
    assert line in done.stderr.splitlines()
    assert view(e).words.subtitle.endswith(f"\n{line}") and line in e._repr_html_()
    assert e.record["conservation"] == said
    assert ox.explain(model, DIGITS[3], "gradient").record["conservation"] is None


def test_the_command_line_warns_in_one_line(tmp_path):
    weights = {"w": np.ones((2, 1), "f"), "b": np.array([900], "f")}
    onnx.save(network([node("Gemm", "x w b", "y")], (1, 2), weights), tmp_path / "m.onnx")
    np.save(tmp_path / "x.npy", np.ones((1, 2), "f"))
    done = CliRunner().invoke(main, ["explain", *map(str, (tmp_path / "m.onnx", tmp_path / "x.npy", "-o", tmp_path))])
    assert done.exit_code == 0
    assert len([row for row in done.stderr.splitlines() if row.startswith("onnxplain: warning: method 'lrp.")]) == 1
