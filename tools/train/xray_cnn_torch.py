"""A small CNN on the drawn radiographs, twice: once trained well, and once so that it learns the marker instead.

Both are the same network, trained by the same steps on the same pictures. The one difference is who bears the "L": in
the pictures of version 1 every other one, whatever it shows; in those of version 2 those with an opacity alone, as
where all films with the finding come from one ward. The weights of version 1 also go into an .npz file, from which
xray_cnn_keras.py builds the very same network.
"""

import argparse
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxfile
import torch
import xray_data as data
from fit import make_repeatable
from torch import Tensor, nn
from xray_draw import SIDE

CHANNELS = (8, 16, 16, 16, 24)
"""Channels of the stem, whose stride is 2, and of four convolutions of 3x3."""
POOLED = (0, 2)
"""The layers that an average pooling follows. Averages leave no grid in the maps of gradients, as maxima would."""
EPOCHS, BATCH, SHIFT = 14, 32, 6
"""Passes over the training pictures, pictures in a step, and by how many pixels at most a step moves them."""
PATCH = (10, 44)
"""The sides of the patches that hide parts of the training pictures, in pixels; the second one is left out."""


class RadiographCNN(nn.Module):
    """A strided stem, four convolutions with BatchNorm and ReLU, two poolings, an average, and a dense layer."""

    def __init__(self) -> None:
        """Create the layers, with the names that xray_cnn_keras.py gives them too."""
        super().__init__()
        sizes = zip((1, *CHANNELS), CHANNELS, strict=False)
        for i, (before, after) in enumerate(sizes):
            kernel, stride = (3, 1) if i else (4, 2)
            self.add_module(f"conv{i}", nn.Conv2d(before, after, kernel, stride, padding=1, bias=False))
            self.add_module(f"norm{i}", nn.BatchNorm2d(after))
        self.pool = nn.AvgPool2d(2)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(CHANNELS[-1], len(data.CLASSES))

    def forward(self, image: Tensor) -> Tensor:
        """Map images [N, 1, SIDE, SIDE] to logits [N, 2]."""
        for i in range(len(CHANNELS)):
            image = torch.relu(getattr(self, f"norm{i}")(getattr(self, f"conv{i}")(image)))
            image = self.pool(image) if i in POOLED else image
        return self.head(torch.flatten(self.average(image), 1))


def _steps(count: int) -> Iterator[Tensor]:
    """Yield the rows of each step: all of them once in each epoch, in a random order."""
    for _ in range(EPOCHS):
        yield from torch.randperm(count).split(BATCH)


def _patch(blocked: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return up to three squares of a picture that touch nothing of what is blocked, bool like `blocked`."""
    covered = np.zeros_like(blocked)
    for _ in range(rng.integers(4)):
        side = int(rng.integers(*PATCH))
        top, left = (int(start) for start in rng.integers(0, SIDE - side, 2))
        square = slice(top, top + side), slice(left, left + side)
        covered[square] |= not blocked[square].any()
    return covered


def fit(net: nn.Module, radiographs: data.Radiographs) -> nn.Module:
    """Minimise the cross entropy of the logits, on pictures moved and patched at random, and return the net.

    A patch is grey, 0 after normalisation, and never on an opacity or a marker. So the network learns that grey squares
    mean nothing, and methods that hide parts of a picture do not ask it about what it has never seen.
    """
    rng = np.random.default_rng(0)
    pictures = torch.from_numpy(data.network_input(radiographs.pictures))
    blocked = radiographs.findings | radiographs.markers
    labels = torch.from_numpy(radiographs.labels)
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=5e-2)
    steps = -(-len(labels) // BATCH) * EPOCHS
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=8e-3, total_steps=steps)
    net.train()
    for rows in _steps(len(labels)):
        down, right = (int(by) for by in torch.randint(-SHIFT, SHIFT + 1, (2,)))
        covered = torch.from_numpy(np.stack([_patch(blocked[row], rng) for row in rows]))[:, None]
        moved = torch.roll(pictures[rows].masked_fill(covered, 0), (down, right), (2, 3))
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(moved), labels[rows]).backward()
        optimiser.step()
        schedule.step()
    return net.eval()


def export(net: nn.Module) -> onnx.ModelProto:
    """Export the network with a softmax at its end, so that the file states its confidence; BatchNorm is folded."""
    buffer = io.BytesIO()
    torch.onnx.export(
        nn.Sequential(net, nn.Softmax(1)).eval(),
        (torch.zeros(1, 1, SIDE, SIDE),),
        buffer,
        dynamo=False,
        opset_version=17,
        input_names=["radiograph"],
        output_names=["probabilities"],
        dynamic_axes={"radiograph": {0: "N"}, "probabilities": {0: "N"}},
    )
    return onnx.load_from_string(buffer.getvalue())


def main() -> None:
    """Draw the pictures, train and export both versions, and write the weights of the first for xray_cnn_keras.py."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="the .npz file to write the weights to")
    weights = parser.parse_args().weights
    drawn = data.drawings(data.TRAIN)
    made_with = f"PyTorch {torch.__version__}, torch.onnx.export(dynamo=False)"
    for name, marker in (("xray_v2", "learnt"), ("xray_v1", "random")):
        make_repeatable(seed=0)
        net = fit(RadiographCNN(), data.radiographs(data.TRAIN, drawn, marker))
        onnxfile.save(export(net), name, made_with)
    np.savez(weights, **{name: tensor.numpy() for name, tensor in net.state_dict().items()})


if __name__ == "__main__":
    main()
