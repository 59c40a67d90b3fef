"""ONNX's own node test cases, and the same nodes written for older opsets."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases

REDUCE = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")
WERE_ATTRIBUTES = {
    **{op: (13, {1: "axes"}) for op in ("Squeeze", "Unsqueeze", "ReduceSum")},
    **{f"Reduce{op}": (18, {1: "axes"}) for op in REDUCE},
    "Slice": (10, {1: "starts", 2: "ends", 3: "axes"}),
    "Pad": (11, {1: "pads", 2: "value"}),
    "Clip": (11, {1: "min", 2: "max"}),
    "Split": (13, {1: "split"}),
    "TopK": (10, {1: "k"}),
    "Dropout": (12, {1: "ratio"}),
    "DFT": (20, {2: "axis"}),
    "Upsample": (9, {1: "scales"}),
}
"""By operator, the opset that made inputs of attributes, and the attribute at each place among the inputs."""

NUMBERS = {"value": float, "min": float, "max": float, "ratio": float, "k": int, "axis": int}
"""Those of these attributes that are a number, and no list."""

LATER = {"Split": (18, ("num_outputs",)), "Resize": (11, ("coordinate_transformation_mode", "nearest_mode", "axes"))}
"""By operator, attributes that an opset added and without which an older file says the same or something else."""


@cache  # ONNX registers the names of its cases as it collects them, and refuses to do so twice
def collected():
    with warnings.catch_warnings(action="ignore"):  # they overflow on purpose
        return collect_testcases(None)


def arrays(case):
    """The inputs of a case by name, as arrays where they are tensors."""
    names = [value.name for value in case.model.graph.input]
    return {name: _array(given) for name, given in zip(names, case.data_sets[0][0], strict=True)}


def _array(given):
    if isinstance(given, onnx.TensorProto):
        return numpy_helper.to_array(given)
    return given if isinstance(given, list) or given is None else np.asarray(given)


def restated(case, opset):
    """The model of a case written for `opset`, and its inputs; whether ONNX allows that is for its checker to say."""
    model, feeds = onnx.ModelProto(), arrays(case)
    model.CopyFrom(case.model)
    del model.graph.value_info[:], model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", opset))
    model.ir_version = 8
    for node in model.graph.node if len(model.graph.node) == 1 else ():
        _to_attributes(node, opset, feeds)
        _older_words(node, opset)
        while node.input and not node.input[-1]:
            node.input.pop()
    read = {name for node in model.graph.node for name in node.input}
    for value in list(model.graph.input):
        if value.name not in read:
            model.graph.input.remove(value)
    return model, {name: given for name, given in feeds.items() if name in read}


def _to_attributes(node, opset, feeds):
    first, attributes = WERE_ATTRIBUTES.get(node.op_type, (0, {}))
    for place, name in attributes.items() if opset < first else ():
        if place < len(node.input) and node.input[place]:
            values = feeds[node.input[place]].ravel()
            value = NUMBERS[name](values[0]) if name in NUMBERS else values.tolist()
            node.attribute.append(
                helper.make_attribute(name, value, attr_type=onnx.AttributeProto.INTS if value == [] else None)
            )
            node.input[place] = ""


def _older_words(node, opset):
    first, attributes = LATER.get(node.op_type, (0, ()))
    for each in list(node.attribute):
        if opset < first and each.name in attributes:
            node.attribute.remove(each)
        elif opset < 20 and node.op_type == "GridSample" and each.name == "mode":
            each.s = {b"linear": b"bilinear", b"cubic": b"bicubic"}.get(each.s, each.s)
    if node.op_type == "Resize" and opset < 11 and len(node.input) == 3:
        del node.input[1]
