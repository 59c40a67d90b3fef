"""Clusters as a project for ViRelAy, a viewer of such analyses in a browser (Anders et al. 2021).

A project is a folder: `project.yaml` names the others, `dataset.h5` holds the pictures as the model sees them,
`attribution.h5` their relevance and the scores, `analysis.h5` for each class the spectral embedding with its
eigenvalues and the clusters, and `label-map.json` the names of the classes. `virelay project.yaml` shows it.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError, MissingExtraError, UsageError
from onnxplain.progress import progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import Array
    from onnxplain.runs.clusters.result import Clusters

PROJECT, LABELS = "project.yaml", "label-map.json"
DATASET, ATTRIBUTION, ANALYSIS = "dataset.h5", "attribution.h5", "analysis.h5"
EMBEDDING, CLUSTERING = "spectral", "eigengap"
"""The names of the embedding and of the clusters, the same for each class, as the viewer wants them."""


def export(found: Clusters, folder: str | Path) -> None:
    """Write clusters as a project for ViRelAy: of the rows that were grouped, whole or not at all.

    Raises MissingExtraError without h5py, UsageError where something is there already, or no class was grouped, and
    BadInputError where the rows are no pictures, or the model or the inputs are missing.
    """
    try:
        import h5py
    except ImportError as problem:
        raise MissingExtraError("a project for ViRelAy needs h5py: pip install 'onnxplain[virelay]'") from problem
    path = Path(folder)
    _check(found, path)
    made = Path(mkdtemp(prefix=f".{path.name}.", dir=path.absolute().parent))
    try:
        with ExitStack() as stack:
            files = [stack.enter_context(h5py.File(made / name, "w")) for name in (DATASET, ATTRIBUTION, ANALYSIS)]
            _write_rows(found, files[0], files[1])
            _write_analysis(found, files[2])
        _write_json(made / LABELS, _label_map(found))
        _write_json(made / PROJECT, _project(found))  # JSON is YAML, too
        made.chmod(0o755)
        made.replace(path)
    except BaseException:
        rmtree(made, ignore_errors=True)
        raise


def _check(found: Clusters, path: Path) -> None:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path}: something is there already; give a folder that is new or empty")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path}: cannot write there; does the folder above it exist?")
    if not found.classes:
        raise UsageError("no class has enough rows to be grouped, so there is nothing to export")


def _write_rows(found: Clusters, dataset: Any, attribution: Any) -> None:
    """Write picture, relevance and scores of each row that was grouped, in the order of the run."""
    rows = sorted(row for each in found for row in each.cluster_of)
    targets = {row: each.target for each in found for row in each.cluster_of}
    labels = np.array([targets[row] for row in rows], np.uint16)
    first = found.run.row(rows[0])
    if first.relevance.squeeze().ndim != 2:
        raise BadInputError(f"ViRelAy shows pictures, and the maps of {found.run.path} are none")
    size, count = first.relevance.squeeze().shape, len(rows)
    data = dataset.create_dataset("data", (count, 3, *size), np.uint8, chunks=(1, 3, *size), compression="gzip")
    # the viewer sums channels where there are several, and draws no map of one: relevance is the first of three
    relevance = attribution.create_dataset(
        "attribution", (count, 3, *size), np.float32, chunks=(1, 3, *size), compression="gzip", fillvalue=0
    )
    scores = attribution.create_dataset("prediction", (count, first.scores.size), np.float32)
    with progress("export", count, "row") as bar:
        for place, index in enumerate(rows):
            row = found.run.row(index)
            data[place] = _picture(found, index, row.name)
            relevance[place, 0] = row.relevance.squeeze()
            scores[place] = row.scores.ravel()
            bar.update(1)
    dataset["label"] = attribution["label"] = labels
    attribution["index"] = np.arange(count, dtype=np.uint32)


def _picture(found: Clusters, index: int, name: str) -> Array:
    """Return a row as the model sees it, uint8 RGB [3, H, W]."""
    batch = found.run.again.batch(index)
    picture = None if batch.images is None else batch.images[0]
    if picture is None:
        plane = batch.x[0] if batch.channel_axis is None else batch.x[0].mean(batch.channel_axis - 1)
        plane = np.asarray(plane, np.float64).squeeze()
        if plane.ndim != 2:
            raise BadInputError(f"ViRelAy shows pictures, and {name} is none")
        plane = plane - plane.min()
        grey = np.rint(plane * (255 / (plane.max() or 1))).astype(np.uint8)
        picture = np.repeat(grey[..., None], 3, axis=2)
    return np.moveaxis(np.asarray(picture, np.uint8), 2, 0)


def _write_analysis(found: Clusters, file: Any) -> None:
    places = {row: place for place, row in enumerate(sorted(row for each in found for row in each.cluster_of))}
    for each in found:
        group, of = file.create_group(_key(each.target)), each.cluster_of
        group["index"] = np.array([places[row] for row in of], np.uint32)
        group[f"cluster/{CLUSTERING}"] = np.array(list(of.values()), np.uint32)
        embedding = group.create_dataset(f"embedding/{EMBEDDING}", data=each.embedding.astype(np.float32))
        # the viewer turns their order round, and then draws that of the eigenvector i at i
        embedding.attrs["eigenvalue"] = each.eigenvalues[::-1].astype(np.float32)


def _label_map(found: Clusters) -> list[dict[str, Any]]:
    names = {each.target: each.label for each in found}
    known = found.run.labels
    names = names if known is None else {**dict(enumerate(known)), **names}
    return [{"index": i, "word_net_id": _key(i), "name": names[i]} for i in sorted(names)]


def _project(found: Clusters) -> dict[str, Any]:
    asked = found.run.job.asked
    method, model = asked["method"]["name"], asked["model"]["name"] or asked["model"]["sha256"]
    strategy = "true_label" if asked["target"]["kind"] == "folder" else "predicted_label"
    sources: Mapping[str, Any] = {
        "attribution_method": method,
        "attribution_strategy": strategy,
        "sources": [ATTRIBUTION],
    }
    return {
        "project": {
            "name": f"{model}, {method}",
            "model": model,
            "label_map": LABELS,
            "dataset": {"name": found.run.path.name, "type": "hdf5", "path": DATASET},
            "attributions": dict(sources),
            "analyses": [{"analysis_method": "SpRAy", "sources": [ANALYSIS]}],
        }
    }


def _key(target: int) -> str:
    """Return what a class is called as a group of the file, which its label may not be fit for."""
    return f"class{target:05d}"


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
