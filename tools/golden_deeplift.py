"""Make tests/golden/reveal_cancel.npz: what kundajelab/deeplift says by its default for genomics, in float32.

That default is RevealCancel behind Dense and Rescale behind Conv. The file holds the weights of a random network (Conv,
ReLU, Flatten, Dense, ReLU, Dense, sigmoid, Dense), inputs `x` [N, H, W, C], the `baseline` of each, `contributions`
[class, N, H, W, C], and `made`, a JSON text with the versions. Runs where deeplift 0.6.13 and TensorFlow are.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

sys.modules["tensorflow"] = tf  # deeplift was written for TensorFlow 1
from deeplift import util  # noqa: E402
from deeplift.layers import activations, convolutional, core  # noqa: E402

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden" / "reveal_cancel.npz"
SIDE, CHANNELS, FILTERS, HIDDEN, CLASSES = 6, 2, 4, (24, 20), 3


def weights(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A kernel [h, w, in, out], three matrices [in, out], and biases."""
    shapes = {"conv": (3, 3, CHANNELS, FILTERS)}
    sizes = (FILTERS * (SIDE - 2) ** 2, *HIDDEN, CLASSES)
    shapes |= {f"dense{i}": pair for i, pair in enumerate(pairwise(sizes))}
    drawn = {name: rng.normal(size=shape) * 1.5 / np.sqrt(np.prod(shape[:-1])) for name, shape in shapes.items()}
    drawn |= {f"{name}_bias": rng.normal(size=shape[-1]) * 0.3 for name, shape in shapes.items()}
    return {name: value.astype("f") for name, value in drawn.items()}


def network(w: dict[str, np.ndarray]) -> tuple[core.Input, core.Node]:
    """The network in deeplift's layers, ready to score."""
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
    """Draw, score and write."""
    tf.disable_v2_behavior()
    rng = np.random.default_rng(0)
    w = weights(rng)
    first, last = network(w)
    x, baseline = rng.normal(size=(2, 5, SIDE, SIDE, CHANNELS)).astype("f")
    found = []
    for target in range(CLASSES):
        last.update_task_index(target)
        feeds = {first.get_activation_vars(): x, first.get_reference_vars(): baseline}
        found.append(util.get_session().run(first.get_mxts(), feeds) * (x - baseline))
    made = json.dumps({name: version(name) for name in ("deeplift", "numpy", "tensorflow-cpu")})
    np.savez_compressed(GOLDEN, x=x, baseline=baseline, contributions=np.array(found), made=made, **w)


if __name__ == "__main__":
    main()
