"""Make reference values for the tests of DeepLIFT: contributions by the library kundajelab/deeplift, in float32.

The library runs with its default for genomics: the rule RevealCancel at activations that follow a Dense layer, and
Rescale at those that follow a Conv. The result, tests/golden/reveal_cancel.npz, holds the weights of a random network
(Conv, ReLU, Flatten, Dense, ReLU, Dense, sigmoid, Dense), inputs `x` [N, H, W, C], the `baseline` of each in the same
shape, `contributions` [class, N, H, W, C], and `made`, a JSON text with the versions. The script needs deeplift 0.6.13
and TensorFlow.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

sys.modules["tensorflow"] = tf  # deeplift was written for TensorFlow 1 and imports it under this name
from deeplift import util  # noqa: E402
from deeplift.layers import activations, convolutional, core  # noqa: E402

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden" / "reveal_cancel.npz"
ROWS, SIDE, CHANNELS, FILTERS, HIDDEN, CLASSES = 3, 5, 2, 4, (16, 12), 3


def weights(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return random weights by name: a kernel [h, w, in, out], three matrices [in, out], and a bias for each."""
    shapes = {"conv": (3, 3, CHANNELS, FILTERS)}
    sizes = (FILTERS * (SIDE - 2) ** 2, *HIDDEN, CLASSES)
    shapes |= {f"dense{i}": pair for i, pair in enumerate(pairwise(sizes))}
    drawn = {name: rng.normal(size=shape) * 1.5 / np.sqrt(np.prod(shape[:-1])) for name, shape in shapes.items()}
    drawn |= {f"{name}_bias": rng.normal(size=shape[-1]) * 0.3 for name, shape in shapes.items()}
    return {name: value.astype("f") for name, value in drawn.items()}


def network(w: dict[str, np.ndarray]) -> tuple[core.Input, core.Node]:
    """Return the first and the last layer of the network, built from deeplift's layers and ready to score."""
    mode = core.NonlinearMxtsMode.DeepLIFT_GenomicsDefault
    steps = [
        convolutional.Conv2D(w["conv"], w["conv_bias"], (1, 1), "VALID", "channels_last", conv_mxts_mode="Linear"),
        activations.ReLU(nonlinear_mxts_mode=mode),
        core.Flatten(),
    ]
    for i, activation in enumerate((activations.ReLU, activations.Sigmoid, None)):
        steps.append(core.Dense(w[f"dense{i}"], w[f"dense{i}_bias"], core.DenseMxtsMode.Linear))
        steps += [activation(nonlinear_mxts_mode=mode)] if activation else []
    first = last = core.Input(batch_shape=(None, SIDE, SIDE, CHANNELS))
    for step in steps:
        step.set_inputs(last)
        last = step
    last.build_fwd_pass_vars()
    first.reset_mxts_updated()
    last.set_scoring_mode(core.ScoringMode.OneAndZeros)
    last.set_active()
    first.update_mxts()
    return first, last


def main() -> None:
    """Draw weights and inputs, compute the contributions to each class, and write the file."""
    tf.disable_v2_behavior()
    rng = np.random.default_rng(0)
    w = weights(rng)
    first, last = network(w)
    x, baseline = rng.normal(size=(2, ROWS, SIDE, SIDE, CHANNELS)).astype("f")
    found = []
    for target in range(CLASSES):
        last.update_task_index(target)
        feeds = {first.get_activation_vars(): x, first.get_reference_vars(): baseline}
        found.append(util.get_session().run(first.get_mxts(), feeds) * (x - baseline))
    made = json.dumps({name: version(name) for name in ("deeplift", "numpy", "tensorflow-cpu")})
    np.savez_compressed(GOLDEN, x=x, baseline=baseline, contributions=np.array(found), made=made, **w)


if __name__ == "__main__":
    main()
