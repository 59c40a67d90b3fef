"""Running exported files in a process that has nothing of this library."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from nets import DIGITS
from PIL import Image

RUN = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("onnxplain", "onnx", "onnx_graphsurgeon"):
            raise ImportError(name)
sys.meta_path.insert(0, Nothing())
try:
    import onnxplain
except ImportError:
    import numpy as np, onnxruntime as ort
    session = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    with np.load(sys.argv[2]) as feeds:
        found = session.run(None, dict(feeds))
    np.savez(sys.argv[3], **dict(zip([each.name for each in session.get_outputs()], found)))
"""


def run(path, tmp_path, **feeds):
    """The outputs of the file, from a process that can import neither this library nor onnx."""
    np.savez(tmp_path / "feeds.npz", **feeds)
    out = tmp_path / "out.npz"
    out.unlink(missing_ok=True)
    command = [sys.executable, "-I", "-c", RUN, str(path), str(tmp_path / "feeds.npz"), str(out)]
    subprocess.run(command, check=True, cwd=tmp_path)
    with np.load(out) as found:
        return dict(found)


def here(path, **feeds):
    """The outputs of the file, from this process, which takes a tenth of the time."""
    session = pytest.importorskip("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])
    return dict(zip([each.name for each in session.get_outputs()], session.run(None, feeds), strict=True))


def pictures(model, rows=7):
    return np.concatenate([model.preprocess(Image.open(path)) for path in DIGITS[:rows]])


def worst(a, b):
    return np.abs(a - b).max() / np.abs(b).max()
