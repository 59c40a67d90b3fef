"""The residual CNN of digits_cnn_torch.py once more, in Keras: channels last, ending in a softmax.

Nothing is trained here. The weights are those that PyTorch found. So the two ONNX files hold the same function, written
by two exporters, and their explanations can be compared.
"""

from collections.abc import Mapping

import keras_twin
import numpy as np
from keras import KerasTensor, Model, layers

SIDE = 16


def build(weights: Mapping[str, np.ndarray]) -> Model:
    """Build the network with the layer names of its PyTorch twin, as wide as its weights say."""

    def convolution(x: KerasTensor, name: str, stride: int = 1) -> KerasTensor:
        """Convolve 3x3 and normalise, padding one pixel on every side as PyTorch does.

        Keras' own padding="same" pads an even image only at the right and at the bottom when the stride is 2.
        """
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
        x = layers.Conv2D(len(weights[f"{name}.weight"]), 3, strides=stride, use_bias=False, name=name)(x)
        return layers.BatchNormalization(epsilon=keras_twin.EPSILON, name=f"{name}_bn")(x)

    image = layers.Input((SIDE, SIDE, 1), name="image")
    stem = layers.ReLU()(convolution(image, "stem"))
    block = layers.ReLU()(convolution(stem, "block_a"))
    block = layers.Add()([stem, convolution(block, "block_b")])
    pooled = layers.MaxPooling2D(2)(layers.ReLU()(block))
    down = layers.ReLU()(convolution(pooled, "down", stride=2))
    average = layers.GlobalAveragePooling2D()(down)
    return Model(image, layers.Dense(10, activation="softmax", name="head")(average))


def main() -> None:
    """Build the network, give it PyTorch's weights, and export it."""
    weights = keras_twin.weights(__doc__)
    keras_twin.save(build(weights), weights, "digits_cnn_keras")


if __name__ == "__main__":
    main()
