"""Rows that differ from one row within a box, against full runs of the same file by plain onnxruntime."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from nets import network, node

import onnxplain as ox
from onnxplain.engines.patches import choice
from onnxplain.engines.patches.boxes import Patches, changed
from onnxplain.engines.patches.follow import follow, whole_maps
from onnxplain.engines.patches.forward import PatchedForward
from onnxplain.engines.patches.groups import local_groups
from onnxplain.engines.patches.parts import Parts
from onnxplain.errors import RuntimeRefusalError

SIZE = (19, 22)
BOXES = [((0, 0), (4, 5)), ((15, 17), (19, 22)), ((0, 9), (3, 12)), ((7, 19), (9, 22)), ((8, 8), (12, 10))]


def weights(**shapes):
    rng = np.random.default_rng(0)
    return {name: (rng.normal(size=s) / np.sqrt(np.prod(s[1:]))).astype("f") for name, s in shapes.items()}


def ended(nodes, last="z", channels=4):
    """The nodes, and behind them what mixes all places: a mean and one linear layer; with the weights of that."""
    ends = [node("GlobalAveragePool", last, "g"), node("Flatten", "g", "f"), node("MatMul", "f m", "y")]
    return [*nodes, *ends], weights(m=(channels, 3))


def residual():
    """Convolutions with and without strides and dilations, an overlapping pooling, and two skips, one strided."""
    nodes = [
        node("Conv", "x w1 b1", "c1", pads=[3, 3, 3, 3], strides=[2, 2]),
        node("Relu", "c1", "r1"),
        node("MaxPool", "r1", "p", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Conv", "p w2 b1", "c2", pads=[2, 2, 2, 2], dilations=[2, 2]),
        node("Add", "c2 p", "a"),
        node("Relu", "a", "r2"),
        node("Conv", "r2 w2", "c3", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Conv", "r2 w3", "d", strides=[2, 2]),
        node("Add", "c3 d", "a2"),
        node("Sigmoid", "a2", "z"),
    ]
    nodes, ends = ended(nodes)
    return nodes, ends | weights(w1=(4, 3, 7, 7), w2=(4, 4, 3, 3), w3=(4, 4, 1, 1), b1=(4,))


def mixed():
    """Groups of channels, an affine input, a batch normalisation behind a ReLU, branches that are joined, means."""
    nodes = [
        node("Sub", "x mean", "s"),
        node("Conv", "s w1", "c1", auto_pad="SAME_UPPER", strides=[2, 2], group=3),
        node("LeakyRelu", "c1", "l", alpha=0.3),
        node("BatchNormalization", "l scale shift shift var", "n"),
        node("MaxPool", "n", "p", kernel_shape=[3, 2], strides=[2, 1], ceil_mode=1),
        node("Conv", "p w2", "q", pads=[0, 1, 2, 1]),
        node("Clip", "q low high", "k"),
        node("Conv", "p w3", "t", pads=[0, 0, 1, 1]),
        node("Concat", "t k p", "z0", axis=1),
        node("AveragePool", "z0", "z1", kernel_shape=[2, 2]),
        node("LRN", "z1", "z", size=3, alpha=0.5),
    ]
    nodes, ends = ended(nodes, channels=15)
    shapes = {"w1": (6, 1, 3, 3), "w2": (5, 6, 3, 3), "w3": (4, 6, 2, 2), "mean": (1, 3, 1, 1), "scale": (6,)}
    limits = {"low": np.float32(-0.4), "high": np.float32(0.5), "var": np.full(6, 2, "f"), "shift": np.zeros(6, "f")}
    return nodes, ends | weights(**shapes) | limits


def gated():
    """A gate for each channel from all places, behind which only what does not pass it is local."""
    nodes = [
        node("Conv", "x w1", "c1", pads=[1, 1, 1, 1]),
        node("Relu", "c1", "r1"),
        node("GlobalAveragePool", "r1", "e"),
        node("Sigmoid", "e", "h"),
        node("Mul", "r1 h", "u"),
        node("Conv", "r1 w2", "c2", pads=[1, 1, 1, 1]),
        node("Conv", "u w2", "c3", pads=[1, 1, 1, 1]),
        node("Add", "c2 c3", "z"),
    ]
    nodes, ends = ended(nodes)
    return nodes, ends | weights(w1=(4, 3, 3, 3), w2=(4, 4, 3, 3))


NETS = {each.__name__: each for each in (residual, mixed, gated)}


def made(name):
    """The model as it is loaded, and the file's own runtime."""
    nodes, values = NETS[name]()
    proto = network(nodes, ["N", 3, *SIZE], values)
    return ox.load(proto), onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])


def hidden(boxes=BOXES, seed=1):
    """A row, and copies of it with other values in a box each."""
    rng = np.random.default_rng(seed)
    row = rng.normal(size=(3, *SIZE)).astype("f")
    rows = np.repeat(row[None], len(boxes), 0)
    for i, ((top, left), (bottom, right)) in enumerate(boxes):
        rows[i, :, top:bottom, left:right] = rng.normal(size=(3, bottom - top, right - left))
    return row, rows


def close(found, due):
    np.testing.assert_allclose(found, due, rtol=0, atol=1e-6 * np.abs(due).max())


