"""Statements about a run: what they say, that they are the same for the same run, and that they belong to it."""

from __future__ import annotations

import json
import shutil

import pytest
from runs.making import MODEL, pictures, small

import onnxplain as ox
from onnxplain.runs.encoded import digest, encoded
from onnxplain.runs.proof.statement import FAILED, PASSED, WARNED, descriptor, figures_of, gates_statement


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    small(pictures(folder / "photos", count=4), folder / "run")
    return folder


def test_a_statement_says_what_the_run_is(made):
    found = json.loads((made / "run" / "statement.json").read_bytes())
    held = {name: digest((made / "run" / name).read_bytes()) for name in ("job.json", "inputs.jsonl", "ledger.jsonl")}
    assert found["_type"] == "https://in-toto.io/Statement/v1"
    assert found["subject"] == [{"name": MODEL.name, "digest": {"sha256": digest(MODEL.read_bytes())}}]
    predicate = found["predicate"]
    assert {predicate[key]["name"]: predicate[key]["digest"]["sha256"] for key in ("job", "inputs", "ledger")} == held
    assert predicate["rows"] == {"asked": 4, "done": 3, "failed": 1} and predicate["shards"] == 1
    assert predicate["method"] == "lrp.epsilon_plus_flat"
    assert predicate["versions"]["onnxplain"] == ox.__version__


def test_the_same_run_has_the_same_statement(made, tmp_path):
    moved = shutil.copytree(made / "photos", tmp_path / "elsewhere")
    small(moved, tmp_path / "again")
    assert (tmp_path / "again" / "statement.json").read_bytes() == (made / "run" / "statement.json").read_bytes()


def gates(run, **changed):
    r = ox.Run(run)
    given = {
        "gates": {"completeness at most 0.01": PASSED, "parity": PASSED, "watermark": WARNED},
        "configuration": [descriptor("audit.toml", "0" * 64)],
        "figures": {"completeness at most 0.01": {"worst": 0.002, "row": 3}},
    }
    return gates_statement(r.job, r.end["ledger"]["head"], **{**given, **changed})


def test_the_statement_of_gates_lists_them_and_states_the_worst(made):
    predicate = gates(made / "run")["predicate"]
    assert predicate["result"] == "WARNED"
    assert predicate["passedTests"] == ["completeness at most 0.01", "parity"]
    assert predicate["warnedTests"] == ["watermark"] and predicate["failedTests"] == []
    assert figures_of(gates(made / "run")) == {"completeness at most 0.01": {"worst": 0.002, "row": 3}}
    assert gates(made / "run", gates={})["predicate"]["result"] == "PASSED"
    assert gates(made / "run", gates={"a": PASSED, "b": FAILED, "c": WARNED})["predicate"]["result"] == "FAILED"


CHANGES = [
    lambda found: found["predicate"].update(result="PASSED"),
    lambda found: found["predicate"].update(
        warnedTests=[], passedTests=["completeness at most 0.01", "parity", "watermark"]
    ),
    lambda found: found["predicate"]["configuration"][2]["annotations"]["figures"].clear(),
    lambda found: found["predicate"]["configuration"][0]["digest"].update(sha256="1" * 64),
    lambda found: found["predicate"]["configuration"][1]["digest"].update(sha256="1" * 64),
    lambda found: found["predicate"]["configuration"][3]["digest"].update(sha256="1" * 64),
    lambda found: found["predicate"].pop("configuration"),
    lambda found: found["predicate"].update(configuration=3),
    lambda found: found["predicate"].update(passedTests=[["a"]]),
    lambda found: found["subject"][0]["digest"].update(sha256="1" * 64),
    lambda found: found.update(predicate=None),
]


@pytest.mark.parametrize("change", CHANGES)
def test_gates_of_another_run_or_with_another_result_are_named(made, tmp_path, change):
    run = shutil.copytree(made / "run", tmp_path / "run")
    found = gates(run)
    (run / "statement.gates.json").write_bytes(encoded(found))
    assert ox.verify(run, alone=True).ok
    change(found)
    (run / "statement.gates.json").write_bytes(encoded(found))
    assert [each.where for each in ox.verify(run, alone=True).findings] == ["statement.gates.json"]
