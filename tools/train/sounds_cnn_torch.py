"""A small CNN on the waveforms of drawn sounds."""

import io

import numpy as np
import onnx
import onnxfile
import sounds_data as data
import torch
from fit import make_repeatable
from torch import Tensor, nn

LAYERS = ((8, 16, 4), (12, 8, 4), (12, 8, 4), (12, 4, 2))
"""Channels, width and stride of each convolution."""
HIDDEN = 12
EPOCHS, BATCH, SHIFT = 30, 64, 150
"""Passes over the sounds, sounds in a step, and by how many samples at most a step moves them."""
NAME = "sounds_cnn_torch"


class SoundCNN(nn.Module):
    """Four strided convolutions over time with ReLU, an average over time, and two dense layers."""

    def __init__(self) -> None:
        """Create the layers."""
        super().__init__()
        layers, before = [], 1
        for channels, width, stride in LAYERS:
            layers += [nn.Conv1d(before, channels, width, stride), nn.ReLU()]
            before = channels
        self.layers = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Linear(before, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, len(data.CLASSES)))

    def forward(self, waveform: Tensor) -> Tensor:
        """Map waveforms [N, LENGTH] to logits [N, 4]."""
        return self.head(self.layers(waveform[:, None]).mean(-1))


def fit(net: nn.Module, waves: np.ndarray, labels: np.ndarray) -> nn.Module:
    """Minimise the cross entropy of the logits, on sounds moved in time at random, and return the net."""
    inputs, targets = torch.from_numpy(waves), torch.from_numpy(labels)
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    steps = -(-len(inputs) // BATCH) * EPOCHS
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=6e-3, total_steps=steps)
    net.train()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(inputs)).split(BATCH):
            moved = torch.roll(inputs[rows], int(torch.randint(-SHIFT, SHIFT + 1, ())), 1)
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(moved), targets[rows]).backward()
            optimiser.step()
            schedule.step()
    return net.eval()


def export(net: nn.Module) -> onnx.ModelProto:
    """Export the network with a softmax at its end and a free number of rows."""
    buffer = io.BytesIO()
    torch.onnx.export(
        nn.Sequential(net, nn.Softmax(1)).eval(),
        (torch.zeros(1, data.LENGTH),),
        buffer,
        dynamo=False,
        opset_version=17,
        input_names=["waveform"],
        output_names=["probabilities"],
        dynamic_axes={"waveform": {0: "N"}, "probabilities": {0: "N"}},
    )
    return onnx.load_from_string(buffer.getvalue())


def main() -> None:
    """Draw the sounds, and train and export the network."""
    make_repeatable(seed=0)
    waves, labels, _ = data.sounds(data.TRAIN)
    net = fit(SoundCNN(), waves, labels)
    onnxfile.save(export(net), NAME, f"PyTorch {torch.__version__}, torch.onnx.export(dynamo=False)")
    waves, labels, _ = data.sounds(data.HELD_OUT)
    right = (net(torch.from_numpy(waves)).argmax(1).numpy() == labels).sum()
    print(f"{right} of {len(labels)} held-out sounds right")


if __name__ == "__main__":
    main()
