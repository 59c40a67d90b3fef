"""Version 1 of xray_cnn_torch.py once more, in Keras: channels last, with one sigmoid instead of a softmax of two.

Nothing is trained here. The sigmoid of the difference of two logits is what their softmax gives the second class, so
the one output of this file is the confidence of "opacity", as binary classifiers are mostly built in Keras.
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
from keras import layers

SIDE, POOLED = 160, (0, 2)
"""The side of a picture, and the layers that a pooling follows, both as in the twin."""
EPSILON = 1e-5
"""The epsilon of BatchNorm that PyTorch uses by default; the default of Keras is 1e-3."""


def build(weights: Mapping[str, np.ndarray]) -> keras.Model:
    """Build the network with the layer names of its PyTorch twin, as wide as its weights say."""
    radiograph = x = keras.Input((SIDE, SIDE, 1), name="radiograph")
    for i in range(sum(name.startswith("conv") for name in weights)):
        channels, _, kernel, _ = weights[f"conv{i}.weight"].shape
        x = layers.ZeroPadding2D(1)(x)
        x = layers.Conv2D(channels, kernel, strides=1 if i else 2, use_bias=False, name=f"conv{i}")(x)
        x = layers.ReLU()(layers.BatchNormalization(epsilon=EPSILON, name=f"norm{i}")(x))
        x = layers.AveragePooling2D(2)(x) if i in POOLED else x
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(radiograph, layers.Dense(1, activation="sigmoid", name="head")(x))


def _keras_weights(layer: layers.Layer, weights: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return PyTorch's weights for one layer, in Keras' order and memory layout."""
    if isinstance(layer, layers.Conv2D):
        return [weights[f"{layer.name}.weight"].transpose(2, 3, 1, 0)]
    if isinstance(layer, layers.BatchNormalization):
        return [weights[f"{layer.name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    if isinstance(layer, layers.Dense):
        return [np.diff(weights["head.weight"], axis=0).T, np.diff(weights["head.bias"])]
    return []


def export(model: keras.Model) -> onnx.ModelProto:
    """Convert the network with tf2onnx, with a free batch size."""
    signature = [tf.TensorSpec((None, SIDE, SIDE, 1), tf.float32, name="radiograph")]
    proto, _ = tf2onnx.convert.from_keras(model, input_signature=signature, opset=17)
    return proto


def main() -> None:
    """Build the network, give it PyTorch's weights, and export it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="the .npz xray_cnn_torch.py wrote")
    weights = np.load(parser.parse_args().weights)
    model = build(weights)
    for layer in model.layers:
        layer.set_weights(_keras_weights(layer, weights))
    made_with = f"Keras {keras.__version__}, TensorFlow {tf.__version__}, tf2onnx {tf2onnx.__version__}"
    onnxfile.save(export(model), "xray_v1_keras", made_with)


if __name__ == "__main__":
    main()
