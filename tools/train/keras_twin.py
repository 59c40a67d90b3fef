"""What building a network of PyTorch once more in Keras takes: its weights, and an ONNX file of the result."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import onnxfile
import tensorflow as tf
import tf2onnx
from keras import layers

EPSILON = 1e-5
"""The epsilon of BatchNorm that PyTorch uses by default; the default of Keras is 1e-3."""


def weights(description: str | None) -> dict[str, np.ndarray]:
    """Read the weights that the command line names, an .npz file that the PyTorch script wrote."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--weights", type=Path, required=True, help="the .npz file that the PyTorch script wrote")
    with np.load(parser.parse_args().weights) as file:
        return dict(file)


def _converted(layer: layers.Layer, given: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return PyTorch's weights for one layer, in Keras' order and memory layout."""
    if isinstance(layer, layers.Conv2D):
        return [given[f"{layer.name}.weight"].transpose(2, 3, 1, 0)]
    if isinstance(layer, layers.BatchNormalization):
        return [given[f"{layer.name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    if isinstance(layer, layers.Dense):
        return [given[f"{layer.name}.weight"].T, given[f"{layer.name}.bias"]]
    return []


def save(model: keras.Model, given: Mapping[str, np.ndarray], name: str) -> None:
    """Give each layer PyTorch's weights of its name, and convert with tf2onnx to models/<name>.onnx, of any batch."""
    for layer in model.layers:
        layer.set_weights(_converted(layer, given))
    (image,) = model.inputs
    signature = [tf.TensorSpec(image.shape, tf.float32, name=image.name)]
    proto, _ = tf2onnx.convert.from_keras(model, input_signature=signature, opset=17)
    made_with = f"Keras {keras.__version__}, TensorFlow {tf.__version__}, tf2onnx {tf2onnx.__version__}"
    onnxfile.save(proto, name, made_with)
