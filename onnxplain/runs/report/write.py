"""Writing a report: a run as one HTML file, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from onnxplain.errors import MissingExtraError
from onnxplain.runs.audit.findings import findings_of
from onnxplain.runs.clusters.clustering import clusters as clusters_of
from onnxplain.runs.folder import check_outside
from onnxplain.runs.report.page import page
from onnxplain.show.atomic import check_file, save_atomic

if TYPE_CHECKING:
    from onnxplain.runs.read import Run

NAME = "report.html"


def check_report() -> None:
    """Raise MissingExtraError without Jinja, before something long runs."""
    try:
        import jinja2  # noqa: F401
    except ImportError as problem:
        raise MissingExtraError("a report needs Jinja: pip install 'onnxplain[report]'") from problem


def write_report(run: Run, path: str | Path | None = None, *, clusters: bool = False) -> Path:
    """Write a run, with the gates that were checked on it, as one page of HTML, and return its path.

    path: of the file; by default report.html in the folder of the run. clusters: whether those of the maps are looked
    for, see `onnxplain.clusters`. Raises MissingExtraError without Jinja or, for clusters, without scikit-learn.
    """
    check_report()
    file = run.path / NAME if path is None else Path(path)
    check_file(file)
    if file.resolve() != (run.path / NAME).resolve():
        check_outside(file)
    text = page(run, findings_of(run), clusters_of(run) if clusters else None)
    save_atomic(file, lambda out: out.write(text.encode("utf-8")))
    return file
