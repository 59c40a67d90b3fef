"""A class for each row of a run: it is explained, stated by its sha256, and checked when the run is read again."""

from __future__ import annotations

import numpy as np
import pytest

import onnxplain as ox
from onnxplain.errors import BadInputError, UsageError

from .making import BAD, pictures, small

TARGETS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]


def test_each_row_is_explained_for_its_class(tmp_path):
    r = small(pictures(tmp_path / "in"), tmp_path / "out", target=TARGETS)
    assert [row.target for row in r.rows()] == [each for i, each in enumerate(TARGETS) if i not in BAD]
    assert r[5].target.tolist() == [9]
    assert np.load(tmp_path / "out" / "targets.npy").tolist() == TARGETS
    same = small(tmp_path / "in", tmp_path / "out", target=np.array(TARGETS, np.int32))
    assert same.id == r.id
    with pytest.raises(UsageError, match=r"target\.sha256"):
        small(tmp_path / "in", tmp_path / "out", target=[*TARGETS[:-1], 0])


@pytest.mark.parametrize(
    ("target", "said"),
    [([1, 2], "2 targets for 10 rows"), ([0.5] * 10, "expected an index"), ([[1]] * 10, "expected an index")],
)
def test_what_are_no_targets_of_these_rows_is_refused(tmp_path, target, said):
    with pytest.raises(UsageError, match=said):
        small(pictures(tmp_path / "in"), tmp_path / "out", target=target)


def test_targets_that_were_changed_are_refused(tmp_path):
    small(pictures(tmp_path / "in"), tmp_path / "out", target=TARGETS)
    np.save(tmp_path / "out" / "targets.npy", np.array(TARGETS[::-1]))
    with pytest.raises(BadInputError, match=r"targets\.npy: its sha256 is not the one that job\.json states"):
        ox.Run(tmp_path / "out")[0]
    (tmp_path / "out" / "targets.npy").unlink()
    with pytest.raises(BadInputError, match=r"targets\.npy' does not exist"):
        ox.Run(tmp_path / "out")[0]


def test_targets_are_verified(tmp_path):
    small(pictures(tmp_path / "in"), tmp_path / "out", target=TARGETS)
    file = tmp_path / "out" / "targets.npy"
    assert not ox.verify(tmp_path / "out", alone=True).findings
    whole = file.read_bytes()
    for data in (whole + b" ", whole[:-1], whole[:-8] + bytes(8), b""):
        file.write_bytes(data)
        assert [each.where for each in ox.verify(tmp_path / "out", alone=True).findings] == ["targets.npy"]
    file.unlink()
    assert [each.where for each in ox.verify(tmp_path / "out", alone=True).findings] == ["targets.npy"]
