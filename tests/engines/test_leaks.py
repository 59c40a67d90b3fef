"""Memory: a thousand calls leave nothing behind. Peaks are measured by `tools/bench`, beside those of the peers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from nets import relu_cnn

STATM = Path("/proc/self/statm")
needs_proc = pytest.mark.skipif(not STATM.exists(), reason="resident memory is read from /proc, which is Linux's")

CALLS = """
import gc, sys
import numpy as np
import onnxplain as ox

def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20

rng = np.random.default_rng(0)
explainer = ox.Explainer(ox.load(sys.argv[1]), sys.argv[2])
still = {"baseline": 0.5} if explainer.spec.baseline else {}
for i in range(1200):
    if i == 200:
        before = resident()
    rows = 1 + 7 * i % 16
    x = rng.normal(size=(rows, 3, 11, 9)).astype("f")
    target = (None, 2, rng.integers(0, 4, rows).tolist())[i % 3]
    explainer(x, target, **{name: i / 1200 for name in still})
print(resident() - before)
"""


@needs_proc
@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon_plus_flat", "deeplift"])
def test_a_thousand_calls_leave_no_memory_behind(method, tmp_path):
    """An attribution kept from each call would be 10 MiB; 4 are what allocators may take of their own habit."""
    path = tmp_path / "net.onnx"
    onnx.save(relu_cnn()[0], path)
    done = subprocess.run([sys.executable, "-c", CALLS, path, method], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 4
