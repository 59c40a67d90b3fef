"""captum and autograd, live, on a network of two pictures and a table, all of which are explained at once."""

from __future__ import annotations

import copy
import io
import warnings
from functools import cache

import numpy as np
import onnx
import pytest

import onnxplain as ox

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
captum = pytest.importorskip("captum.attr", reason="captum is not installed")

pytestmark = pytest.mark.peer
NAMES = ("left", "right", "table")
TARGET = 2


class Net(torch.nn.Module):
    """Two convolutions of pictures of different sizes, and a table that reaches the scores by two ways."""

    def __init__(self):
        super().__init__()
        self.left, self.right = torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(1, 5, 3, stride=2)
        self.table, self.head = torch.nn.Linear(6, 7), torch.nn.Linear(22, 4)
        self.relus = torch.nn.ModuleList(torch.nn.ReLU() for _ in range(4))
        self.hidden = torch.nn.Linear(22, 22)

    def forward(self, left, right, table):
        a = self.relus[0](self.left(left)).mean((2, 3))
        b = self.relus[1](self.right(right)).mean((2, 3))
        c = self.relus[2](self.table(table))
        return self.head(self.relus[3](self.hidden(torch.cat([a, b, c, table], 1))))


@cache
def network():
    torch.manual_seed(3)
    return Net().eval()


@cache
def loaded():
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter is deprecated
        torch.onnx.export(
            network(), tuple(map(torch.from_numpy, sample().values())), file, dynamo=False, input_names=list(NAMES),
            dynamic_axes={name: {0: "N"} for name in NAMES},
        )  # fmt: skip
    return ox.load(onnx.load_from_string(file.getvalue()), input=list(NAMES), precision="float64")


def sample(seed=0):
    rng, shapes = np.random.default_rng(seed), {"left": (3, 3, 8, 7), "right": (3, 1, 11, 6), "table": (3, 6)}
    return {name: rng.normal(size=shape).astype("f") for name, shape in shapes.items()}


def tensors(x):
    return tuple(torch.from_numpy(each).double().requires_grad_() for each in x.values())


def alike(e, theirs, near=1e-9):
    for name, each in zip(NAMES, theirs, strict=True):
        want = each.detach().numpy()
        assert np.abs(e.attributions[name] - want).max() < near * np.abs(want).max()


def test_the_gradient_equals_autograd():
    net, x = copy.deepcopy(network()).double(), sample()
    leaves = tensors(x)
    grads = torch.autograd.grad(net(*leaves)[:, TARGET].sum(), leaves)
    alike(ox.explain(loaded(), x, "gradient", TARGET), grads)


@pytest.mark.parametrize("method", ["input_x_gradient", "integrated_gradients", "deeplift"])
def test_attributions_equal_those_that_captum_finds_of_a_tuple(method):
    net, x, start = copy.deepcopy(network()).double(), sample(), sample(1)
    e = ox.explain(loaded(), x, method, TARGET, **({} if method == "input_x_gradient" else {"baseline": start}))
    leaves, ends = tensors(x), tensors(start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum says that it hooks the modules
        if method == "input_x_gradient":
            theirs = captum.InputXGradient(net).attribute(leaves, target=TARGET)
        elif method == "deeplift":
            theirs = captum.DeepLift(net).attribute(leaves, ends, target=TARGET)
        else:
            theirs = captum.IntegratedGradients(net).attribute(leaves, ends, TARGET, n_steps=50, method="gausslegendre")
    alike(e, theirs, 1e-7 if method == "integrated_gradients" else 1e-9)  # captum rounds its weights to float32
