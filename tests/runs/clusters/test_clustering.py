"""Strategies in a run: a tag in a third of a class is found, and its scores rest on it; a class without has none."""

from __future__ import annotations

import csv
import json
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from nets import BUNDLED, digits
from PIL import Image

import onnxplain as ox
from onnxplain.cli import main

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from runs import tagged
from runs.making import small
from sklearn import datasets
from sklearn.metrics import adjusted_rand_score


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of tagged digits, which of them bear the tag, and the model."""
    folder = tmp_path_factory.mktemp("tagged")
    tags, model = tagged.pictures(folder / "in", datasets), tagged.network()
    return ox.run(model, folder / "in", folder / "run", "deeplift", by_folder=True), tags, model


@pytest.fixture(scope="module")
def found(made):
    run, _, model = made
    return ox.clusters(run, model=model)


def test_the_tag_is_a_cluster_and_the_other_class_has_one(made, found):
    run, tags, _ = made
    each = found[tagged.TAGGED]
    truth = [tags[run.row(index).name] for index in each.cluster_of]
    assert len(each) == 2 and each.rows == each.grouped == tagged.EACH
    assert adjusted_rand_score(truth, list(each.cluster_of.values())) > 0.9
    assert len(found[tagged.CLEAN]) == 1 and found[tagged.CLEAN][0].test is None


def test_the_scores_of_the_tagged_rows_rest_on_the_tag(found):
    without, with_tag = (each.test for each in found[tagged.TAGGED])
    assert with_tag.stands_out and with_tag.members.fell == 1
    assert with_tag.members.mean > 10 * max(with_tag.others.mean, with_tag.elsewhere.mean)
    assert not without.stands_out


def test_mean_maps_and_exemplars_are_those_of_the_members(made, found):
    run, tags, _ = made
    cluster = found[tagged.TAGGED][1]
    maps = [run.row(index).relevance.squeeze().astype(np.float64) for index in cluster.rows]
    mean = np.mean([each / np.linalg.norm(each) for each in maps], 0)
    np.testing.assert_allclose(cluster.mean_map.squeeze(), mean, atol=1e-9)
    assert set(cluster.exemplars) <= set(cluster.rows) and len(cluster.exemplars) == 4
    assert np.unravel_index(np.argmax(mean), mean.shape)[0] < 3
    assert all(tags[run.row(index).name] for index in cluster.exemplars)


def test_the_same_seed_gives_the_same_result(made, found):
    run, _, model = made
    assert ox.clusters(run, model=model).to_json() == found.to_json()


def test_a_sample_of_the_rows_and_one_class(made):
    run, _, _ = made
    found = ox.clusters(run, tagged.TAGGED, sample=30, test=False)
    each = found[tagged.TAGGED]
    assert (len(found), each.rows, each.grouped) == (1, tagged.EACH, 30)
    assert len(each) == 2 and "no counter-test: it was not asked for" in str(found)
    assert ox.clusters(run, tagged.TAGGED, sample=30, test=False, seed=1)[tagged.TAGGED].cluster_of != each.cluster_of


def test_classes_with_few_rows_and_rows_without_relevance_are_counted(tmp_path):
    x = np.random.default_rng(0).standard_normal((24, 1, 16, 16)).astype("f")
    np.save(tmp_path / "x.npy", np.concatenate([x, 0 * x[:2]]))
    run = small(tmp_path / "x.npy", tmp_path / "run", "input_x_gradient", target=3)
    found = ox.clusters(run)
    assert found.without == 2 and found["3"].rows == 24
    few = ox.clusters(small(tmp_path / "x.npy", tmp_path / "other", "input_x_gradient"))
    assert sum(few.few.values()) + sum(each.rows for each in few) == 24
    with pytest.raises(ox.errors.UsageError, match="too few to be grouped"):
        few[next(iter(few.few))]
    with pytest.raises(ox.errors.UsageError, match="no row of the run explains the class 'owl'"):
        ox.clusters(run, "owl")


@pytest.mark.parametrize("options", [{"area": 0}, {"area": 1}, {"side": 0}, {"neighbours": 1}, {"seed": -1}])
def test_what_makes_no_sense_is_refused(made, options):
    with pytest.raises(ox.errors.UsageError, match=next(iter(options))):
        ox.clusters(made[0], **options)


def test_without_the_model_there_is_no_counter_test(made):
    found = ox.clusters(made[0].path)
    assert "does not say where" in found.because
    assert [each.test for each in found[tagged.TAGGED]] == [None, None]


def test_without_scikit_learn_the_extra_is_named(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.neighbors", None)
    with pytest.raises(ox.errors.MissingExtraError, match=r"onnxplain\[clusters\]"):
        ox.clusters(made[0])


def test_what_is_saved(made, found, tmp_path):
    found.save(tmp_path / "c.png")
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.size[0] > 1000
    found.save(tmp_path / "c.csv")
    with (tmp_path / "c.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["name"]: int(row["cluster"]) for row in rows if row["label"] == tagged.TAGGED} == {
        made[0].row(index).name: cluster for index, cluster in found[tagged.TAGGED].cluster_of.items()
    }
    with pytest.raises(ox.errors.UsageError, match=r"saved as \.png"):
        found.save(tmp_path / "c.txt")


def test_from_the_shell(tmp_path):
    tagged.pictures(tmp_path / "in", datasets)
    ox.run(digits(), tmp_path / "in", tmp_path / "run", "deeplift")
    done = CliRunner().invoke(main, ["clusters", str(tmp_path / "run"), "--json", "-o", str(tmp_path / "c.json")])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == json.loads((tmp_path / "c.json").read_text())
    assert "no_counter_test" in json.loads(done.stdout)
    wrong = CliRunner().invoke(main, ["clusters", str(tmp_path / "run"), "-o", "c.txt"])
    assert wrong.exit_code == 2 and "expected a file" in wrong.stderr
    none = CliRunner().invoke(main, ["clusters", str(BUNDLED)])
    assert none.exit_code == 4 and "no run is there" in none.stderr
