"""The project for ViRelAy: it is written whole or not at all, and only where it fits. The viewer reads it in peers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from nets import BUNDLED

import onnxplain as ox

pytest.importorskip("h5py", reason="h5py is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import h5py
from runs import tagged
from sklearn import datasets


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tagged")
    tagged.pictures(folder / "in", datasets)
    model = tagged.network()
    return ox.clusters(ox.run(model, folder / "in", folder / "run", "deeplift", by_folder=True), model=model)


def test_the_files_hold_the_clusters(found, tmp_path):
    found.to_virelay(tmp_path / "project")
    names = {each.name for each in (tmp_path / "project").iterdir()}
    assert names == {"project.yaml", "label-map.json", "dataset.h5", "attribution.h5", "analysis.h5"}
    assert [each.name for each in tmp_path.iterdir()] == ["project"]
    labels = {
        each["word_net_id"]: each["name"] for each in json.loads((tmp_path / "project/label-map.json").read_text())
    }
    with h5py.File(tmp_path / "project/analysis.h5") as analysis:
        for key, group in analysis.items():
            each = found[labels[key]]
            assert group["cluster/eigengap"][()].tolist() == list(each.cluster_of.values())
            values = group["embedding/spectral"].attrs["eigenvalue"]
            np.testing.assert_allclose(values, each.eigenvalues[::-1], atol=1e-7)
    with h5py.File(tmp_path / "project/dataset.h5") as dataset:
        assert dataset["data"].shape == (2 * tagged.EACH, 3, 16, 16) and dataset["data"][()].max() == 255


def test_nothing_is_written_where_something_is_or_fails(found, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    with pytest.raises(ox.errors.UsageError, match="something is there already"):
        found.to_virelay(tmp_path / "there")
    monkeypatch.setattr("onnxplain.runs.clusters.virelay._picture", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        found.to_virelay(tmp_path / "new")
    assert [each.name for each in tmp_path.iterdir()] == ["there"]


def test_tables_are_no_pictures(tmp_path):
    x = np.load(BUNDLED / "wine_sample.npy")
    np.save(tmp_path / "x.npy", np.repeat(x, 30, 0) + np.random.default_rng(0).standard_normal((30, 13)).astype("f"))
    run = ox.run(BUNDLED / "wine_mlp_torch.onnx", tmp_path / "x.npy", tmp_path / "run", "gradient", target=0)
    with pytest.raises(ox.errors.BadInputError, match="ViRelAy shows pictures"):
        ox.clusters(run, test=False).to_virelay(tmp_path / "project")
    assert not (tmp_path / "project").exists()
