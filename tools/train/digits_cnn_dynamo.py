"""A second CNN on the digits, exported by PyTorch's newer exporter.

It has what the residual CNN of digits_cnn_torch.py lacks: a depthwise convolution, smooth activations, average pooling,
and Flatten before the last layer.
"""

import data
import onnx
import onnxfile
import torch
from fit import fit, make_repeatable
from torch import nn


def build() -> nn.Module:
    """Build a very small network of depthwise-separable convolutions, as networks for phones have them."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.SiLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False),
        nn.BatchNorm2d(16),
        nn.SiLU(),
        nn.Conv2d(16, 12, 1),
        nn.GELU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(12 * 4 * 4, 10),
    )


def export(net: nn.Module) -> onnx.ModelProto:
    """Export with a free batch size. The example has two images, because the exporter would fix a size of 1."""
    program = torch.onnx.export(
        net,
        (torch.zeros(2, 1, data.SIDE, data.SIDE),),
        dynamo=True,
        verbose=False,
        input_names=["image"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("N")},),
    )
    return program.model_proto


def main() -> None:
    """Train and export the network."""
    make_repeatable(seed=0)
    digits = data.digits()
    net = fit(build(), data.network_input(digits.x_train), digits.y_train, epochs=30)
    made_with = f"PyTorch {torch.__version__}, torch.onnx.export(dynamo=True)"
    onnxfile.save(export(net), "digits_cnn_dynamo", made_with)


if __name__ == "__main__":
    main()
