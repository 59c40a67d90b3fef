"""A small residual CNN on the digits, exported by PyTorch's TorchScript exporter with its BatchNorm nodes kept.

Its weights also go into an .npz file, from which digits_cnn_keras.py builds the very same network.
"""

import argparse
import io
from pathlib import Path

import data
import numpy as np
import onnx
import onnxfile
import torch
from fit import fit, make_repeatable
from torch import Tensor, nn


class ResidualCNN(nn.Module):
    """A stem, one residual block, max pooling, a strided convolution, global average pooling, and a dense layer."""

    def __init__(self) -> None:
        """Create the layers, with the names that digits_cnn_keras.py gives them too."""
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(16)
        self.block_a = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.block_a_bn = nn.BatchNorm2d(16)
        self.block_b = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.block_b_bn = nn.BatchNorm2d(16)
        self.pool = nn.MaxPool2d(2)
        self.down = nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False)
        self.down_bn = nn.BatchNorm2d(32)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(32, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Map images [N, 1, 16, 16] to logits [N, 10]."""
        stem = torch.relu(self.stem_bn(self.stem(image)))
        block = torch.relu(self.block_a_bn(self.block_a(stem)))
        block = torch.relu(stem + self.block_b_bn(self.block_b(block)))
        down = torch.relu(self.down_bn(self.down(self.pool(block))))
        return self.head(torch.flatten(self.average(down), 1))


def export(net: nn.Module) -> onnx.ModelProto:
    """Export the network as it stands.

    In its default mode the exporter folds each BatchNorm into the convolution before it. With PRESERVE it keeps the
    mode of the network, which is eval, and folds nothing.
    """
    buffer = io.BytesIO()
    torch.onnx.export(
        net,
        (torch.zeros(1, 1, data.SIDE, data.SIDE),),
        buffer,
        dynamo=False,
        opset_version=17,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}},
    )
    return onnx.load_from_string(buffer.getvalue())


def main() -> None:
    """Train and export the network, and write its weights for digits_cnn_keras.py."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="the .npz file to write the weights to")
    weights = parser.parse_args().weights
    make_repeatable(seed=0)
    digits = data.digits()
    net = fit(ResidualCNN(), data.network_input(digits.x_train), digits.y_train, epochs=30)
    made_with = f"PyTorch {torch.__version__}, torch.onnx.export(dynamo=False)"
    onnxfile.save(export(net), "digits_cnn_torch", made_with)
    np.savez(weights, **{name: tensor.numpy() for name, tensor in net.state_dict().items()})


if __name__ == "__main__":
    main()
