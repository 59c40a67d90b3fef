"""Version 1 of xray_cnn_torch.py once more, in Keras: channels last, with one sigmoid instead of a softmax of two.

Nothing is trained here. The sigmoid of the difference of two logits is what their softmax gives the second class, so
the one output of this file is the confidence of "opacity", as binary classifiers are mostly built in Keras.
"""

from collections.abc import Mapping

import keras_twin
import numpy as np
from keras import Model, layers

SIDE, POOLED = 160, (0, 2)
"""The side of a picture, and the layers that a pooling follows, both as in the twin."""


def build(weights: Mapping[str, np.ndarray]) -> Model:
    """Build the network with the layer names of its PyTorch twin, as wide as its weights say."""
    radiograph = x = layers.Input((SIDE, SIDE, 1), name="radiograph")
    for i in range(sum(name.startswith("conv") for name in weights)):
        channels, _, kernel, _ = weights[f"conv{i}.weight"].shape
        x = layers.ZeroPadding2D(1)(x)
        x = layers.Conv2D(channels, kernel, strides=1 if i else 2, use_bias=False, name=f"conv{i}")(x)
        x = layers.ReLU()(layers.BatchNormalization(epsilon=keras_twin.EPSILON, name=f"norm{i}")(x))
        x = layers.AveragePooling2D(2)(x) if i in POOLED else x
    x = layers.GlobalAveragePooling2D()(x)
    return Model(radiograph, layers.Dense(1, activation="sigmoid", name="head")(x))


def main() -> None:
    """Build the network, give it PyTorch's weights and the difference of its two logits, and export it."""
    weights = keras_twin.weights(__doc__)
    difference = {f"head.{part}": np.diff(weights[f"head.{part}"], axis=0) for part in ("weight", "bias")}
    keras_twin.save(build(weights), weights | difference, "xray_v1_keras")


if __name__ == "__main__":
    main()
