"""Archives of arrays: the same bytes at any time, and NumPy reads them."""

from __future__ import annotations

import io
import time
import zipfile

import numpy as np
import pytest

from onnxplain.errors import BadInputError
from onnxplain.runs.archive import packed, unpacked

ARRAYS = {
    "b": np.arange(6).reshape(2, 3).T,
    "a": np.array([1.5, np.nan], ">f4"),
    "s": np.array([b"cat", b"x"], "S"),
    "n": np.array(-1),
}


def test_numpy_reads_what_was_packed():
    with np.load(io.BytesIO(packed(ARRAYS)), allow_pickle=False) as found:
        assert found.files == ["a", "b", "n", "s"]
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].shape == array.shape


def test_the_bytes_are_those_of_the_arrays_alone(monkeypatch):
    first = packed(ARRAYS)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    monkeypatch.setattr("sys.platform", "win32")
    assert packed(dict(reversed(ARRAYS.items()))) == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {(each.date_time, each.create_system, each.compress_type) for each in archive.infolist()} == {
            ((1980, 1, 1, 0, 0, 0), 3, zipfile.ZIP_STORED)
        }


@pytest.mark.parametrize("data", [b"", b"no archive", packed({"a": np.ones(3)})[:-20]])
def test_what_is_no_archive_is_refused(data):
    with pytest.raises(BadInputError, match=r"it\.npz: cannot read"):
        unpacked(data, "it.npz")
