"""The most memory that a gradient of a ResNet takes, against eager PyTorch: from the first import to the last call."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from functools import lru_cache
from pathlib import Path

import pytest
from kinds import kinds
from nets import SHARED
from peers.zoo import torch, torchvision

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(
        not Path("/proc/self/status").exists(), reason="the system does not say how much memory it took"
    ),
]

PEAK = """
print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
OURS = """
import sys
import numpy as np
import onnxplain as ox

x = np.random.default_rng(0).normal(size=(int(sys.argv[1]), 3, 224, 224)).astype("f")
explainer = ox.Explainer(ox.load(sys.argv[2], engine="onnxruntime"), "gradient")
for _ in range(2):
    explainer(x, target=1)
"""
THEIRS = """
import sys
import numpy as np
import torch

try:
    import torchvision
except RuntimeError:  # see zoo.py
    sys.path.insert(0, sys.argv[2])
    from torchvision_cpu import torchvision

x = np.random.default_rng(0).normal(size=(int(sys.argv[1]), 3, 224, 224)).astype("f")
net = getattr(torchvision.models, sys.argv[3])().eval()
for _ in range(2):
    leaf = torch.from_numpy(x).requires_grad_()
    torch.autograd.grad(net(leaf)[:, 1].sum(), leaf)
"""


@lru_cache(maxsize=1)
def exported(name):
    """The network with random weights, in bytes: what the weights are does not change how much memory they take."""
    names = {"input_names": ["x"], "output_names": ["y"], "dynamic_axes": {"x": {0: "N"}, "y": {0: "N"}}}
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        net = getattr(torchvision.models, name)().eval()
        torch.onnx.export(net, (torch.zeros(1, 3, 224, 224),), file, dynamo=False, **names)
    return file.getvalue()


def peak(code, *arguments):
    """The most memory that a new process which runs `code` had resident at once, in KiB."""
    command = [sys.executable, "-c", code + PEAK, *map(str, arguments)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.parametrize(
    ("name", "rows"), kinds([("resnet18", 4), ("resnet50", 1), ("resnet50", 8)], lambda name, _: name == "resnet18")
)
def test_a_gradient_takes_no_more_memory_than_eager_torch(name, rows, tmp_path):
    # several rows: the values of the forward run are freed after their last use, though every one may be asked for
    path = tmp_path / "network.onnx"
    path.write_bytes(exported(name))
    assert peak(OURS, rows, path) <= peak(THEIRS, rows, SHARED, name)
