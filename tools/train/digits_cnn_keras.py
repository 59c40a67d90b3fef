"""The residual CNN of digits_cnn_torch.py once more, in Keras: channels last, ending in a softmax.

Nothing is trained here. The weights are those that PyTorch found. So the two ONNX files hold the same function, written
by two exporters, and their explanations can be compared.
"""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import onnx
import onnxfile
import tensorflow as tf
import tf2onnx
from keras import KerasTensor, layers

SIDE = 16
EPSILON = 1e-5
"""The epsilon of BatchNorm that PyTorch uses by default; the default of Keras is 1e-3."""


def _convolution(x: KerasTensor, channels: int, name: str, stride: int = 1) -> KerasTensor:
    """Convolve 3x3 and normalise, padding one pixel on every side as PyTorch does.

    Keras' own padding="same" pads an even image only at the right and at the bottom when the stride is 2.
    """
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    x = layers.Conv2D(channels, 3, strides=stride, use_bias=False, name=name)(x)
    return layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(x)


def build() -> keras.Model:
    """Build the network with the layer names of its PyTorch twin."""
    image = keras.Input((SIDE, SIDE, 1), name="image")
    stem = layers.ReLU()(_convolution(image, 16, "stem"))
    block = layers.ReLU()(_convolution(stem, 16, "block_a"))
    block = layers.Add()([stem, _convolution(block, 16, "block_b")])
    pooled = layers.MaxPooling2D(2)(layers.ReLU()(block))
    down = layers.ReLU()(_convolution(pooled, 32, "down", stride=2))
    average = layers.GlobalAveragePooling2D()(down)
    return keras.Model(image, layers.Dense(10, activation="softmax", name="head")(average))


def _keras_weights(layer: layers.Layer, weights: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return PyTorch's weights for one layer, in Keras' order and memory layout."""
    if isinstance(layer, layers.Conv2D):
        return [weights[f"{layer.name}.weight"].transpose(2, 3, 1, 0)]
    if isinstance(layer, layers.BatchNormalization):
        return [weights[f"{layer.name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    if isinstance(layer, layers.Dense):
        return [weights[f"{layer.name}.weight"].T, weights[f"{layer.name}.bias"]]
    return []


def export(model: keras.Model) -> onnx.ModelProto:
    """Convert the network with tf2onnx, with a free batch size."""
    signature = [tf.TensorSpec((None, SIDE, SIDE, 1), tf.float32, name="image")]
    proto, _ = tf2onnx.convert.from_keras(model, input_signature=signature, opset=17)
    return proto


def main() -> None:
    """Build the network, give it PyTorch's weights, and export it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="the .npz digits_cnn_torch.py wrote")
    weights = np.load(parser.parse_args().weights)
    model = build()
    for layer in model.layers:
        layer.set_weights(_keras_weights(layer, weights))
    made_with = f"Keras {keras.__version__}, TensorFlow {tf.__version__}, tf2onnx {tf2onnx.__version__}"
    onnxfile.save(export(model), "digits_cnn_keras", made_with)


if __name__ == "__main__":
    main()
