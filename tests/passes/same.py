"""Models from ONNX text, and the check that a pass changed the graph but not what it computes."""

import re

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import onnxruntime
from onnx.reference import ReferenceEvaluator

from onnxplain.passes.shapes import shapes

RNG = np.random.default_rng


def model(text, **weights):
    """A model of opset 24 from the text of its graph; `weights` become initialisers."""
    proto = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 24]> g {text}')
    for name, values in weights.items():
        proto.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(values), name))
    return proto


def graph_of(proto):
    graph = gs.import_onnx(proto)
    shapes(graph)
    return graph


def random_feeds(proto, batch=3, seed=0):
    rng = RNG(seed)
    return {
        value.name: rng.standard_normal([dim.dim_value or batch for dim in value.type.tensor_type.shape.dim]).astype(
            "f"
        )
        for value in proto.graph.input
    }


def run(proto, feeds):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def reference(proto, feeds):
    return ReferenceEvaluator(proto).run(None, feeds)


def same(proto, *passes, runner=run, feeds=None, rtol=1e-5):
    """Apply passes, check that the outputs agree; return the graph, and how much the last pass changed."""
    graph, changed = graph_of(proto), 0
    for each in passes:
        changed = each(graph)
    graph.cleanup()
    after = gs.export_onnx(graph)
    onnx.checker.check_model(after, full_check=True)
    feeds = feeds or random_feeds(proto)
    for wanted, got in zip(runner(proto, feeds), runner(after, feeds), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=rtol * np.abs(wanted).max())
        assert got.shape == wanted.shape
    return graph, changed


def ops(graph):
    return [node.op for node in graph.nodes]


def mentioned(text, values):
    """Those of `values` whose names occur in `text`."""
    words = re.findall(r"\w+", text)
    return {name: value for name, value in values.items() if name in words}
