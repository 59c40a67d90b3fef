"""Names of classes and columns: where they come from, and that there is one for each."""

import numpy as np
import pytest
from nets import BUNDLED, network, node
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.errors import BadInputError, UsageError
from onnxplain.inputs.names import read_names

RNG = np.random.default_rng(0)
WINE = BUNDLED / "wine_mlp_torch.onnx"
MANY = [f"class {i}" for i in range(11)]


def test_names_keep_their_index(tmp_path):
    (tmp_path / "labels.txt").write_bytes("cat \n\nice\u2028cream\r\ndog\n\n \n".encode())
    assert read_names(tmp_path / "labels.txt") == ("cat", "", "ice\u2028cream", "dog")
    (tmp_path / "labels.txt").write_text("\ncat\ndog\n")
    assert read_names(tmp_path / "labels.txt") == ("", "cat", "dog")
    assert read_names(["a", "b"]) == ("a", "b")
    assert read_names(None) is None


def test_a_file_that_holds_no_names_is_named(tmp_path):
    (tmp_path / "labels.txt").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "labels.txt", tmp_path / "nowhere.txt"):
        with pytest.raises(BadInputError, match=rf"{path.name}' .*expected a text file, one name a line"):
            read_names(path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"labels": MANY}, "labels: 11 names for 3 classes; one line a class, in the order of the scores"),
        ({"labels": ["wine"]}, "labels: 1 names for 3 classes"),
        ({"labels": []}, "labels: 0 names for 3 classes"),
        ({"features": ["colour"]}, "features: 1 names for 13 columns; one line a column, in the order of the input"),
    ],
)
def test_names_that_are_not_as_many_are_refused_at_load(given, said):
    with pytest.raises(UsageError, match=said):
        ox.load(WINE, **given)


@pytest.mark.parametrize(("head", "names", "said"), [("Sigmoid", 3, "3 names for 1"), (None, 2, "2 names for 1")])
def test_a_single_score_has_a_single_name_and_one_for_what_it_decides_against(head, names, said):
    """Without a sigmoid nothing is decided: of two names, the first would be reported, whichever of the two it is."""
    nodes = [node("MatMul", "x w", "s"), *([node(head, "s", "y")] if head else [])]
    model = network(nodes, (1, 4), {"w": np.array([[1.0], [0], [0], [0]], "f")}, output="y" if head else "s")
    with pytest.raises(UsageError, match=said):
        ox.load(model, labels=["no", "yes", "perhaps"][:names])
    x = np.array([[2, 0, 0, 0], [-2, 0, 0, 0]], "f")
    found = ox.explain(ox.load(model, labels=["yes"]), x, "gradient").labels
    assert found == (("yes", "not yes") if head else ("yes", "yes"))


def open_ended():
    """Scores x w and a table x, whose width no one states: w is an input."""
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N" if name == "x" else "A", None]) for name in "xw"
    ]
    return network([node("MatMul", "x w", "y")], None, {}, inputs=inputs)


@pytest.mark.parametrize("target", [None, 1, "class 2", "class 10"])
@pytest.mark.parametrize("method", ["gradient", "occlusion", "integrated_gradients"])
@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_labels_of_scores_of_any_number_are_counted_when_they_come(method, target, engine):
    feeds = {"x": np.ones((2, 4), "f"), "w": RNG.normal(size=(4, 3)).astype("f")}
    with pytest.raises(UsageError, match="labels: 11 names for 3 classes"):
        ox.explain(ox.load(open_ended(), labels=MANY, input="x", engine=engine), feeds, method, target)
    e = ox.explain(ox.load(open_ended(), labels=MANY[:3], input="x", engine=engine), feeds, method, "class 2")
    assert e.labels == ("class 2", "class 2")


def test_features_of_a_table_of_any_width_are_counted_before_anything_runs():
    model = ox.load(open_ended(), features=["a", "b"], input="x")
    with pytest.raises(UsageError, match="features: 2 names for 4 columns"):
        ox.explain(model, {"x": np.ones((2, 4), "f"), "w": np.ones((4, 3), "f")}, "gradient")


def test_features_are_columns_of_tables_alone():
    """Rows of more axes are laid out by their channels first; their names are counted where they are drawn."""
    nodes = [node("Conv", "x w", "c"), node("Flatten", "c", "y")]
    model = network(nodes, (1, 2, 5), {"w": RNG.normal(size=(3, 2, 5)).astype("f")})
    e = ox.explain(ox.load(model, features=list("abcde")), np.ones((1, 2, 5), "f"), "gradient")
    assert e.relevance.shape == (1, 5)
