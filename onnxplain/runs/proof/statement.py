"""Statements of in-toto about a run, which other tools read: the run itself, and the results of its gates.

A statement (in-toto Statement v1) says something about artifacts that it names by their sha256; here these are the
files of the model. It holds no time, no path and no name of a machine: the same run has the same statement, byte for
byte, wherever it was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.runs import job as jobs
from onnxplain.runs import ledger, listing
from onnxplain.runs.encoded import digest, encoded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxplain.runs.job import Job

NAME, GATES_NAME = "statement.json", "statement.gates.json"
TYPE = "https://in-toto.io/Statement/v1"
RUN_TYPE = "https://github.com/onnxplain/onnxplain/run/v1"
"""The predicate type of what a run is; docs/runs.md describes its fields."""
GATES_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
"""The predicate type of test results, a standard one of in-toto."""
PASSED, WARNED, FAILED = "PASSED", "WARNED", "FAILED"
_RESULTS = {FAILED: "failedTests", WARNED: "warnedTests", PASSED: "passedTests"}
"""The fields of the lists of tests by their result, the worst first."""
_GATES, _FIGURES = "gates", "figures"


def run_statement(
    job: Job, ledger_sha256: str, head: str, rows: Mapping[str, int], versions: Mapping[str, str | None]
) -> dict[str, Any]:
    """Return the statement of a run.

    ledger_sha256, head: the sha256 of the ledger and of its last line. rows: how many were asked for, done and failed.
    versions: of the packages that took part, by name.
    """
    return {
        "_type": TYPE,
        "subject": subjects(job),
        "predicateType": RUN_TYPE,
        "predicate": {
            "job": descriptor(jobs.NAME, job.id),
            "inputs": {
                **descriptor(listing.NAME, job.asked["inputs"]["sha256"]),
                "files": job.asked["inputs"]["files"],
            },
            "ledger": {**descriptor(ledger.NAME, ledger_sha256), "head": head},
            "method": job.asked["method"]["name"],
            "shards": job.shards,
            "rows": dict(rows),
            "versions": dict(versions),
        },
    }


def gates_statement(
    job: Job,
    head: str,
    gates: Mapping[str, str],
    configuration: Sequence[Mapping[str, Any]] = (),
    figures: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the statement of what came of a run's gates, a test-result of in-toto.

    head: sha256 of the last line of the run's ledger. gates: PASSED, WARNED or FAILED by the name of the gate.
    configuration: descriptors of further files that the gates were configured by. figures: what was found of each gate
    by its name, in JSON's types; other tools see them as annotations of a resource, whose digest is that of all this.
    """
    lists = {
        field: sorted(name for name, came in gates.items() if came == result) for result, field in _RESULTS.items()
    }
    about = {_GATES: dict(gates), _FIGURES: dict(figures or {}), "configuration": list(configuration)}
    predicate = {
        "result": next((result for result, field in _RESULTS.items() if lists[field]), PASSED),
        "configuration": [
            descriptor(jobs.NAME, job.id),
            descriptor("the last line of ledger.jsonl", head),
            {**descriptor(_GATES, digest(encoded(about))), "annotations": {_FIGURES: about[_FIGURES]}},
            *configuration,
        ],
        **lists,
    }
    return {"_type": TYPE, "subject": subjects(job), "predicateType": GATES_TYPE, "predicate": predicate}


def gates_again(job: Job, head: str, found: Any) -> dict[str, Any]:
    """Return the statement that the gates of a statement of this run have, which it has to equal.

    found: the statement, as it was read. Raises KeyError, IndexError, TypeError or AttributeError where it is none.
    """
    predicate = found["predicate"]
    gates = {name: result for result, field in _RESULTS.items() for name in predicate[field]}
    return gates_statement(job, head, gates, predicate["configuration"][3:], figures_of(found))


def figures_of(found: Any) -> dict[str, Any]:
    """Return the figures of the gates in a statement, by the name of the gate; it raises as `gates_again` does."""
    figures: dict[str, Any] = found["predicate"]["configuration"][2]["annotations"][_FIGURES]
    return figures


def subjects(job: Job) -> list[dict[str, Any]]:
    """Return the files of the job's model as descriptors: the .onnx file, and those of its external data."""
    model = job.asked["model"]
    external = sorted(model["external"].items())
    return [
        descriptor(model.get("name") or "_", model["file_sha256"]),
        *(descriptor(name, sha256) for name, sha256 in external),
    ]


def descriptor(name: str, sha256: str) -> dict[str, Any]:
    """Return the resource descriptor of a file."""
    return {"name": name, "digest": {"sha256": sha256}}
