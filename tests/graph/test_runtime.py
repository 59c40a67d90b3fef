"""Where onnxruntime is missing or too old the message says what to do; a session leaves no files behind."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from nets import BUNDLED
from passes.same import model

import onnxplain as ox
from onnxplain.errors import BadInputError, MissingExtraError, RuntimeRefusalError
from onnxplain.graph.runtime import LOWEST, onnxruntime, open_session


def test_a_missing_runtime_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"onnxplain\[cpu\].*onnxplain\[gpu\]"):
        onnxruntime()


def test_it_is_the_module():
    assert onnxruntime() is sys.modules["onnxruntime"]


@pytest.mark.parametrize("version", ["1.23.2", "1.9.0", "0.5", "1.23.0.dev20250601"])
def test_a_runtime_that_is_too_old_is_named_with_what_is_needed(monkeypatch, version):
    monkeypatch.setattr(onnxruntime(), "__version__", version)
    said = rf"onnxruntime {version} is installed.* needs {LOWEST} .*pip install --upgrade 'onnxplain\[cpu\]'"
    with pytest.raises(MissingExtraError, match=said):
        onnxruntime()


@pytest.mark.parametrize("version", ["1.24.0", "1.24.1", "1.25.0", "1.100.0", "2.0.0", "1.24.0.dev20260101+cu13"])
def test_a_runtime_that_is_new_enough_is_taken(monkeypatch, version):
    monkeypatch.setattr(onnxruntime(), "__version__", version)
    assert onnxruntime().__version__ == version


def test_the_extra_for_a_gpu_is_named_where_its_onnxruntime_is_installed(monkeypatch):
    monkeypatch.setattr(onnxruntime(), "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime(), "__version__", "1.23.2")
    with pytest.raises(MissingExtraError, match=r"'onnxplain\[gpu\]'"):
        onnxruntime()


def test_a_runtime_that_is_too_old_is_named_before_a_model_is_read(monkeypatch):
    monkeypatch.setattr(onnxruntime(), "__version__", "1.23.2")
    with pytest.raises(MissingExtraError, match=r"onnxruntime 1\.23\.2 is installed"):
        ox.load(BUNDLED / "digits_cnn_torch.onnx")


def test_weights_on_disk_go_when_the_session_is_open(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    proto = model("(float[N,4] x) => (float[N,3] y) { y = MatMul(x, w) }", w=np.ones((4, 3), "f"))
    session = open_session(proto)
    assert not list(tmp_path.iterdir())
    np.testing.assert_array_equal(session.run(None, {"x": np.ones((2, 4), "f")})[0], np.full((2, 3), 4, "f"))


def test_what_does_not_open_leaves_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(RuntimeRefusalError, match="No Op registered for MadeUp"):
        open_session(model("(float[N,4] x) => (float[N,4] y) { y = MadeUp(x) }"))
    assert not list(tmp_path.iterdir())


def test_what_a_fusion_breaks_is_opened_without_it():
    """onnxruntime 1.24 makes a Slice of Range and Gather, and then has no Range to return."""
    proto = model(
        "(float[n,9] x, int64 h) => (float[n,m] y, int64[m] places) <int64 o = {0}, int64 i = {1}> "
        "{ places = Range(o, h, i) y = Gather<axis=1>(x, places) }"
    )
    x = np.arange(18, dtype="f").reshape(2, 9)
    y, places = open_session(proto).run(["y", "places"], {"x": x, "h": np.array(4)})
    np.testing.assert_array_equal(y, x[:, :4])
    np.testing.assert_array_equal(places, range(4))


def test_a_disk_that_takes_no_weights_is_named(monkeypatch, tmp_path):
    proto = model("(float[N,4] x) => (float[N,3] y) { y = MatMul(x, w) }", w=np.ones((4, 3), "f"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(BadInputError, match=r"temporary file.*TMPDIR"):
        open_session(proto)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, the disk that is always full")
def test_a_full_disk_is_one_clear_error(monkeypatch):
    proto = model("(float[N,4] x) => (float[N,3] y) { y = MatMul(x, w) }", w=np.ones((4, 3), "f"))

    def write(_, data):
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(data)

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(BadInputError, match=r"No space left on device.*make room there"):
        open_session(proto)