@pytest.mark.parametrize("name", NETS)
def test_followed_through_any_number_of_groups_rows_score_as_in_full_runs(name):
    model, file = made(name)
    graph, scores = model.canonical.graph, model.canonical.scores
    row, rows = hidden()
    (due,) = file.run(None, {"x": rows})
    moved, boxes = changed(rows, row)
    assert moved.all()
    assert [(tuple(a), tuple(b)) for a, b in zip(boxes.low, boxes.stop, strict=True)] == BOXES
    groups, parts = local_groups(graph, "x", SIZE), Parts(graph, scores, model.settings)
    maps = whole_maps(parts, groups, {"x": row})
    assert len(groups) == {"residual": 5, "mixed": 6, "gated": 2}[name]
    for count in range(len(groups) + 1):
        close(follow(parts, groups[:count], maps, {"x": Patches(boxes, rows, 0 * boxes.low)}), due)


def test_a_box_that_a_stride_steps_over_changes_nothing():
    nodes, values = ended([node("Conv", "x w", "z", strides=[2, 2])])
    model = ox.load(network(nodes, ["N", 3, *SIZE], values | weights(w=(4, 3, 1, 1))))
    row, rows = hidden([((3, 5), (4, 6)), ((0, 0), (2, 2))])
    groups, parts = local_groups(model.canonical.graph, "x", SIZE), Parts(model.canonical.graph, "y", model.settings)
    boxes = changed(rows, row)[1]
    found = follow(parts, groups, whole_maps(parts, groups, {"x": row}), {"x": Patches(boxes, rows, 0 * boxes.low)})
    assert len(groups) == 1
    close(found, model.outputs({"x": rows})["y"])
    close(found[:1], model.outputs({"x": row[None]})["y"])


def test_what_is_not_known_to_be_local_is_in_no_group():
    nodes, values = ended(
        [
            node("AveragePool", "x", "a", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),  # its border counts fewer places
            node("Mul", "x slope", "s"),  # another factor for each column
            node("Transpose", "x", "t", perm=[0, 1, 3, 2]),
            node("Transpose", "t", "u", perm=[0, 1, 3, 2]),
            node("Softmax", "u", "v"),
            node("Concat", "a s v", "z", axis=1),
        ],
        channels=9,
    )
    model = ox.load(network(nodes, ["N", 3, *SIZE], values | {"slope": np.arange(22, dtype="f")}))
    assert local_groups(model.canonical.graph, "x", SIZE) == []


@pytest.fixture
def counted(monkeypatch):
    """The rows that were followed, where any saving is taken."""
    rows = []
    monkeypatch.setattr(choice, "LEAST", -1)
    monkeypatch.setattr(choice, "SHARE", -1e9)
    monkeypatch.setattr(choice, "CALL", 0)
    plain = Parts.rest

    def counting(self, *arguments):
        scores = plain(self, *arguments)
        rows.append(len(scores))
        return scores

    monkeypatch.setattr(Parts, "rest", counting)
    return rows


@pytest.mark.parametrize("parity", ["first", "always"])
def test_occlusion_is_the_same_with_boxes_followed_and_without(counted, monkeypatch, parity):
    nodes, values = residual()
    model = ox.load(network(nodes, ["N", 3, *SIZE], values), engine="onnxruntime", parity=parity)
    x = np.stack([hidden(seed=seed)[0] for seed in (1, 2)])
    x[0, :, :, :11] = 0  # to hide these with zeros changes nothing
    found = ox.explain(model, x, "occlusion", window=4, stride=4, target=[0, 2])
    assert sum(counted) > 20
    counted.clear()
    monkeypatch.setattr(PatchedForward, "values", lambda *_: None)
    due = ox.explain(model, x, "occlusion", window=4, stride=4, target=[0, 2])
    assert not counted
    # a small difference of two scores, each of which is rounded in float32
    np.testing.assert_allclose(found.attribution, due.attribution, rtol=0, atol=2e-7 * np.abs(due.score).max())
    assert np.abs(due.attribution).max() > 1e-4 * np.abs(due.score).max()
    assert (found.attribution[0, :, :, :8] == 0).all()
    assert found.parity.unproven is None
    assert found.parity.share < 1


def test_small_networks_and_large_boxes_run_as_ever():
    model, _ = made("residual")
    groups = local_groups(model.canonical.graph, "x", SIZE)
    row, rows = hidden()
    assert not choice.worth_following(groups, len(rows))
    rows[:, :, ::18, ::21] += 1
    assert choice.groups_to_follow(groups, "x", changed(rows, row)[1], SIZE) == 0


def test_parts_that_onnxruntime_does_not_run_are_no_fault_of_the_file(counted, monkeypatch):
    nodes, values = residual()
    model = ox.load(network(nodes, ["N", 3, *SIZE], values), engine="onnxruntime")
    due = ox.explain(model, hidden()[0][None], "occlusion", window=6, stride=6)
    assert counted

    def refuse(*_):
        raise RuntimeRefusalError("no kernel")

    counted.clear()
    monkeypatch.setattr(Parts, "_open", refuse)
    found = ox.explain(model, hidden()[0][None], "occlusion", window=6, stride=6)
    assert not counted
    close(found.attribution, due.attribution)


def test_sessions_of_what_is_behind_hold_few_copies_of_the_weights():
    model, _ = made("residual")
    row, rows = hidden()
    graph, scores = model.canonical.graph, model.canonical.scores
    groups, parts = local_groups(graph, "x", SIZE), Parts(graph, scores, model.settings)
    patches = {"x": Patches(changed(rows, row)[1], rows, np.zeros((len(rows), 2), int))}
    maps = whole_maps(parts, groups, {"x": row})
    for count in (1, 2, 3, 4):
        follow(parts, groups[:count], maps, patches)
    assert list(parts._rests) == [3, 4]
