"""A small MLP on the wines, which takes the measurements in their own units and normalises them itself."""

import data
import numpy as np
import onnx
import onnxfile
import torch
from fit import fit, make_repeatable
from torch import Tensor, nn


class WineMLP(nn.Module):
    """Normalisation followed by two hidden layers.

    Since the network normalises its input itself, attributions belong to the measurements and not to z-scores.
    """

    def __init__(self, mean: np.ndarray, std: np.ndarray) -> None:
        """Store mean and standard deviation of the training data, each [13], as constants of the graph."""
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("std", torch.from_numpy(std))
        self.layers = nn.Sequential(nn.Linear(len(mean), 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, measurements: Tensor) -> Tensor:
        """Map measurements [N, 13] to logits [N, 3]."""
        return self.layers((measurements - self.mean) / self.std)


def export(net: nn.Module, features: int) -> onnx.ModelProto:
    """Export with a free batch size. The example has two rows, because the exporter would fix a size of 1."""
    program = torch.onnx.export(
        net,
        (torch.zeros(2, features),),
        dynamo=True,
        verbose=False,
        input_names=["measurements"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("N")},),
    )
    return program.model_proto


def main() -> None:
    """Train and export the network."""
    make_repeatable(seed=0)
    wine = data.wine()
    net = WineMLP(wine.x_train.mean(axis=0), wine.x_train.std(axis=0))
    fit(net, wine.x_train, wine.y_train, epochs=60)
    made_with = f"PyTorch {torch.__version__}, torch.onnx.export(dynamo=True)"
    onnxfile.save(export(net, wine.x_train.shape[1]), "wine_mlp_torch", made_with)


if __name__ == "__main__":
    main()
