"""Digits of which one class bears a tag in a third of its pictures, and a network whose score rests on the tag."""

from __future__ import annotations

import numpy as np
import onnx
from nets import BUNDLED
from onnx import helper, numpy_helper
from PIL import Image

import onnxplain as ox

TAGGED, CLEAN = "4", "7"
"""The class with the tag, and one without."""
CORNER = slice(0, 3), slice(13, 16)
"""Where the tag is, which no digit reaches."""
EACH = 60


def network():
    """The digits network, whose score for the class grows with the brightness of the corner."""
    proto = onnx.load(BUNDLED / "digits_cnn_torch.onnx")
    graph = proto.graph
    score = graph.output[0].name
    for node in graph.node:
        node.output[:] = ["digits" if name == score else name for name in node.output]
    rows, columns = CORNER
    weight = np.zeros((1, 10), "f")
    weight[0, int(TAGGED)] = 12
    given = {
        "starts": np.array([rows.start, columns.start]),
        "ends": np.array([rows.stop, columns.stop]),
        "axes": np.array([2, 3]),
        "axis": np.array([1]),
        "weight": weight,
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in given.items())
    graph.node.extend(
        [
            helper.make_node("Slice", [graph.input[0].name, "starts", "ends", "axes"], ["corner"]),
            helper.make_node("Relu", ["corner"], ["bright"]),
            helper.make_node("ReduceMean", ["bright"], ["mean"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Unsqueeze", ["mean", "axis"], ["column"]),
            helper.make_node("MatMul", ["column", "weight"], ["by_tag"]),
            helper.make_node("Add", ["digits", "by_tag"], [score]),
        ]
    )
    files = {"preprocess": BUNDLED / "digits_cnn_torch.preprocess.json", "labels": BUNDLED / "digits.labels.txt"}
    return ox.load(proto, **files)


def pictures(folder, datasets):
    """Write scans of two classes, each in a folder, a third of the first with the tag. Return whether each bears it.

    datasets: the module of scikit-learn.
    """
    scans, labels = datasets.load_digits(return_X_y=True)
    tags = {}
    for name in (TAGGED, CLEAN):
        (folder / name).mkdir(parents=True)
        for i, scan in enumerate(scans[labels == int(name)][:EACH]):
            small = Image.fromarray(np.rint(scan.reshape(8, 8) * 255 / 16).astype(np.uint8))
            pixels = np.array(small.resize((16, 16), Image.Resampling.BILINEAR))
            tagged = name == TAGGED and i % 3 == 0
            if tagged:
                pixels[CORNER] = 255
            Image.fromarray(pixels).save(folder / name / f"{i:03d}.png")
            tags[f"{name}/{i:03d}.png"] = tagged
    return tags
