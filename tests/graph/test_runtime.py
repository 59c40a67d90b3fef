"""Without onnxruntime the message says what to install; a session leaves no files behind."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from passes.same import model

from onnxplain.errors import BadInputError, MissingExtraError, UsageError
from onnxplain.graph.runtime import onnxruntime, open_session


def test_a_missing_runtime_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"onnxplain\[cpu\].*onnxplain\[gpu\]"):
        onnxruntime()


def test_it_is_the_module():
    assert onnxruntime() is sys.modules["onnxruntime"]


def test_weights_on_disk_go_when_the_session_is_open(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    proto = model("(float[N,4] x) => (float[N,3] y) { y = MatMul(x, w) }", w=np.ones((4, 3), "f"))
    session = open_session(proto)
    assert not list(tmp_path.iterdir())
    np.testing.assert_array_equal(session.run(None, {"x": np.ones((2, 4), "f")})[0], np.full((2, 3), 4, "f"))


def test_what_does_not_open_leaves_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(BadInputError, match="onnxruntime cannot run this model"):
        open_session(model("(float[N,4] x) => (float[N,4] y) { y = MadeUp(x) }"))
    assert not list(tmp_path.iterdir())


def test_a_disk_that_takes_no_weights_is_named(monkeypatch, tmp_path):
    proto = model("(float[N,4] x) => (float[N,3] y) { y = MatMul(x, w) }", w=np.ones((4, 3), "f"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(UsageError, match=r"temporary file.*TMPDIR"):
        open_session(proto)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, the disk that is always full")
def test_a_full_disk_is_one_clear_error(monkeypatch):
    proto = model("(float[N,4] x) => (float[N,3] y) { y = MatMul(x, w) }", w=np.ones((4, 3), "f"))

    def write(_, data):
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(data)

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(UsageError, match=r"No space left on device.*make room there"):
        open_session(proto)
