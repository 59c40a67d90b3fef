"""Tables of several inputs, numbers and words: how they are read, and what explains all columns at once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner
from onnx import helper, numpy_helper
from trees.made import Tree, brute, regressor

import onnxplain as ox
from onnxplain.cli import main
from onnxplain.errors import BadInputError, UsageError

TOWNS = ["lima", "oslo", "rome"]
W = np.array([[0.5, -1.0], [2.0, 0.25], [1.0, 0.0], [-1.0, 3.0], [0.5, 0.5]], "f")
ROW = {"age": 3, "height": 1.5, "town": "oslo"}
OTHERS = [{"age": 1, "height": 0.25, "town": "rome"}, {"age": 0, "height": 2.0, "town": "lima"}]


def file(*, trees):
    """age int64[N, 1], height float[N, 1] and town string[N, 1], encoded and joined before trees or a Gemm."""
    proto = regressor([Tree(np.random.default_rng(i), 5, 2, 3, ["BRANCH_LEQ"]) for i in range(4)], 5, 2)
    node = lambda op, inputs, output, **attrs: helper.make_node(op, inputs.split(), [output], name=output, **attrs)  # noqa: E731
    before = [
        node("Cast", "age", "a", to=onnx.TensorProto.FLOAT),
        node("OneHotEncoder", "town", "hot", domain="ai.onnx.ml", cats_strings=TOWNS, zeros=1),
        node("Reshape", "hot three", "flat"),
        node("Concat", "a height flat", "x", axis=1),
    ]
    last = proto.graph.node[0] if trees else node("MatMul", "x w", "y")
    nodes = [*before, last]
    value = helper.make_tensor_value_info
    kinds = {"age": onnx.TensorProto.INT64, "height": onnx.TensorProto.FLOAT, "town": onnx.TensorProto.STRING}
    graph = helper.make_graph(
        nodes, "table", [value(name, kind, ["N", 1]) for name, kind in kinds.items()],
        [value("y", onnx.TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(np.array([-1, 3]), "three"), numpy_helper.from_array(W, "w")],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def plain(proto):
    """What plain onnxruntime says of rows, objects [N, 3]."""
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])

    def run(rows):
        columns = {"age": rows[:, :1].astype("int64"), "height": rows[:, 1:2].astype("f"), "town": rows[:, 2:]}
        return np.asarray(session.run(["y"], columns)[0], np.float64)

    return run


def objects(rows):
    return np.array([[row[name] for name in ROW] for row in rows], object)


def expected(proto, rows=(ROW,), background=OTHERS):
    return np.stack([brute(plain(proto), each, objects(background)) for each in objects(rows)])


@pytest.mark.parametrize(("trees", "method"), [(True, "tree_shap"), (True, "kernel_shap"), (False, "kernel_shap")])
def test_shapley_values_are_those_of_all_coalitions_of_columns(trees, method):
    proto = file(trees=trees)
    rows = [ROW, OTHERS[0]]
    e = ox.explain(ox.load(proto), rows, method, target=1, baseline=OTHERS)
    assert e.features == ("age", "height", "town")
    np.testing.assert_allclose(e.attribution, expected(proto, rows)[..., 1], rtol=0, atol=1e-5)
    assert np.abs(e.attribution).max() > 0.01 and np.abs(e.delta).max() < 1e-5
    assert e.parity.unproven is None and e.parity.share < 1e-6


def test_a_column_of_a_linear_model_gets_its_weight_times_its_difference():
    e = ox.explain(ox.load(file(trees=False)), ROW, "occlusion", target=0, baseline=OTHERS[0])
    np.testing.assert_allclose(e.attribution, [[2 * 0.5, 1.25 * 2.0, -1.0 - 0.5]], rtol=0, atol=1e-5)
    lime = ox.explain(ox.load(file(trees=False)), ROW, "lime", target=0, baseline=OTHERS[0], ridge=0.0).attribution
    np.testing.assert_allclose(lime, e.attribution, rtol=0, atol=1e-4)


class Frame:
    """What a DataFrame has: names of columns, and the columns by name."""

    def __init__(self, columns):
        self.data, self.columns = columns, list(columns)

    def __getitem__(self, name):
        return np.array(self.data[name])


COLUMNS = {name: [row[name] for row in (ROW, *OTHERS)] for name in reversed(ROW)}
FORMS = {
    "columns": COLUMNS,
    "inputs": {name: np.array(column, object if name == "town" else None)[:, None] for name, column in COLUMNS.items()},
    "rows by name": [ROW, *OTHERS],
    "a frame": Frame({"more": [0, 0, 0], **COLUMNS}),
    "rows in order": [list(row.values()) for row in (ROW, *OTHERS)],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_table_is_read_in_every_form(form):
    explainer = ox.Explainer(ox.load(file(trees=True)), "tree_shap")
    e = explainer(FORMS[form], 0, baseline=OTHERS)
    np.testing.assert_allclose(e.attribution, expected(file(trees=True), (ROW, *OTHERS))[..., 0], rtol=0, atol=1e-5)
    assert e.inputs[0].tolist() == list(ROW.values())


def test_the_default_method_says_what_was_chosen_and_why():
    trees, linear = ox.Explainer(ox.load(file(trees=True))), ox.Explainer(ox.load(file(trees=False)))
    assert trees.spec.name == "tree_shap" and "sums of trees" in trees.because
    assert linear.spec.name == "kernel_shap" and "words" in linear.because
    usual = ox.Explainer(ox.load(ox_bundled("wine_mlp_torch")))
    assert usual.spec.name == "lrp.epsilon_plus_flat" and not usual.because


def ox_bundled(name):
    from nets import BUNDLED

    return BUNDLED / f"{name}.onnx"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"age": [1], "height": [1.0]}, "no column 'town'; the model reads age, height, town"),
        ([{"age": 1, "height": 2.0}], "a row has no column 'town'"),
        ({**COLUMNS, "age": ["x", 1, 2]}, "column 'age' holds int64, and 'x' is no such number"),
        ({**COLUMNS, "age": [1.5, 1, 2]}, "column 'age' holds int64, and 1.5 is no such number"),
        ([{**ROW, "height": [1, 2]}], r"column 'height' holds float32, and \[1, 2\] is no such number"),
        ({**COLUMNS, "town": [3, "a", "b"]}, "column 'town' holds words, and 3 is none"),
        ({**COLUMNS, "age": [1, 2]}, "columns of several lengths"),
        ([[1, 2.0]], r"rows of shape \[1, 2\]; the model reads 3 columns"),
        ({name: [] for name in ROW}, "an empty table"),
        ("cat.png", "pass a .csv, .parquet or .npy file, a dict or a DataFrame"),
    ],
)
def test_what_is_no_such_table_is_refused_with_the_column(given, said):
    with pytest.raises(BadInputError, match=said):
        ox.explain(ox.load(file(trees=True)), given, "tree_shap")


def test_a_number_is_no_baseline_for_words_and_a_walk_takes_one_input():
    model = ox.load(file(trees=True))
    with pytest.raises(BadInputError, match="columns of words; give a row"):
        ox.explain(model, ROW, "tree_shap", baseline=0.5)
    with pytest.raises(UsageError, match=r"one table: 'age', 'height', 'town'.*kernel_shap.*input="):
        ox.explain(model, ROW, "gradient")
    with pytest.raises(UsageError, match="rise mixes values"):
        ox.explain(model, ROW, "rise")
    with pytest.raises(UsageError, match="measures judge one input of numbers"):
        ox.evaluate(model, ROW, ["kernel_shap"])
    with pytest.raises(UsageError, match=r"perturbs the input|one table"):
        ox.explain(model, ROW, "meaningful_perturbation")


def test_it_is_saved_and_shown(tmp_path):
    e = ox.explain(ox.load(file(trees=True)), ROW, baseline=OTHERS)
    for ending in ("png", "npz", "json"):
        e.save(tmp_path / f"row.{ending}")
    stored = np.load(tmp_path / "row.npz")
    assert stored["inputs"].tolist() == [["3", "1.5", "oslo"]]
    record = json.loads((tmp_path / "row.json").read_text())
    again = ox.explain(ox.load(file(trees=True)), dict(ROW), baseline=OTHERS).record
    assert record["input"]["sha256"] == again["input"]["sha256"] and record["baseline"]["shape"] == [2, 3]


def test_an_open_file_is_a_table_by_its_name(tmp_path):
    model = ox.load(file(trees=True))
    (tmp_path / "row.csv").write_text("town,age,height\noslo,3,1.5\n")
    np.save(tmp_path / "row.npy", np.array([["3", "1.5", "oslo"]]))
    wanted = ox.explain(model, tmp_path / "row.csv", baseline=OTHERS)
    for name in ("row.csv", "row.npy"):
        with (tmp_path / name).open("rb") as opened:
            found = ox.explain(model, opened, baseline=OTHERS)
        assert found.record["input"]["names"] == [str(tmp_path / name)]
        assert found.record["input"]["sha256"] == wanted.record["input"]["sha256"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_command_line_reads_tables(tmp_path, ending):
    onnx.save(file(trees=True), tmp_path / "table.onnx")
    lines = lambda rows: "town,age,height\n" + "".join(f"{r['town']},{r['age']},{r['height']}\n" for r in rows)  # noqa: E731
    (tmp_path / "row.csv").write_text(lines([ROW]))
    (tmp_path / "others.csv").write_text(lines(OTHERS))
    if ending == "parquet":
        parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow, which writes Parquet files, is not installed")
        csv = pytest.importorskip("pyarrow.csv")
        for name in ("row", "others"):
            parquet.write_table(csv.read_csv(tmp_path / f"{name}.csv"), tmp_path / f"{name}.parquet")
    arguments = [
        "explain",
        "table.onnx",
        f"row.{ending}",
        "--baseline",
        f"others.{ending}",
        "-t",
        "1",
        "--json",
        "-o",
        "out",
    ]
    asked = [str(tmp_path / each) if "." in each or each == "out" else each for each in arguments]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.stderr
    assert "explained by tree_shap: the scores are sums of trees" in done.stderr
    record = json.loads(done.stdout)[0]
    assert record["method"] == "tree_shap" and record["input"]["files"][0] is not None
    found = np.load(tmp_path / "out" / "row.tree_shap.npz")["attribution"]
    np.testing.assert_allclose(found, expected(file(trees=True))[..., 1], rtol=0, atol=1e-5)


def test_one_input_of_numbers_takes_a_table_by_the_names_of_its_columns(tmp_path):
    """In whatever order the file has them, and with columns of which the model knows nothing."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow, which writes Parquet files, is not installed")
    parquet, csv = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow.csv")
    features = (ox_bundled("wine_mlp_torch").parent / "wine.features.txt").read_text().split()
    wine = np.load(ox_bundled("wine_mlp_torch").parent / "wine_sample.npy")
    rows = np.concatenate([wine, wine * 1.1, wine * 0.9])
    columns = {name: rows[:, i].astype(float) for i, name in enumerate(features)}
    table = pa.table({"maker": ["a", "b", "c"], **{name: columns[name] for name in reversed(features)}})
    parquet.write_table(table, tmp_path / "w.parquet")
    csv.write_csv(table, tmp_path / "w.csv")
    model = ox.load(ox_bundled("wine_mlp_torch"), features=features)
    due = ox.explain(model, rows, "deeplift", baseline=wine)
    for path in (tmp_path / "w.parquet", str(tmp_path / "w.csv")):
        e = ox.explain(model, path, "deeplift", baseline=wine)
        np.testing.assert_array_equal(e.attribution, due.attribution)
        assert e.record["input"]["names"] == [f"{path}[{i}]" for i in range(3)] and not e.record["input"]["notes"]
        np.testing.assert_array_equal(model.predict(path).scores, model.predict(rows).scores)
        judged = ox.evaluate(model, path, ["gradient"], "completeness")
        assert len(judged.samples) == 3
        compared = ox.compare(model, path, ["gradient"])
        assert compared.names == tuple(f"{path}[{i}]" for i in range(3))
        gradient = ox.explain(model, rows, "gradient").attribution
        np.testing.assert_array_equal([row["gradient"].attribution[0] for row in compared.rows], gradient)
        np.testing.assert_allclose(
            ox.explain(model, path, "expected_gradients", baseline=Path(path), random_seed=1).attribution,
            ox.explain(model, rows, "expected_gradients", baseline=rows, random_seed=1).attribution,
        )
    parquet.write_table(table.select(features), tmp_path / "bare.parquet")
    bare = ox.explain(ox.load(ox_bundled("wine_mlp_torch")), tmp_path / "bare.parquet", "gradient")
    assert "taken in their order" in bare.record["input"]["notes"][0]


def test_each_row_of_a_table_of_words_is_compared(tmp_path):
    (tmp_path / "rows.csv").write_text("town,age,height\noslo,3,1.5\nrome,1,0.25\n")
    model = ox.load(file(trees=True))
    due = [*expected(file(trees=True), [ROW])[..., 1], *expected(file(trees=True), [OTHERS[0]])[..., 1]]
    for given in (tmp_path / "rows.csv", [ROW, OTHERS[0]]):
        found = ox.compare(model, given, ["tree_shap"], 1, baseline=OTHERS)
        np.testing.assert_allclose([row["tree_shap"].attribution[0] for row in found.rows], due, atol=1e-5)
    assert len(found.names) == 2
