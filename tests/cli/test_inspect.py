"""onnxplain inspect: what it says of a file and of every method is what `explain` then does."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from kinds import kinds
from nets import BUNDLED, DIGITS, deep, network, node

import onnxplain as ox
from onnxplain.cli import main
from onnxplain.cli.inspect import _attempt
from onnxplain.errors import OnnxplainError
from onnxplain.method.registry import METHODS
from onnxplain.passes import canonicalise
from onnxplain.passes.difference import Difference
from onnxplain.passes.verify import verify

CNN, WINE = BUNDLED / "digits_cnn_torch.onnx", BUNDLED / "wine_mlp_torch.onnx"
WITH = ("--preprocess", BUNDLED / "digits_cnn_torch.preprocess.json", "--labels", BUNDLED / "digits.labels.txt")
QUICK = {"steps": 2, "samples": 70}


def inspect(*arguments):
    return CliRunner().invoke(main, ["inspect", *map(str, arguments)])


def quick(method):
    """Fewer steps and samples, where the method has them."""
    return {name: value for name, value in QUICK.items() if name in METHODS[method].parameters}


def explains(model, method, **bounds):
    shape = [size if isinstance(size, int) else 1 for size in model.input_shape]
    x = np.random.default_rng(0).random(shape, np.float32)
    if model.vocabulary is None and model.root != model.explained_input.name:  # token ids, and their mask
        x = {value.name: np.ones(shape, np.int64) for value in model.canonical.graph.inputs}
    try:
        ox.explain(model, x, method, **quick(method), **bounds)
    except OnnxplainError:
        return False
    return True


# not those of radiographs: in as large a picture of noise as they take, SLIC finds no superpixels
FILES = [(path, None) for path in sorted(BUNDLED.glob("*.onnx")) if not path.stem.startswith("xray")]
FILES += [(path, pre) for path, _ in FILES if (pre := path.with_suffix(".preprocess.json")).exists()]


def is_default(path, preprocess):
    """A CNN with its preprocessing, and without it one that some methods refuse; a table; a forest, refused by most."""
    prepared = {
        "digits_cnn_torch": True,
        "digits_cnn_dynamo": False,
        "wine_mlp_torch": False,
        "digits_forest_sklearn": False,
    }
    return prepared.get(path.stem) == (preprocess is not None)


@pytest.mark.filterwarnings("ignore:.*its values lie in 0 to 1")
@pytest.mark.parametrize(
    ("path", "preprocess"), kinds(FILES, is_default), ids=lambda each: getattr(each, "name", "alone")
)
def test_a_method_is_ok_where_it_explains(path, preprocess):
    model = ox.load(path, preprocess=preprocess)
    for method in METHODS:
        said = _attempt(model, method)[0]
        if said == "ok with low= and high=":
            assert not explains(model, method) and explains(model, method, low=0.0, high=1.0), method
        else:
            assert (said == "ok") == explains(model, method), f"{method}: {said}"


def volume(*sizes):
    """A classifier of [N, 1, *sizes], with a convolution that tells the channels."""
    kernel = np.ones((2, 1, *[1] * len(sizes)), "f")
    nodes = [node("Conv", "x k", "c"), node("GlobalAveragePool", "c", "g"), node("Flatten", "g", "y")]
    return ox.load(network(nodes, ("N", 1, *sizes), {"k": kernel}))


@pytest.mark.parametrize(
    ("sizes", "says"),
    [((4, 4, 4), [True, False]), ((4, 4, 1), [True, True]), ((1, 1), [False, False]), (("H", "W"), [True, True])],
)
def test_a_mask_is_learnt_over_as_many_axes_as_a_method_takes(sizes, says):
    """Sizes that the file leaves free may still fit; the others decide before anything runs."""
    learners = ("meaningful_perturbation", "extremal_perturbation")
    assert [_attempt(volume(*sizes), method)[0] == "ok" for method in learners] == says


def test_what_has_to_be_given_is_said():
    assert json.loads(inspect(WINE, "--json").stdout)["methods"]["lrp.epsilon_gamma_box"] == "ok with low= and high="
    assert json.loads(inspect(CNN, *WITH, "--json").stdout)["methods"]["lrp.epsilon_gamma_box"] == "ok"


def test_it_says_what_the_file_is_and_what_becomes_of_it():
    done = inspect(BUNDLED / "digits_cnn_keras.onnx", "--verify", "-m", "lrp.epsilon_plus_flat", "--json")
    report = json.loads(done.stdout)
    assert report["head cut"] == ["Softmax 'functional_1/head_1/Softmax'"]
    assert report["parity"]["difference"] < 1e-5 and report["parity"]["small"]
    assert "Flat(eps=1e-06)" in report["plans"]["lrp.epsilon_plus_flat"]


def test_a_method_that_walks_nothing_has_no_plan():
    assert json.loads(inspect(CNN, "-m", "occlusion", "--json").stdout)["plans"] == {"occlusion": None}
    assert inspect(CNN, "-m", "occlusion").stdout.endswith("\nocclusion\nwalks nothing\n")


def test_what_cannot_be_walked_is_listed_in_lines_that_fit_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    done = inspect(BUNDLED / "digits_forest_sklearn.onnx")
    assert done.exit_code == 0
    assert "(node 'TreeEnsembleClassifier'): trees have no slope" in " ".join(done.stdout.split())
    _path, *lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("method", ["lrp.epsilon", None])
def test_the_book(method):
    done = inspect(CNN, DIGITS[3], *WITH, "--book", *(("-m", method) if method else ()))
    assert done.exit_code == 0, done.output
    assert "arriving" in done.stdout and "/stem/Conv" in done.stdout
    assert f"\n{method or 'lrp.epsilon_plus_flat'}\n" in done.stdout


@pytest.mark.parametrize(
    ("largest", "code"), [(0.0, 0), (1e-4 * 12.3, 0), (2e-4 * 12.3, 1), (float("nan"), 1), (float("inf"), 1)]
)
def test_a_prepared_graph_that_differs_is_a_failed_gate(largest, code, monkeypatch):
    monkeypatch.setattr("onnxplain.cli.inspect.verify", lambda *_: Difference(largest, 12.3))
    done = inspect(CNN, "--verify")
    assert done.exit_code == code
    assert f"at most {largest:.2g} on random inputs, scores up to 12.3" in " ".join(done.stdout.split())
    assert ("differs by over 0.0001 of the scores" in done.stderr) == bool(code)


def test_weights_in_half_precision_may_round_more():
    w = np.random.default_rng(0).normal(size=(300, 2))
    half, single = (network([node("MatMul", "x w", "y")], ("N", 300), {"w": w.astype(kind)}) for kind in "ef")
    half.graph.input[0].type.tensor_type.elem_type = half.graph.output[0].type.tensor_type.elem_type = 10
    rounded, exact = (verify(each, canonicalise(each)) for each in (half, single))
    assert rounded.small and 1e-4 < rounded.share < rounded.tolerance == 1e-3
    assert exact.small and exact.share < 1e-6


def test_a_file_that_takes_no_random_input_says_which_it_was_given(tmp_path):
    shape = {"s": np.array([-1, 48])}
    onnx.save(network([node("Reshape", "x s", "y")], ("N", "L"), shape), tmp_path / "odd.onnx")
    done = inspect(tmp_path / "odd.onnx", "--verify")
    assert done.exit_code == 3 and "random inputs of shapes x [2, 32]" in done.stderr


def test_a_pass_that_changes_the_model_is_found(monkeypatch):
    """The file with one weight changed after it was prepared: what is run again is the file as it is now."""
    model = ox.load(WINE)
    changed = model.proto
    weights = next(each for each in changed.graph.initializer if len(each.dims) == 2)
    raw = np.frombuffer(weights.raw_data, "f").copy()
    raw[0] += 1
    weights.raw_data = raw.tobytes()
    monkeypatch.setattr(ox.Model, "proto", property(lambda _: changed))
    done = inspect(WINE, "--verify")
    assert done.exit_code == 1, done.output


def test_it_says_which_nodes_are_walked_in_a_way_of_their_own(tmp_path, monkeypatch):
    """Both a linear operator of scikit-learn and one with a definition of its own; Relu has facts."""
    monkeypatch.setenv("COLUMNS", "120")
    nodes = [
        node("Scaler", "x", "s", domain="ai.onnx.ml", offset=[1.0], scale=[2.0]),
        node("Relu", "s", "r"),
        node("ReduceSumSquare", "r last", "m", keepdims=0),
        node("ReduceSumSquare", "m last", "y"),
    ]
    model = network(nodes, ("N", 3, 3), {"last": np.array([-1])})
    model.opset_import.append(onnx.helper.make_opsetid("ai.onnx.ml", 1))
    onnx.save(model, path := tmp_path / "net.onnx")
    defined = "ReduceSumSquare: by its definition from simpler operators"
    assert f"  2 {defined}\n" in inspect(path).stdout
    report = json.loads(inspect(path, "--json").stdout)
    linear = "ai.onnx.ml.Scaler: by standard operators that compute the same"
    assert report["walked"] == {linear: 1, defined: 2}
    assert [each["node"] for each in report["nodes"]] == ["s", "m", "y"]
    e = ox.explain(ox.load(path), np.ones((1, 3, 3), "f"), "gradient")
    assert e.record["walked"] == report["walked"]


def test_a_file_without_such_nodes_says_so():
    assert "\nwalked: every node by the facts of its operator\n" in inspect(WINE).stdout


def test_it_says_how_much_memory_a_process_takes():
    found = json.loads(inspect(CNN, "-m", "gradient", "-m", "deeplift", "--json").stdout)["resident"]
    assert found["gradient"]["total"] == sum(found["gradient"][part] for part in ("program", "weights", "values"))
    assert found["gradient"]["shapes"] == {"image": [1, 1, 16, 16]} and "deeplift" in found["deeplift"]["unknown"]
    said = " ".join(inspect(CNN).stdout.split())
    assert "resident when one row is explained by lrp.epsilon_plus_flat: about 1" in said and "weights" in said


def test_it_says_what_a_picture_takes_whose_size_is_open_and_into_what_its_walk_is_cut(tmp_path):
    net, path = deep(16, 16, 8, 10), tmp_path / "net.onnx"
    for size in net.graph.input[0].type.tensor_type.shape.dim[2:]:
        size.dim_param = "S"
    onnx.save(net, path)
    said = " ".join(inspect(path, "-m", "gradient", "--limit", "walk_bytes=1e7").stdout.split())
    images, columns = 8 + 8 + 7, 2 * 3 * 3  # of convolutions, ReLUs and sums; of a kernel, twice
    assert "MiB a row of x [1, 3, 224, 224]" in said
    bound = float(said.partition("values at most ")[2].split()[0]) * 2**20
    assert bound == pytest.approx((images + columns) * 16 * 224**2 * 4, rel=0.01)
    assert "the forward run is repeated in" in said and "segments" in said
    assert "segments" not in inspect(path, "-m", "gradient").stdout
