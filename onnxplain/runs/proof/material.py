"""Checking what a run was made from: the listing of its inputs, the model with its external data, and the inputs."""

from __future__ import annotations

import json
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from onnxplain.errors import BadInputError, OnnxplainError
from onnxplain.files import regular
from onnxplain.graph.external import external_files
from onnxplain.graph.load import read
from onnxplain.progress import progress
from onnxplain.runs import listing
from onnxplain.runs.encoded import file_digest
from onnxplain.runs.folder import SHARDS
from onnxplain.runs.job import BY_ROW
from onnxplain.runs.listing import Entry, Listing
from onnxplain.runs.proof.form import COUNT, SHA, TEXT, misfit
from onnxplain.runs.sources import file_of
from onnxplain.runs.targets import NAME as TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onnxplain.runs.proof.inspection import Inspection

_LONGEST = 2**20
"""Bytes of a line beyond which it is none of a listing."""


def check_listing(inspection: Inspection, reasons: Mapping[int, tuple[str, str]]) -> bool:
    """Check the listing of the inputs, and return whether it is that of the job.

    reasons: name and reason of each row that failed, by its index.
    """
    name, job = listing.NAME, inspection.job
    if not inspection.is_file(name):
        return False
    path = inspection.path / name
    files = rows = 0
    for number, (entry, wrong) in enumerate(_entries(path), 1):
        if entry is None:
            inspection.off(f"{name} line {number}", str(wrong))
            return False
        files, rows = files + 1, rows + entry.rows
    if job is None:
        return False
    stated = job.asked["inputs"]
    if file_digest(path) != stated["sha256"]:
        inspection.off(name, "its sha256 is not the one that job.json states")
        return False
    if (files, rows) != (stated["files"], stated["rows"]):
        inspection.off(
            name, f"{files} files with {rows} rows, and job.json states {stated['files']} with {stated['rows']}"
        )
        return False
    known = Listing(path)
    for index, (called, _) in reasons.items():
        piece = next(known.pieces(range(index, index + 1)), None)
        if piece is None or piece.name_of(index) != called:
            receipt = f"{SHARDS}/{index // job.shard_size:06d}.json"
            inspection.off(receipt, f"its row {index} has another name than in {name}")
    return True


def check_targets(inspection: Inspection) -> None:
    """Check the class of each row, where the job states one for each."""
    job = inspection.job
    if job is None or job.asked["target"]["kind"] != BY_ROW or not inspection.is_file(TARGETS):
        return
    try:
        inspection.folder.row_targets(job)
    except BadInputError as problem:
        inspection.off(TARGETS, str(problem).removeprefix(f"{inspection.folder.targets}: "))


def check_model(inspection: Inspection, path: str | Path) -> bool:
    """Check that a file is the model of the run, with its external data, and return whether it is."""
    assert inspection.job is not None  # noqa: S101 - nothing is compared with a job that is off
    stated = inspection.job.asked["model"]
    try:
        _, identity = read(str(path))
    except OnnxplainError as problem:
        inspection.off(str(path), f"it cannot be read as the model of the run: {problem}")
        return False
    if identity.file_sha256 != stated["file_sha256"]:
        what = f"it is another file than the model of the run: its sha256 is {identity.file_sha256[:12]}"
        inspection.off(str(path), f"{what}, expected {stated['file_sha256'][:12]}")
    elif identity.sha256 != stated["sha256"]:
        for name, where in _others(path, stated.get("external")).items():
            inspection.off(where, f"{name} is not the external data of the model of the run")
    else:
        return True
    return False


def _others(path: str | Path, stated: Any) -> dict[str, str]:
    """Return the files of a model's external data that are not as stated, by their names; else the model itself."""
    known = stated if isinstance(stated, dict) else {}
    found = {name: str(each) for name, each in external_files(path).items() if file_digest(each) != known.get(name)}
    return found or {"its external data": str(path)}


def check_inputs(inspection: Inspection, root: str | Path) -> tuple[int, int]:
    """Check the files of all inputs, and return how many were checked, and how many were not there then.

    root: the folder that the names of the listing are relative to.
    """
    checked = missing = 0
    with progress("verify", None, "input") as bar:
        for entry, _ in _entries(inspection.path / listing.NAME):
            if entry is None or entry.sha256 is None:
                missing += 1
                continue
            path = Path(file_of(str(Path(root) / entry.name)))
            try:
                found = file_digest(regular(path, "an input of the run"))
            except (OnnxplainError, OSError) as problem:
                there = os.path.exists(path)  # noqa: PTH110 - it raises for no text
                inspection.off(str(path), str(problem) if there else "it is missing")
            else:
                if found != entry.sha256:
                    inspection.off(str(path), "it is another file than the input of the run, by its sha256")
            checked += 1
            bar.update(1)
    return checked, missing


def _entries(path: Path) -> Iterator[tuple[Entry | None, str | None]]:
    """Yield the entries of a listing, each with what is wrong with its line; None for one that is none."""
    with path.open("rb") as file:
        while raw := file.readline(_LONGEST):
            try:
                found = json.loads(raw)
            except (ValueError, RecursionError):
                yield None, "it is no JSON"
                continue
            wrong = _wrong(found)
            entry = None if wrong else Entry(found["name"], found["bytes"], found["sha256"], found.get("rows", 1))
            try:
                right = entry is None or entry.line() == raw
            except ValueError:  # no text in UTF-8
                right = False
            yield (entry, wrong) if right else (None, "it is not in the form in which a run writes it")


def _wrong(found: Any) -> str | None:
    """Return what is wrong with the object of a line."""
    absent = isinstance(found, dict) and found.get("bytes", 0) is None and found.get("sha256", "") is None
    form = {"name": TEXT, **({} if absent else {"bytes": COUNT, "sha256": SHA})}
    form |= {"rows": COUNT} if isinstance(found, dict) and "rows" in found else {}
    given = {key: each for key, each in found.items() if key not in ("bytes", "sha256")} if absent else found
    wrong = misfit(given, form)
    if wrong is not None:
        return wrong
    name = PurePosixPath(found["name"])
    if name.is_absolute() or ".." in name.parts:
        return "its name leads out of the folder of the inputs"
    return None if found.get("rows", 2) > 1 else "it states that it has no row, or one"
