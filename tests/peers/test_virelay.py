"""Clusters as a project for ViRelAy: the classes of the viewer itself load it and find what was written.

The viewer needs an older Pillow than other libraries. VIRELAY_PYTHON names the Python of an environment that has it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

import onnxplain as ox

pytest.importorskip("h5py", reason="h5py is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from runs import tagged
from sklearn import datasets

pytestmark = pytest.mark.peer
PYTHON = os.environ.get("VIRELAY_PYTHON") or (sys.executable if find_spec("virelay") else None)
READ = """
import json, sys
import numpy as np
from virelay.model import Project, Workspace
project = Project(sys.argv[1])
method, = project.get_analysis_methods()
clusterings = project.get_analysis_clustering_names(method)
embeddings = project.get_analysis_embedding_names(method)
found = {"name": project.name, "methods": [method], "clusterings": clusterings, "embeddings": embeddings}
found["length"] = len(project.dataset)
found["classes"] = {}
for category in project.get_analysis_categories(method):
    analysis = project.get_analysis(method, category.name, clusterings[0], embeddings[0])
    found["classes"][category.human_readable_name] = {
        "clusters": analysis.clustering.tolist(),
        "embedding": analysis.embedding.tolist(),
        "eigenvalues": analysis.eigenvalues.tolist(),
        "rows": analysis.attribution_indices.tolist(),
    }
last = found["length"] - 1
sample, attribution = project.get_sample(last), project.get_attribution(last)
found["sample"] = {"data": sample.data.tolist(), "labels": [each.name for each in sample.labels]}
found["attribution"] = {"data": attribution.data.tolist(), "prediction": attribution.prediction.tolist()}
found["heatmap"] = list(attribution.render_heatmap("blue-white-red").shape)
workspace = Workspace()
workspace.add_project(sys.argv[1])
found["names"] = workspace.get_project_names()
print(json.dumps(found))
"""


@pytest.mark.skipif(PYTHON is None, reason="ViRelAy is not installed, and VIRELAY_PYTHON names no Python that has it")
def test_virelay_loads_a_project(tmp_path):
    tagged.pictures(tmp_path / "in", datasets)
    model = tagged.network()
    run = ox.run(model, tmp_path / "in", tmp_path / "run", "deeplift", by_folder=True)
    clusters = ox.clusters(run, model=model)
    clusters.to_virelay(tmp_path / "project")
    said = subprocess.run(
        [PYTHON, "-c", READ, str(tmp_path / "project" / "project.yaml")], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert found["length"] == 2 * tagged.EACH and found["names"] == [found["name"]]
    for each in clusters:
        shown = found["classes"][each.label]
        assert shown["clusters"] == list(each.cluster_of.values())
        np.testing.assert_allclose(shown["embedding"], each.embedding, rtol=1e-6)
        np.testing.assert_allclose(shown["eigenvalues"], each.eigenvalues[::-1], rtol=1e-6, atol=1e-30)
        assert shown["rows"] == [list(range(2 * tagged.EACH))[row] for row in each.cluster_of]
    last = list(run.rows())[-1]
    e = run[last.index]
    np.testing.assert_array_equal(np.array(found["sample"]["data"]), e.images[0])
    assert found["sample"]["labels"] == [last.label]
    np.testing.assert_array_equal(np.float32(found["attribution"]["data"]).sum(-1), last.relevance)
    np.testing.assert_array_equal(np.float32(found["attribution"]["prediction"]), last.scores)
    assert found["heatmap"][:2] == [16, 16]
