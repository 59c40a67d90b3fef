"""Keras: its applications, and small networks of its layers, converted by tf2onnx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from family import Family

if TYPE_CHECKING:
    from pathlib import Path

SIZE, CLASSES, STEPS, FEATURES, WORDS = 64, 10, 12, 6, 50
EPS, STEP, JITTER = 2.0**-10, 2.0**-10, (0.0, 1e-7, 1e-6, 1e-6)
APPLICATIONS: dict[str, dict[str, Any]] = {
    "DenseNet121": {},
    "EfficientNetB0": {},
    "EfficientNetV2B0": {},
    "InceptionV3": {"size": 80},
    "MobileNet": {"alpha": 0.25},
    "MobileNetV2": {"alpha": 0.35},
    "MobileNetV3Small": {},
    "MobileNetV3Large": {},
    "NASNetMobile": {},
    "ResNet50": {},
    "ResNet50V2": {},
    "VGG16": {"size": 32},
    "Xception": {"size": 72},
    "ConvNeXtTiny": {},
}
"""Function of keras.applications -> its options, and the size of the picture where it is not SIZE."""
LAYERS = (
    "cnn",
    "dense",
    "lstm",
    "gru",
    "gru_reset_before",
    "simple_rnn",
    "lstm_both_ways",
    "lstm_words",
    "conv1d",
    "conv_lstm",
    "attention",
    "separable",
    "averaged_words",
)


def network(member: str) -> tuple[Any, tuple[int, ...] | None]:
    """Return a network whose last activation is a softmax, and the shape of a row; None for token ids."""
    import keras

    if member in APPLICATIONS:
        options = dict(APPLICATIONS[member])
        shape = (options.pop("size", SIZE),) * 2 + (3,)
        make = getattr(keras.applications, member)
        return make(weights=None, input_shape=shape, classes=CLASSES, **options), shape
    words = member.endswith("words")
    shape = (
        None if words else {"cnn": (20, 20, 3), "separable": (20, 20, 3), "dense": (8,)}.get(member, (STEPS, FEATURES))
    )
    given = keras.Input((STEPS,), dtype="int32") if words else keras.Input(shape)
    return keras.Model(given, _body(keras.layers, member, given)), shape


def _body(layers: Any, member: str, x: Any) -> Any:
    """Return the scores that the layers of a small network make of its input."""
    if member.endswith("words"):
        x = layers.Embedding(WORDS, FEATURES)(x)
    recurrent = {
        "lstm": lambda: layers.LSTM(12),
        "gru": lambda: layers.GRU(12),
        "gru_reset_before": lambda: layers.GRU(12, reset_after=False),
        "simple_rnn": lambda: layers.SimpleRNN(12),
        "lstm_both_ways": lambda: layers.Bidirectional(layers.LSTM(8)),
        "lstm_words": lambda: layers.LSTM(12),
        "conv_lstm": lambda: layers.LSTM(12, return_sequences=True),
    }
    if member == "dense":
        x = layers.Dropout(0.5)(layers.Dense(16, "relu")(x))
        x = layers.BatchNormalization(epsilon=EPS)(layers.Dense(16, "elu")(x))
    if member in ("cnn", "separable"):
        kind = layers.Conv2D if member == "cnn" else layers.SeparableConv2D
        x = layers.MaxPooling2D()(layers.BatchNormalization(epsilon=EPS)(kind(8, 3, activation="relu")(x)))
        x = layers.Flatten()(layers.LeakyReLU()(kind(16, 3, padding="same", strides=2)(x)))
    if member in ("conv1d", "conv_lstm"):
        x = layers.Conv1D(8, 3, activation="swish")(x)
    if member == "attention":
        x = layers.Dense(16)(x)
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 8)(x, x))
    if member in recurrent:
        x = recurrent[member]()(x)
    if len(x.shape) == 3:
        x = layers.GlobalAveragePooling1D()(x)
    return layers.Dense(CLASSES, activation="softmax")(x)


def settle(net: Any) -> None:
    """Let each BatchNormalization take its statistics from the first input it meets, in numbers that fold exactly."""
    import keras
    import numpy as np

    rng = np.random.default_rng(0)

    def settled(layer: Any) -> Any:
        plain = layer.call

        def call(x: Any, *rest: Any, **named: Any) -> Any:
            if layer.name not in met:
                met.add(layer.name)
                values = np.asarray(x)
                axes = tuple(range(values.ndim - 1))
                power = np.clip(np.floor(np.log2(values.var(axes) + 1e-3) / 2 + 0.5), -4, 3)
                layer.moving_mean.assign(np.round(values.mean(axes) / STEP) * STEP)
                layer.moving_variance.assign(4.0**power - EPS)
                if layer.gamma is not None:
                    layer.gamma.assign(2.0 ** rng.integers(-1, 1, power.shape))
                if layer.beta is not None:
                    layer.beta.assign(np.round(rng.standard_normal(power.shape) * 0.3 / STEP) * STEP)
            return plain(x, *rest, **named)

        return call

    met: set[str] = set()
    norms = [each for each in _layers(net) if isinstance(each, keras.layers.BatchNormalization)]
    for each in norms:
        each.epsilon = EPS
        each.call = settled(each)
    net(_batch(net, 8, 8), training=False)
    for each in norms:
        del each.call


def _layers(net: Any) -> list[Any]:
    return list(net._flatten_layers(include_self=False))  # noqa: SLF001 - the layers of layers, too


def _batch(net: Any, rows: int, seed: int) -> Any:
    from pictures import pictures, tokens

    shape = net.inputs[0].shape[1:]
    if net.inputs[0].dtype.startswith("int"):
        return tokens(rows, shape[0], WORDS, seed=seed).astype("int32")
    if len(shape) < 3:
        return pictures(rows, shape, seed=seed)
    return pictures(rows, (shape[2], *shape[:2]), seed=seed).transpose(0, 2, 3, 1).copy()


def _logits(net: Any) -> Any:
    """Return the same network without its last activation."""
    import keras

    last = net.layers[-1]
    if not last.get_weights():
        return keras.Model(net.inputs, last.input)
    end = keras.layers.Dense(CLASSES, dtype=last.dtype_policy)
    same = keras.Model(net.inputs, end(last.input))
    end.set_weights(last.get_weights())
    return same


def _rescale(net: Any) -> None:
    """Scale the last layer by a power of two, so that the scores have a deviation near 1."""
    import numpy as np

    spread = float(np.asarray(_logits(net)(_batch(net, 8, 8))).std())
    scale = 2.0 ** round(-np.log2(spread))
    last = next(each for each in reversed(net.layers) if each.get_weights())
    last.set_weights([each * scale for each in last.get_weights()])


def truth(member: str, net: Any, x: Any) -> Any:
    """Return scores and gradients by GradientTape in double precision, and how far float32 is off."""
    import numpy as np
    from kept import Truth

    weights = net.get_weights()
    double = _double(member)
    double.set_weights(weights)
    for layer in _layers(double):
        _as_rounded(layer)
    scores, gradient, target = _gradient(_logits(double), x, None)
    single, worst, rng = _logits(net), 0.0, np.random.default_rng(1)
    for scale in JITTER if x.dtype.kind == "f" else (0.0,):
        near = x if not scale else (x * (1 + scale * rng.standard_normal(x.shape))).astype(x.dtype)
        found = _gradient(single, near, target)[1]
        worst = max(worst, float(np.abs(found - gradient).max() / np.abs(gradient).max()))
    return Truth({"input": x}, target, scores, gradient, worst)


def _as_rounded(layer: Any) -> None:
    """Let a layer in double use the constants that TensorFlow computes from its weights in float32, as the file does.

    x (γ/√(σ² + ε)) + (β - μ γ/√(σ² + ε)) has two such constants, the scale and the shift.
    """
    import keras
    import numpy as np
    import tensorflow as tf

    if isinstance(layer, keras.layers.Rescaling):
        layer.scale, layer.offset = float(np.float32(layer.scale)), float(np.float32(layer.offset))
    if not isinstance(layer, keras.layers.BatchNormalization):
        return
    layer.epsilon = EPS
    mean, variance = (np.asarray(each, "float32") for each in (layer.moving_mean, layer.moving_variance))
    gamma = np.float32(1) if layer.gamma is None else np.asarray(layer.gamma, "float32")
    beta = np.float32(0) if layer.beta is None else np.asarray(layer.beta, "float32")
    inverse = np.asarray(tf.math.rsqrt(tf.constant(variance + np.float32(EPS))))
    scale = inverse * gamma
    shift = beta - mean * scale
    layer.moving_variance.assign(inverse.astype("float64") ** -2 - EPS)
    layer.moving_mean.assign((beta.astype("float64") - shift) / scale)


def _double(member: str) -> Any:
    """Return a network like that of this name, in double precision, with the constants of Keras's code in float32."""
    from unittest.mock import patch

    import keras
    import numpy as np
    from keras.src.applications import mobilenet_v3

    def hard_sigmoid(x: Any) -> Any:
        return keras.layers.ReLU(6.0)(x + 3.0) * float(np.float32(1.0 / 6.0))

    try:
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")
        with patch.object(mobilenet_v3, "hard_sigmoid", hard_sigmoid):
            return network(member)[0]
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


