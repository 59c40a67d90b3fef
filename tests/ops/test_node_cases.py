"""ONNX's own node test cases, for every operator that has facts.

Linear ops have to reproduce the stored output; the backward of every op has to agree with central differences of
onnx.reference in float64, along random directions, next to the stored inputs.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.backend.test.case.node import collect_testcases

from onnxplain.ops import Family, registry
from tests.ops.one import One, backward

STEP = 1e-6
# operands of these are far from any other kink only if they stay within their domain
SKIPPED = {}


@cache
def cases():
    """Name -> (One, stored output), for each case of one node that computes floats from floats."""
    found = {}
    for case in collect_testcases(None):
        nodes = case.model.graph.node
        op = registry().get(nodes[0].op_type) if len(nodes) == 1 and nodes[0].domain == "" else None
        if op is None or not case.data_sets or case.name in SKIPPED:
            continue
        inputs, outputs = case.data_sets[0]
        feeds = dict(zip((value.name for value in case.model.graph.input), inputs, strict=True))
        given = [_wide(feeds[name]) if name else None for name in nodes[0].input]
        operands = range(len(given)) if op.operands is None else op.operands
        active = tuple(i for i in operands if i < len(given) and _is_float(given[i]))
        if active and _is_float(outputs[0]):
            (opset,) = (each.version for each in case.model.opset_import if each.domain == "")
            found[case.name] = One(nodes[0], given, active, opset), outputs[0]
    return found


def _is_float(value):
    return isinstance(value, np.ndarray) and value.dtype in (np.float32, np.float64)


def _wide(value):
    return value.astype(np.float64) if _is_float(value) else np.asarray(value)

