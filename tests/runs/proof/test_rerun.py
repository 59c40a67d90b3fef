"""Rows are explained again: which ones, to the same bits here, and within a bound elsewhere."""

from __future__ import annotations

import shutil
from collections import Counter

import numpy as np
import pytest
from runs.making import MODEL, small

import onnxplain as ox
from onnxplain.method.backward import table_lrp
from onnxplain.plan import selector
from onnxplain.rules.lrp import Gamma
from onnxplain.runs.archive import packed, unpacked
from onnxplain.runs.job import Job
from onnxplain.runs.proof import rerun
from onnxplain.runs.proof.rerun import drawn

from .test_verify import close, repack, rewrite

HEAD = "c" * 64
SAID = {"scale": "relevance"}
"""What is said of a column, where that is not its name."""


def forged(run, name, change):
    """Change a column of the first shard, and make all that states its sha256 anew."""

    def write(path):
        columns = unpacked(path.read_bytes(), str(path))
        columns[name] = change(columns[name])
        path.write_bytes(packed(columns))

    repack(run, write)


def test_rows_that_are_explained_again_have_the_same_bits(made):
    """Rows 3 and 7 failed, and fail again; the others were walked in batches of 3, 1, 3, 1 and 2 rows."""
    v = ox.verify(made / "run", replay=10)
    assert v.ok and v.differences == dict.fromkeys(range(10), 0.0)
    assert v.checked["replay"] == "10 rows explained again, 10 with equal bits"


def test_model_and_inputs_may_have_moved_and_been_renamed(made, tmp_path):
    photos = shutil.copytree(made / "photos", tmp_path / "elsewhere")
    model = shutil.copy(MODEL, tmp_path / "other.onnx")
    v = ox.verify(made / "run", model=model, inputs=photos, replay=4)
    assert v.ok and len(v.differences) == 4


def test_a_later_version_may_state_more_of_a_job():
    stated = {"model": {"name": "a.onnx", "sha256": "1"}, "limits": {"nodes": 1}, "method": {"name": "gradient"}}
    later = {
        "model": {"name": "b.onnx", "sha256": "1"},
        "limits": {"nodes": 2},
        "method": {"name": "gradient", "new": 1},
    }
    assert Job(stated).conflicts(Job(later)) == []
    later["model"]["sha256"] = "2"
    assert Job(stated).conflicts(Job(later)) == ['model.sha256: "1" there, "2" now']


def test_a_composite_has_to_be_given(made, tmp_path):
    """A job has the sha256 of its plan, from which it cannot be made."""
    composite = ox.Composite(table_lrp(1e-6), ((selector.op("Conv"), Gamma(0.25)),))
    small(made / "photos", tmp_path / "run", composite)
    v = ox.verify(tmp_path / "run", replay=2)
    assert [each.where for each in v.findings] == ["replay"] and "composite" in v.findings[0].what
    assert ox.verify(tmp_path / "run", replay=2, method=composite).ok


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("relevance", lambda stored: np.concatenate([np.nextafter(stored[:1], np.float16(9)), stored[1:]])),
        ("scale", lambda stored: stored * [2, 1, 1]),
        ("scores", lambda stored: stored + np.float32([[1], [0], [0]])),
        ("score", lambda stored: np.concatenate([np.nextafter(stored[:1], np.float32(99)), stored[1:]])),
        ("target", lambda stored: stored + np.array([1, 0, 0])),
        ("label", lambda stored: np.concatenate([[b"9"], stored[1:]])),
    ],
)
def test_a_number_that_was_forged_is_found_in_its_row(run, name, change):
    forged(run, name, change)
    assert ox.verify(run, alone=True).ok, "the folder itself is consistent"
    v = ox.verify(run, replay=10)
    assert [each.where for each in v.findings] == ["row 0 (000.png)"] and SAID.get(name, name) in v.findings[0].what


def test_a_row_that_is_hidden_as_failed_is_found(run):
    """The row is taken out of the arrays, and the receipt gives a reason."""

    def without(path):
        columns = unpacked(path.read_bytes(), str(path))
        path.write_bytes(packed({key: value[1:] for key, value in columns.items()}))
        failed = [{"index": 0, "name": "000.png", "reason": "it does not suit"}]
        rewrite(run / "shards" / "000000.json", lambda found: found.update(done=2, failed=failed + found["failed"]))

    repack(run, without)
    assert ox.verify(run, alone=True).ok
    v = ox.verify(run, replay=10)
    assert [tuple(each) for each in v.findings] == [("row 0 (000.png)", "it failed then, and can be explained now")]


def test_another_reason_for_a_row_that_failed_is_found(run):
    rewrite(run / "shards" / "000000.json", lambda found: found["failed"][0].update(reason="it does not suit"))
    close(run)
    v = ox.verify(run, replay=10)
    assert [each.where for each in v.findings] == ["row 3 (003.png)"]
    assert "failed then for 'it does not suit', and now for '003.png: not a picture" in v.findings[0].what


def test_on_another_processor_rows_may_be_apart_by_the_bound(run, monkeypatch):
    forged(run, "scale", lambda stored: stored * [1.005, 1, 1])
    assert not ox.verify(run, replay=10).ok
    monkeypatch.setattr(rerun, "processor", lambda: "another")
    v = ox.verify(run, replay=10)
    assert v.ok and v.differences[0] == pytest.approx(0.005, abs=5e-4) and v.differences[1] == 0
    assert "9 with equal bits" in v.checked["replay"] and "0.01 is the bound" in v.checked["replay"]
    v = ox.verify(run, replay=10, bound=0.001)
    assert [each.where for each in v.findings] == ["row 0 (000.png)"] and "expected at most 0.001" in v.findings[0].what


def test_another_class_is_found_on_another_processor_too(run, monkeypatch):
    forged(run, "target", lambda stored: stored + np.array([1, 0, 0]))
    monkeypatch.setattr(rerun, "processor", lambda: "another")
    assert [each.where for each in ox.verify(run, replay=10).findings] == ["row 0 (000.png)"]


def test_rows_are_not_explained_again_without_model_or_inputs(made, run):
    v = ox.verify(made / "run", replay=3, alone=True)
    assert [each.where for each in v.findings] == ["replay"] and "needs the model and the inputs" in v.unchecked[
        "replay"
    ]
    (run / "job.json").unlink()
    v = ox.verify(run, replay=3)
    assert [each.where for each in v.findings] == ["job.json"] and v.unchecked["replay"] == "what is off comes first"


def test_the_rows_are_different_ones_and_each_is_as_likely():
    assert sorted(drawn(HEAD, 100, 20)) == list(range(20))
    counts = Counter(i for draw in range(2000) for i in drawn(HEAD, 3, 10, str(draw)))
    assert set(counts) == set(range(10))
    expected = 2000 * 3 / 10
    assert all(abs(count - expected) < 5 * np.sqrt(expected) for count in counts.values())
    assert drawn(HEAD, 3, 1000) != drawn("d" * 64, 3, 1000)
