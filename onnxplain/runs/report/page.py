"""The page of a report: one file of HTML with its style, charts and pictures inside, which loads nothing.

Every text of the run is escaped by the template.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.runs.report.charts import gauge, histogram
from onnxplain.runs.report.pictures import of_map, of_row
from onnxplain.runs.report.rows import chosen, read
from onnxplain.show.html import data_uri

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxplain.runs.audit.gate import Finding
    from onnxplain.runs.clusters.result import Clusters
    from onnxplain.runs.read import Run
    from onnxplain.runs.report.rows import Class, Seen

CLASSES, FAILED = 12, 50
"""So many classes, and rows that failed, are shown; the page says how many more there are."""


def page(run: Run, findings: Sequence[Finding] = (), clusters: Clusters | None = None) -> str:
    """Return a run, and what became of its gates, as the text of an HTML file. Needs Jinja.

    clusters: those of its maps, where they were looked for.
    """
    from jinja2 import Environment

    own = files("onnxplain.runs.report")
    worst = _worst(findings)
    seen = read(run, worst)
    template = Environment(autoescape=True, trim_blocks=True).from_string(own.joinpath("page.html").read_text("utf-8"))
    text: str = template.render(
        title=f"{run.job.asked['model']['name']}: {run.job.asked['method']['name']}",
        style=own.joinpath("style.css").read_text("utf-8"),
        facts=_facts(run),
        findings=[_finding(each) for each in sorted(findings, key=lambda each: each.passed)],
        broken=sum(not each.passed for each in findings),
        distributions=_distributions(seen),
        **_classes(run, seen),
        **_rows(run, seen, worst),
        clusters=None if clusters is None else _clusters(clusters),
        failed=[(each.name, each.reason) for each in run.failed[:FAILED]],
        failed_left_out=_more(len(run.failed), FAILED, "rows failed"),
        asked=_asked(run),
        environment=[(name, _text(value)) for name, value in run.environment.items()],
        commands=f"onnxplain verify {run.path.resolve().name} --replay 16",
    )
    return text


def _facts(run: Run) -> list[tuple[str, str]]:
    asked, counts = run.job.asked, run.counts
    return [
        ("model", asked["model"]["name"] or ""),
        ("sha256 of the model", asked["model"]["sha256"]),
        ("method", asked["method"]["name"]),
        ("rows", f"{counts['done']} explained, {counts['failed']} failed"),
        ("job", run.id),
        ("head of the ledger", run.end["ledger"]["head"]),
    ]


def _finding(each: Finding) -> dict[str, Any]:
    return {
        "name": each.gate,
        "passed": each.passed,
        "unit": each.unit,
        "over": f"{each.over} of {each.rows} rows",
        "left_out": each.left_out,
        "figure": f"{each.figure:.4g}",
        "bound": str(each.bound),
        "gauge": gauge(each.figure, each.bound),
        "worst": each.worst and (each.worst[0], f"{each.worst[1]:.4g}"),
    }


def _worst(findings: Sequence[Finding]) -> dict[str, list[str]]:
    """Return the names of the gates by that of their worst row."""
    found: dict[str, list[str]] = {}
    for each in findings:
        if each.worst is not None:
            found.setdefault(each.worst[0], []).append(each.gate)
    return found


def _distributions(seen: Seen) -> list[dict[str, str]]:
    found = []
    for name, numbers in (("probability", seen.probability), ("score", seen.score), ("gap, as a share", seen.gap)):
        finite = numbers[np.isfinite(numbers)]
        if len(finite):
            low, middle, high = np.quantile(finite, (0.05, 0.5, 0.95))
            line = f"5 % {low:.4g}, median {middle:.4g}, 95 % {high:.4g}"
            found.append({"name": name, "line": line, "chart": histogram(finite, name)})
    return found


def _classes(run: Run, seen: Seen) -> dict[str, Any]:
    order = sorted(seen.classes.values(), key=lambda each: (-each.rows, each.name))
    shown = [_class(each, run.job.asked["model"]["features"]) for each in order[:CLASSES]]
    return {"classes": shown, "classes_left_out": _more(len(order), CLASSES, "classes")}


def _class(each: Class, names: Sequence[str] | None) -> dict[str, str]:
    line = f"{each.rows} rows, mean score {each.score / each.rows:.4g}"
    return {
        "name": each.name,
        "line": line,
        "picture": "" if each.total is None else of_map(each.total / each.rows, names),
    }


def _rows(run: Run, seen: Seen, worst: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the rows to show, and why pictures are missing where they are. worst: gates by the name of their row."""
    found, note = [], ""
    named = {at: f"worst of {', '.join(worst[name])}" for name, at in seen.at.items()}
    for index, why in chosen(seen, named).items():
        row = run.row(index)
        shown = of_row(run, row, run.job.asked["model"]["features"])
        note = note or (f"Maps are shown without their inputs: {shown.why}" if shown.why else "")
        sure = "" if row.probability is None else f", probability {row.probability:.4g}"
        line = f"{row.name}: {row.label}{sure}, score {row.score:.4g}"
        found.append({"why": why, "name": row.name, "line": line, "picture": shown.picture})
    return {"rows": found, "rows_note": note}


def _clusters(found: Clusters) -> dict[str, str]:
    """Return the clusters as text, and the picture of those classes that have several."""
    several = any(len(each) > 1 for each in found)
    return {"text": str(found), "picture": data_uri(found.picture()) if several else ""}


def _asked(run: Run) -> list[tuple[str, str]]:
    return [(name, _text(value)) for name, value in run.job.asked.items() if value is not None]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _more(count: int, shown: int, what: str) -> str:
    return f"and {count - shown} more {what}" if count > shown else ""
