"""Reading a run."""

from __future__ import annotations

import json
import shutil

import numpy as np
import onnx
import pytest
from nets import digits, network, node, relu_cnn
from onnx import helper

import onnxplain as ox
from onnxplain.errors import BadInputError

from .making import BAD, MODEL, arrays, pictures, small


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    small(pictures(place / "in"), place / "out")
    return place


def test_a_run_states_its_job_and_what_it_ran_on(made):
    r = ox.Run(made / "out")
    assert r.job.asked["model"]["name"] == MODEL.name
    assert r.job.asked["model"]["sha256"] == digits().sha256
    assert str(made) not in (made / "out" / "job.json").read_text()
    assert r.environment["versions"]["onnxruntime"]
    assert repr(r) == f"Run({str(made / 'out')!r}, 8 rows, 2 failed, job {r.id[:12]})"


def test_the_table_has_the_columns_of_all_rows(made):
    r = ox.Run(made / "out")
    table, rows = r.table(), list(r.rows())
    assert table["scores"].shape == (8, 10)
    for name in ("index", "name", "sha256", "target", "label", "score", "delta"):
        assert table[name].tolist() == [getattr(row, name) for row in rows]
    assert np.isnan(table["probability"]).all(), "the file gives logits alone"
    pd = pytest.importorskip("pandas")
    assert isinstance(r.frame(), pd.DataFrame) and list(r.frame().index) == table["index"].tolist()


def test_a_row_is_found_by_its_index(made):
    r = ox.Run(made / "out")
    assert [r.row(row.index).name for row in r.rows()] == [row.name for row in r.rows()]
    with pytest.raises(BadInputError, match=r"row 3 of .*, 003.png, failed: 003.png: not a picture"):
        r.row(BAD[0])
    for index in (-1, 10, "3"):
        with pytest.raises(IndexError, match="rows 0 to 9"):
            r.row(index)


def test_explanations_are_made_again_with_the_same_bits(made, tmp_path):
    r = ox.Run(made / "out").open(MODEL)
    for row in r.rows():
        e = r[row.index]
        assert e.images[0].shape == (16, 16, 3)
        assert (e.score[0], e.target[0]) == (row.score, row.target)
        assert np.abs(e.relevance[0] - row.relevance).max() <= 2**-11 * np.abs(e.relevance).max()
        np.testing.assert_array_equal(e.prediction[0], row.scores)
    assert len(list(r)) == len(r)
    shutil.copytree(made / "in", tmp_path / "moved")
    np.testing.assert_array_equal(ox.Run(made / "out").open(MODEL, tmp_path / "moved")[0].score, r[0].score)


def test_another_model_or_input_is_refused(made, tmp_path):
    with pytest.raises(BadInputError, match="is not the model of the run"):
        ox.Run(made / "out").open(MODEL.with_name("digits_cnn_keras.onnx"))
    shutil.copytree(made / "in", tmp_path / "in")
    shutil.copy(tmp_path / "in" / "001.png", tmp_path / "in" / "000.png")
    with pytest.raises(BadInputError, match=r"000\.png: it has changed since the inputs were listed"):
        ox.Run(made / "out").open(MODEL, tmp_path / "in")[0]


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("job.json", lambda d: d.replace(b"relevance", b"relevancE", 1), "job"),
        ("job.json", lambda d: b" " + d, "not in canonical JSON"),
        ("job.json", lambda d: d[:-1], "no JSON"),
        ("job.json", lambda d: d.replace(b'"format":1', b'"format":2'), "reads format 1"),
        ("inputs.jsonl", lambda d: d.replace(b"000.png", b"999.png"), "not the listing"),
        ("run.json", lambda d: json.dumps({**json.loads(d), "job": "0"}).encode(), "another job"),
        ("shards/000000.npz", lambda d: d[:-1] + b"x", "sha256 is not that of its receipt"),
        ("shards/000000.json", lambda d: d.replace(b'"done":3', b'"done":4'), "4 done"),
        ("shards/000000.json", lambda d: d.replace(b'"done"', b'"dome"'), "no receipt"),
    ],
)
def test_a_broken_folder_is_one_error_that_names_the_file(made, tmp_path, name, change, said):
    shutil.copytree(made / "out", tmp_path / "out")
    path = tmp_path / "out" / name
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(BadInputError, match=said) as found:
        list(ox.Run(tmp_path / "out").rows())
    assert name in str(found.value)


@pytest.mark.parametrize("missing", ["job.json", "run.json", "inputs.jsonl", "shards/000001.npz"])
def test_a_missing_file_is_named(made, tmp_path, missing):
    shutil.copytree(made / "out", tmp_path / "out")
    (tmp_path / "out" / missing).unlink()
    expected = {"job.json": "no run is there", "run.json": "not finished, 3 of 3"}.get(missing, missing)
    with pytest.raises(BadInputError, match=expected):
        list(ox.Run(tmp_path / "out").rows())


def test_rows_of_several_shapes_are_read_in_their_own(tmp_path):
    weights = {"w": np.random.default_rng(9).normal(size=(4, 3, 3, 3)).astype("f")}
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "r"), node("GlobalAveragePool", "r", "p")]
    inputs = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 3, "H", "W"])]
    proto = network([*nodes, node("Flatten", "p", "y")], None, weights, inputs=inputs)
    (tmp_path / "in").mkdir()
    for i, size in enumerate(((11, 9), (12, 9), (11, 9))):
        np.save(tmp_path / "in" / f"{i}.npy", np.random.default_rng(i).normal(size=(1, 3, *size)).astype("f"))
    for store in ("relevance", "attribution"):
        r = ox.run(ox.load(proto), tmp_path / "in", tmp_path / store, "gradient", store=store)
        assert [row.relevance.shape for row in r.rows()] == [(11, 9), (12, 9), (11, 9)]
        for i, row in enumerate(r.rows()):
            due = ox.Explainer(ox.load(proto), "gradient")(tmp_path / "in" / f"{i}.npy").relevance[0]
            np.testing.assert_allclose(row.relevance, due, rtol=0, atol=2**-11 * np.abs(due).max())


def test_a_model_in_memory_can_be_given_again(tmp_path):
    proto, _ = relu_cnn()
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(3, 3, 11, 9)).astype("f"))
    r = ox.run(ox.load(proto), tmp_path / "x.npy", tmp_path / "out", "gradient")
    with pytest.raises(BadInputError, match="does not say where model"):
        r[0]
    assert r.open(ox.load(proto))[0].score[0] == r.row(0).score


def test_arrays_are_read_in_parts(tmp_path):
    x = np.load(arrays(tmp_path / "x.npy", 11))
    r = small(tmp_path / "x.npy", tmp_path / "out", store="attribution")
    e = ox.Explainer(digits(), "lrp.epsilon_plus_flat")(x)
    np.testing.assert_array_equal(r.table()["target"], e.target)
    got = np.stack([row.attribution for row in r.rows()])
    np.testing.assert_allclose(got, e.attribution, rtol=0, atol=1e-5 * np.abs(e.attribution).max())