def _gradient(net: Any, x: Any, target: Any) -> tuple[Any, Any, Any]:
    """Return scores, the gradient of the target's score, and the target, which is the predicted class by default.

    For token ids it is the norm of what the embedding of each gets.
    """
    import keras
    import numpy as np
    import tensorflow as tf

    at = tf.constant(x if x.dtype.kind == "i" else x.astype(net.variables[0].dtype))
    if x.dtype.kind == "i":
        embedding = next(each for each in net.layers if isinstance(each, keras.layers.Embedding))
        at, net = embedding(at), keras.Model(embedding.output, net.output)
    with tf.GradientTape() as tape:
        tape.watch(at)
        scores = net(at, training=False)
        target = np.asarray(scores).argmax(1) if target is None else target
        chosen = tf.reduce_sum(tf.gather(scores, target, axis=1, batch_dims=1))
    found = np.asarray(tape.gradient(chosen, at), "float64")
    return np.asarray(scores, "float64"), np.linalg.norm(found, axis=-1) if x.dtype.kind == "i" else found, target


def _make(name: str, folder: Path) -> Any:
    from importlib.metadata import version

    import keras
    import tensorflow as tf
    import tf2onnx
    from derived import runs
    from kept import Made

    keras.utils.set_random_seed(0)
    member = name.rsplit("/", 1)[-1]
    net, _ = network(member)
    settle(net)
    _rescale(net)
    x = _batch(net, 2, 2)
    made = Made(name, "tf2onnx", explained="input")
    made.libraries = {each: version(each) for each in ("keras", "tensorflow-cpu", "tf2onnx")}
    made.path(folder).parent.mkdir(parents=True, exist_ok=True)
    signature = [tf.TensorSpec((None, *x.shape[1:]), x.dtype, name="input")]
    function = tf.function(lambda given: net(given, training=False))
    tf2onnx.convert.from_function(function, signature, opset=17, output_path=str(made.path(folder)))
    found = truth(member, net, x)
    runs(made.path(folder), found)  # what tf2onnx leaves as a call of TensorFlow is no file that any runtime knows
    return made, found


FAMILY = Family("keras", "float", ("keras", "tensorflow", "tf2onnx"), [*APPLICATIONS, *LAYERS], _make)
