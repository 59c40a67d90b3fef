"""What is said of the memory of a walk: by hand where that can be counted, and against processes that explain."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from nets import BUNDLED, deep, network, node

import onnxplain as ox
from onnxplain.engines.onnxruntime.blocked import with_copies
from onnxplain.engines.onnxruntime.lifetimes import in_order, most_alive
from onnxplain.engines.onnxruntime.sized import Sized, Work, sized
from onnxplain.errors import UnsupportedModelError, UsageError
from onnxplain.memory import memory_of

MEASURE = """
import sys
import numpy as np, onnxplain as ox
def resident():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))
def explain(path, method, shape):
    explainer = ox.Explainer(ox.load(path, engine="onnxruntime"), method)
    for _ in range(2):
        explainer(np.random.default_rng(0).random(shape, np.float32), target=0)
    return explainer
explain(sys.argv[1], "gradient", (1, 1, 16, 16))
before = resident()
kept = explain(sys.argv[2], sys.argv[3], tuple(map(int, sys.argv[4:])))
print(resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says what is resident")
@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon_plus_flat"])
@pytest.mark.parametrize("net", [(32, 64, 6, 60_000), (256, 48, 7, 10)], ids=["of weights", "of values"])
def test_a_process_that_explains_grows_by_what_is_said(net, method, tmp_path):
    """The first has 30 MB of weights and small images, the second large images and few weights."""
    path, shape = tmp_path / "net.onnx", (1, 3, net[0], net[0])
    onnx.save(deep(*net), path)
    said = memory_of(ox.Explainer(ox.load(path, engine="onnxruntime"), method))
    command = [sys.executable, "-c", MEASURE, BUNDLED / "digits_cnn_torch.onnx", path, method, *map(str, shape)]
    grown = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert said.shapes == {"x": shape}
    assert 0.75 < (said.weights + said.values) / grown < 1.25


def test_what_is_alive_at_once_is_counted_by_hand():
    """x is held by the caller. a and b are alive when c is made, over b; then a and c, which d needs; e is d again."""
    nodes = (
        Work("Conv", ("x", "w"), ("a",)),
        Work("Conv", ("a", "w"), ("b",)),
        Work("Relu", ("b",), ("c",)),
        Work("Concat", ("a", "c"), ("d",)),
        Work("Reshape", ("d", "s"), ("e",)),
    )
    nbytes = {"x": 7, "a": 10, "b": 20, "c": 20, "d": 30, "e": 30, "w": 5, "s": 1}
    model = Sized(nodes, nbytes, dict.fromkeys(nbytes, (1,)), frozenset({"w", "s"}), {}, frozenset({"e"}))
    assert most_alive(model) == 10 + 20 + 30
    kept = Sized(nodes, nbytes, model.shapes, model.constants, {}, frozenset({"e", "b"}))
    assert most_alive(kept) == 10 + 20 + 20 + 30  # b is given out, so that c cannot be written over it


def test_nodes_run_when_they_are_needed():
    """The gate of a is computed where the walk needs it, and not where the file has it."""
    gate, later = Work("HardSigmoid", ("a",), ("gate",)), Work("Conv", ("a", "w"), ("b",))
    nodes = [Work("Conv", ("x", "w"), ("a",)), gate, later, Work("Mul", ("b", "gate"), ("c",))]
    assert in_order(nodes) == [nodes[0], later, gate, nodes[3]]
    assert in_order([nodes[0], gate, later._replace(new=2), nodes[3]])[1:3] == [later._replace(new=2), gate]


def test_an_image_is_copied_once_where_it_leaves_the_blocked_layout():
    model = network(
        [
            node("Conv", "x w", "a", pads=[1] * 4),
            node("Softmax", "a", "b", axis=1),
            node("Conv", "b v", "d", pads=[1] * 4),
            node("Relu", "d", "y"),
        ],
        (1, 3, 8, 8),
        {"w": np.ones((16, 3, 3, 3), "f"), "v": np.ones((16, 16, 3, 3), "f")},
    )
    made = with_copies(sized(model, {"x": (1, 3, 8, 8)}, {}))
    assert [each.op for each in made.nodes] == ["Conv", "Reorder", "Softmax", "Reorder", "Conv", "Relu", "Reorder"]
    assert made.nbytes[made.nodes[1].makes[0]] == 4 * 16 * 8 * 8


def test_weights_that_are_computed_from_weights_are_in_memory_too():
    net = deep(16, 16, 3, 10)
    plain, more = (
        memory_of(ox.Explainer(ox.load(net, engine="onnxruntime"), name)) for name in ("gradient", "lrp.z_plus")
    )
    kernels = 2 * 4 * 16 * 16 * 9
    assert plain.weights > 3 * kernels and more.weights > plain.weights + kernels


def test_the_sizes_can_be_given():
    net = deep(16, 16, 3, 10)
    for size in net.graph.input[0].type.tensor_type.shape.dim[2:]:
        size.dim_param = "S"
    explainer = ox.Explainer(ox.load(net, engine="onnxruntime"), "gradient")
    small, stated = memory_of(explainer, {"x": (1, 3, 64, 64)}), memory_of(explainer)
    assert stated.shapes == {"x": (1, 3, 224, 224)}
    assert stated.values == pytest.approx(small.values * (224 / 64) ** 2, rel=0.05)


def test_what_is_not_estimated_is_refused_by_name():
    for method in ("deeplift", "occlusion", "integrated_gradients"):
        with pytest.raises(UsageError, match=method):
            memory_of(ox.Explainer(ox.load(BUNDLED / "digits_cnn_torch.onnx", engine="onnxruntime"), method))
    with pytest.raises(UsageError, match="onnxruntime"):
        memory_of(ox.Explainer(ox.load(BUNDLED / "digits_cnn_torch.onnx", engine="numpy"), "gradient"))
    unknown = network([node("NonZero", "x", "i"), node("Cast", "i", "y", to=1)], (1, 4), {})
    with pytest.raises(UnsupportedModelError, match="'i'"):
        sized(unknown, {"x": (1, 4)}, {})


def test_an_explanation_that_is_kept_keeps_no_memory_of_a_session():
    model = ox.load(BUNDLED / "digits_cnn_torch.onnx", engine="onnxruntime")
    e = ox.explain(model, np.ones((2, 1, 16, 16), "f"), "gradient", target=1)
    for array in (e.attribution, e.prediction):
        while isinstance(array.base, np.ndarray):
            array = array.base  # noqa: PLW2901
        assert array.flags.owndata


def test_what_the_file_gives_keeps_no_memory_of_its_session():
    """An array of onnxruntime is a view, and all that its session took stays as long as the view."""
    model = ox.load(BUNDLED / "digits_cnn_torch.onnx")
    found = model.file.run({"image": np.zeros((1, 1, 16, 16), "f")})
    assert all(each.flags.owndata for each in found.values())
