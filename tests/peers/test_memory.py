"""The most memory that a gradient of ResNet-50 takes, against eager PyTorch: from the first import to the last call."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
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
for _ in range(3):
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
net = torchvision.models.resnet50().eval()
for _ in range(3):
    leaf = torch.from_numpy(x).requires_grad_()
    torch.autograd.grad(net(leaf)[:, 1].sum(), leaf)
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """ResNet-50 with random weights: what they are does not change how much memory they take."""
    path = tmp_path_factory.mktemp("memory") / "resnet50.onnx"
    names = {"input_names": ["x"], "output_names": ["y"], "dynamic_axes": {"x": {0: "N"}, "y": {0: "N"}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        net = torchvision.models.resnet50().eval()
        torch.onnx.export(net, (torch.zeros(1, 3, 224, 224),), path, dynamo=False, **names)
    return path


def peak(code, *arguments):
    """The most memory that a new process which runs `code` had resident at once, in KiB."""
    command = [sys.executable, "-c", code + PEAK, *map(str, arguments)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.parametrize("rows", [1, 8])
def test_a_gradient_takes_no_more_memory_than_eager_torch(path, rows):
    # eight rows: the values of the forward run are freed after their last use, though every one may be asked for
    assert peak(OURS, rows, path) <= peak(THEIRS, rows, SHARED)
