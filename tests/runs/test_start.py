"""Runs: what comes out is what single explanations say, and a run that was stopped ends as one that was not."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from nets import digits

import onnxplain as ox
from onnxplain.errors import BadInputError, UsageError
from onnxplain.runs.work import Work

from .making import BAD, arrays, pictures, small, written


def test_a_run_holds_what_single_explanations_say(tmp_path):
    r = small(pictures(tmp_path / "in"), tmp_path / "out", "deeplift", store="attribution")
    explainer = ox.Explainer(digits(), "deeplift")
    rows = list(r.rows())
    assert [row.index for row in rows] == [i for i in range(10) if i not in BAD]
    for row in rows:
        e = explainer(tmp_path / "in" / row.name)
        assert (row.target, row.label) == (e.target[0], e.labels[0])
        np.testing.assert_allclose(row.attribution, e.attribution[0], rtol=0, atol=1e-5 * np.abs(e.attribution).max())
        np.testing.assert_allclose(row.relevance, e.relevance[0], rtol=0, atol=1e-5 * np.abs(e.relevance).max())
        np.testing.assert_allclose(row.scores, e.prediction[0], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose((row.score, row.delta), (e.score[0], e.delta[0]), rtol=1e-4, atol=1e-4)
        assert row.sha256 == e.record["input"]["files"][0]


def test_bad_inputs_are_failed_rows_with_reasons(tmp_path):
    r = small(pictures(tmp_path / "in"), tmp_path / "out")
    assert (len(r), r.counts) == (8, {"asked": 10, "done": 8, "failed": 2})
    assert [(each.index, each.name) for each in r.failed] == [(i, f"{i:03d}.png") for i in BAD]
    assert all(each.reason.startswith(each.name) and "not a picture" in each.reason for each in r.failed)
    assert str(tmp_path) not in "".join(map(str, r.failed))


def test_a_row_that_the_model_cannot_take_fails_alone(tmp_path):
    x = np.random.default_rng(0).normal(size=(6, 1, 16, 16)).astype("f")
    x[4] = np.nan
    np.save(tmp_path / "x.npy", x)
    r = small(tmp_path / "x.npy", tmp_path / "out")
    assert [(each.index, each.name) for each in r.failed] == [(4, "x.npy[4]")]
    assert [row.name for row in r.rows()] == [f"x.npy[{i}]" for i in (0, 1, 2, 3, 5)]


@pytest.mark.parametrize("store", ["relevance", "attribution"])
def test_the_same_job_gives_the_same_bytes_wherever_it_runs(tmp_path, store):
    first = small(pictures(tmp_path / "in"), tmp_path / "a", store=store)
    second = small(pictures(tmp_path / "elsewhere" / "in"), tmp_path / "b", store=store)
    assert first.id == second.id
    assert written(tmp_path / "a") == written(tmp_path / "b")


def test_a_run_that_was_stopped_goes_on(tmp_path, monkeypatch):
    folder = pictures(tmp_path / "in")
    small(folder, tmp_path / "whole")
    work, seen = Work.__call__, []

    def stopped(self, shard, killers=()):
        if shard == 1 and 1 not in seen:
            seen.append(shard)
            raise KeyboardInterrupt
        seen.append(shard)
        return work(self, shard, killers)

    monkeypatch.setattr(Work, "__call__", stopped)
    with pytest.raises(KeyboardInterrupt):
        small(folder, tmp_path / "out")
    with pytest.raises(BadInputError, match="not finished, 1 of 3 shards"):
        ox.Run(tmp_path / "out")
    small(folder, tmp_path / "out")
    assert seen == [0, 1, 1, 2]
    assert written(tmp_path / "out") == written(tmp_path / "whole")
    small(folder, tmp_path / "out")
    assert seen == [0, 1, 1, 2], "a finished run does nothing"


def test_a_shard_that_is_broken_is_made_again(tmp_path):
    folder = pictures(tmp_path / "in")
    small(folder, tmp_path / "out")
    due = written(tmp_path / "out")
    (tmp_path / "out" / "run.json").unlink()
    (tmp_path / "out" / "shards" / "000000.npz").write_bytes(b"half")
    (tmp_path / "out" / "shards" / "000001.json").unlink()
    (tmp_path / "out" / "shards" / ".000002.npz.0123abcd").write_bytes(b"left behind")
    small(folder, tmp_path / "out")
    assert written(tmp_path / "out") == due


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "gradient"}, 'method.name: "lrp.epsilon_plus_flat" there, "gradient" now'),
        ({"target": "3"}, "target.kind"),
        ({"batch_size": 2}, "batch_size: 3 there, 2 now"),
        ({"store": "attribution"}, "store"),
        ({"smooth": 1.0}, "method.smooth: 0.0 there, 1.0 now"),
        ({"eps": 1e-3}, "method.parameters.eps"),
    ],
)
def test_a_folder_of_another_job_is_refused(tmp_path, change, said):
    x = arrays(tmp_path / "x.npy", 4)
    small(x, tmp_path / "out")
    with pytest.raises(UsageError, match="holds a run of another job") as found:
        small(x, tmp_path / "out", **change)
    assert said in str(found.value)


def test_changed_inputs_are_another_job(tmp_path):
    folder = pictures(tmp_path / "in", 4, bad=())
    small(folder, tmp_path / "out")
    shutil.copy(folder / "001.png", folder / "000.png")
    with pytest.raises(UsageError, match=r"inputs\.sha256"):
        small(folder, tmp_path / "out")


def test_shards_of_other_versions_are_refused(tmp_path):
    x = arrays(tmp_path / "x.npy", 4)
    small(x, tmp_path / "out")
    (tmp_path / "out" / "run.json").unlink()
    receipt = tmp_path / "out" / "shards" / "000000.json"
    found = json.loads(receipt.read_bytes())
    found["versions"]["onnxruntime"] = "1.0"
    receipt.write_bytes(json.dumps(found).encode())
    with pytest.raises(UsageError, match=r"made with onnxruntime 1\.0"):
        small(x, tmp_path / "out")


def test_targets_may_be_the_names_of_folders(tmp_path):
    for label in ("3", "8"):
        pictures(tmp_path / "in" / label, 2, bad=())
    r = small(tmp_path / "in", tmp_path / "out", by_folder=True)
    assert [(row.name, row.label) for row in r.rows()] == [(f"{n}/00{i}.png", n) for n in "38" for i in (0, 1)]
    pictures(tmp_path / "in" / "cat", 1, bad=())
    with pytest.raises(UsageError, match=r"cat/000\.png lies in 'cat', and no class"):
        small(tmp_path / "in", tmp_path / "other", by_folder=True)


def test_a_target_and_a_neuron(tmp_path):
    x = arrays(tmp_path / "x.npy", 4)
    r = small(x, tmp_path / "a", target="3")
    assert {row.target for row in r.rows()} == {3}
    tensor = digits().canonical.scores
    r = small(x, tmp_path / "b", "gradient", target=ox.Neuron(tensor, 3))
    assert {(row.target, row.label) for row in r.rows()} == {(-1, str(ox.Neuron(tensor, 3)))}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"store": "all"}, "store='all'"),
        ({"shard_size": 0}, "shard_size"),
        ({"by_folder": True, "target": 3}, "leave target out"),
        ({"target": [[1, 2]]}, "an index for each row"),
        ({"seed": np.ones(10)}, "the name of a seed"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_written(tmp_path, options, said):
    with pytest.raises(UsageError, match=said):
        small(arrays(tmp_path / "x.npy", 4), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_folder_among_its_own_inputs_is_refused(tmp_path):
    folder = pictures(tmp_path / "in", 2, bad=())
    for out in (folder, folder / "runs" / "a"):
        with pytest.raises(UsageError, match="whose files are the inputs"):
            small(folder, out)
    assert sorted(each.name for each in folder.iterdir()) == ["000.png", "001.png"]


def test_a_model_with_other_inputs_is_refused(tmp_path):
    import onnx
    from onnx import parser

    text = """<ir_version: 8, opset_import: ["": 17]>
        g (float[N, 3] x, float[N, 3] m) => (float[N, 3] y) { y = Mul(x, m) }"""
    model = ox.load(onnx.load_from_string(parser.parse_model(text).SerializeToString()), input="x")
    np.save(tmp_path / "x.npy", np.ones((2, 3), "f"))
    with pytest.raises(UsageError, match="also needs 'm'"):
        ox.run(model, tmp_path / "x.npy", tmp_path / "out", "gradient")
