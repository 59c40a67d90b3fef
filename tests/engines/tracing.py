"""Functions of the Namespace as ONNX models, and whether onnxruntime computes with them what NumPy does in float64."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from onnxplain.engines.numpy import NumpyNamespace
from onnxplain.engines.onnxruntime.namespace import TracedNamespace
from onnxplain.engines.onnxruntime.shapes import Rows
from onnxplain.engines.onnxruntime.traced import Emitter, Traced

KINDS = {np.dtype("f"): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64, np.dtype(bool): TensorProto.BOOL}


def trace(function, *arrays):
    """`function(xp, *arrays)` as a model; arrays with 7 rows may have any number."""
    emitter, infos, inputs = Emitter("x0"), [], []
    for i, array in enumerate(arrays):
        shape = tuple(Rows() if axis == 0 and n == 7 else n for axis, n in enumerate(array.shape))
        infos.append(helper.make_tensor_value_info(f"x{i}", KINDS[array.dtype], emitter.sizes(shape)))
        inputs.append(Traced(emitter, f"x{i}", shape))
    result = function(TracedNamespace(emitter), *inputs)
    graph = emitter.needed([result.name])
    graph.name = "traced"
    graph.input.extend(infos)
    graph.output.append(onnx.ValueInfoProto(name=result.name))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=10), result


def check(function, *arrays, rows=(1, 3, 7), atol=1e-6):
    """The traced function says what NumPy says, with the shape that was predicted."""
    model, result = trace(function, *arrays)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    used = {each.name for each in session.get_inputs()}
    for n in rows:
        cut = [array[:n] if len(array) == 7 else array for array in arrays]
        (got,) = session.run(None, {f"x{i}": a for i, a in enumerate(cut) if f"x{i}" in used})
        wide = [a.astype(np.float64) if a.dtype == np.float32 else a for a in cut]
        with np.errstate(all="ignore"):
            wanted = np.asarray(function(NumpyNamespace("float64"), *wide))
        assert got.shape == tuple(s.each * n if isinstance(s, Rows) else s for s in result.shape)
        np.testing.assert_allclose(np.broadcast_to(got, wanted.shape), wanted, rtol=1e-5, atol=atol)
