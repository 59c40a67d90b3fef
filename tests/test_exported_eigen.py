"""The first principal component of channels by ONNX's operators, beside NumPy's singular value decomposition."""

from __future__ import annotations

import numpy as np
import pytest

from onnxplain.engines.onnxruntime.namespace import TracedNamespace
from onnxplain.engines.onnxruntime.shapes import Rows
from onnxplain.engines.onnxruntime.traced import Emitter, Traced
from onnxplain.exported_eigen import principal

runtime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")


def component(A, *, centre=False):
    """What the operators make of activations [N, K, P], by onnxruntime."""
    emitter = Emitter("A")
    made = principal(TracedNamespace(emitter), Traced(emitter, "A", (Rows(), *A.shape[1:])), centre=centre)
    graph = emitter.needed([made.name])
    graph.name = "g"
    graph.input.append(onnx.helper.make_tensor_value_info("A", onnx.TensorProto.FLOAT, A.shape))
    graph.output.append(onnx.helper.make_tensor_value_info(made.name, onnx.TensorProto.FLOAT, [len(A), A.shape[2]]))
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9)
    return runtime.InferenceSession(model.SerializeToString()).run(None, {"A": A})[0]


def decomposed(A):
    """A v of the first right singular vector of each row [P, K], its largest magnitude positive."""
    u, s, _ = np.linalg.svd(A.astype(float).transpose(0, 2, 1), full_matrices=False)
    maps = u[:, :, 0] * s[:, :1]
    return maps * np.sign(np.take_along_axis(maps, np.abs(maps).argmax(1)[:, None], 1))


@pytest.mark.parametrize("centre", [False, True])
@pytest.mark.parametrize("shape", [(4, 12, 5), (4, 5, 12), (3, 1, 7), (3, 7, 1)])
def test_it_is_the_first_singular_vector(shape, centre):
    A = np.random.default_rng(0).normal(size=shape).astype("f")
    if centre and shape[2] == 1:
        assert not component(A, centre=True).any()
        return
    wanted = decomposed(A.astype(float) - A.mean(2, keepdims=True, dtype=float) if centre else A)
    np.testing.assert_allclose(component(A, centre=centre), wanted, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-6])
def test_singular_values_that_lie_close_together(gap):
    """The rows of the matrix are orthogonal, of lengths 1 + gap, 1 and less."""
    rng = np.random.default_rng(1)
    u, v = np.linalg.qr(rng.normal(size=(6, 6)))[0], np.linalg.qr(rng.normal(size=(9, 9)))[0]
    A = ((u * [1 + gap, 1, 0.5, 0.2, 0.1, 0.0]) @ v[:6]).astype("f")[None]
    np.testing.assert_allclose(component(A), decomposed(A), atol=1e-5)


@pytest.mark.parametrize("scale", [1e-20, 1e15])
def test_any_size_and_none(scale):
    """One row is 0 in all of its channels."""
    A = np.random.default_rng(0).normal(size=(2, 6, 4)).astype("f") * np.array([[[scale]], [[0]]], "f")
    found, wanted = component(A), decomposed(A[:1])
    np.testing.assert_allclose(found[:1], wanted, rtol=1e-5, atol=1e-6 * np.abs(wanted).max())
    assert not found[1].any()
