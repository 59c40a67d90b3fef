"""Blocked tensors: what onnxruntime writes at its highest level computes the same when it is put back."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node
from passes.contrib.optimised import optimised
from passes.same import run

from onnxplain.passes import canonicalise, export
from onnxplain.passes.contrib import blocked
from onnxplain.passes.contrib.form import CannotError

RNG = np.random.default_rng(0)


def draw(*shape):
    return (RNG.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype("f")


WEIGHTS = {"w": draw(32, 3, 3, 3), "b": draw(32), "v": draw(32, 32, 3, 3), "d": draw(32, 1, 3, 3)}
WEIGHTS |= {
    "k": draw(24, 32, 1, 1),
    "m": draw(16, 24, 3, 3),
    "two": np.array([1, 1, 2, 2], "f"),
    "few": draw(5, 32, 1, 1),
}
FIRST = node("Conv", "x w b", "a", pads=[1, 1, 1, 1], strides=[1, 2])
NETS = {
    "plain input": [FIRST],
    "blocked input": [FIRST, node("Relu", "a", "r"), node("Conv", "r v b", "c", pads=[0, 1, 0, 1])],
    "each by itself": [FIRST, node("Conv", "a d b", "c", group=32), node("LeakyRelu", "c", "l", alpha=0.2)],
    "a sum": [FIRST, node("Conv", "a v", "c", pads=[1, 1, 1, 1]), node("Add", "c a", "s"), node("Relu", "s", "r")],
    "a block that is not full": [
        FIRST,
        node("Conv", "a k", "c"),
        node("HardSwish", "c", "h"),
        node("Conv", "h m", "e"),
    ],
    "fewer channels than a block": [FIRST, node("Conv", "a few", "c")],
    "a pool": [FIRST, node("MaxPool", "a", "p", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 0, 1])],
    "an average": [FIRST, node("AveragePool", "a", "p", kernel_shape=[2, 2], pads=[1, 1, 0, 0])],
    "an average with padding": [
        FIRST,
        node("AveragePool", "a", "p", kernel_shape=[2, 2], pads=[1, 1, 0, 0], count_include_pad=1),
    ],
    "means": [FIRST, node("GlobalAveragePool", "a", "p")],
    "peaks": [FIRST, node("GlobalMaxPool", "a", "p")],
    "larger": [
        FIRST,
        node(
            "Resize", "a  two", "u", mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        ),
    ],
    "larger and smooth": [
        FIRST,
        node("Resize", "a  two", "u", mode="linear", coordinate_transformation_mode="half_pixel"),
    ],
    "channels last": [FIRST, node("Transpose", "a", "t", perm=[0, 2, 3, 1])],
}


def net(layers):
    nodes = [*layers, node("Flatten", layers[-1].output[0], "y")]
    for each in nodes:
        if each.op_type == "Resize":
            each.input.insert(1, "")
    used = {name for each in nodes for name in each.input}
    return network(nodes, ("N", 3, 9, 12), {name: value for name, value in WEIGHTS.items() if name in used}, opset=17)


@pytest.mark.parametrize("layers", NETS.values(), ids=NETS)
def test_what_is_put_back_computes_the_same(layers, tmp_path):
    plain = net(layers)
    file = optimised(plain, tmp_path)
    assert any(each.domain == blocked.NCHWC for each in file.graph.node) or not blocked.block()
    canonical = canonicalise(file)
    assert not any(each.domain for each in canonical.graph.nodes)
    assert canonical.ways or not blocked.block()
    feeds = {"x": draw(2, 3, 9, 12)}
    wanted = run(file, feeds)[0]
    np.testing.assert_allclose(run(export(canonical.graph), feeds)[0], wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())
    np.testing.assert_allclose(run(plain, feeds)[0], wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())


@pytest.mark.parametrize("size", [8, 16])
@pytest.mark.parametrize(
    ("shape", "groups"), [((32, 3, 3, 2), 1), ((32, 32, 1, 3), 1), ((32, 1, 3, 3), 32), ((32, 16, 3, 3), 2)]
)
def test_blocked_weights_are_laid_out_plainly(size, shape, groups, monkeypatch):
    """By counting: the weight from input channel i to output channel o is where the block of each says."""
    monkeypatch.setattr(blocked, "block", lambda: size)
    outputs, inputs, height, width = shape
    plain, stored = np.arange(np.prod(shape)).reshape(shape), []
    within = size if inputs >= size else 1
    for o in range(0, outputs, size):
        for i in range(0, inputs, within):
            for y in range(height):
                for x in range(width):
                    for inner in range(within):
                        stored += [plain[o + each, i + inner, y, x] for each in range(size)]
    assert np.array_equal(blocked.plain_weights(np.array(stored).reshape(shape), groups), plain)


def test_weights_that_do_not_fit_are_refused(monkeypatch):
    """They come from a processor with smaller blocks."""
    monkeypatch.setattr(blocked, "block", lambda: 16)
    with pytest.raises(CannotError, match=r"weights \[8, 8, 3, 3\] do not fit into blocks of 16 channels"):
        blocked.plain_weights(np.zeros((8, 8, 3, 3)), 1)
