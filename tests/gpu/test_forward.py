"""The forward on the device: bound to CuPy's memory, and on the CPU where onnxruntime has no CUDA."""

from __future__ import annotations

import types

import numpy as np
import onnxruntime as ort
import pytest
from gpu.conftest import real
from nets import network, node, relu_cnn
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.engines.cupy import device
from onnxplain.engines.cupy.device import CPU, CUDA, DeviceForward
from onnxplain.engines.forward import RuntimeForward
from onnxplain.graph import runtime

NAMES, SHAPES = ["c1", "p1", "y"], ["r1", "s"]
has_cuda = CUDA in ort.get_available_providers()


def bound_to_main_memory(monkeypatch, cupy, graph):
    """The way of the GPU with addresses of main memory, which the CPU provider takes just so."""

    class Bound(DeviceForward):
        device = "cpu"

        def _providers(self):
            return [CPU]

    monkeypatch.setattr(device, "CUDA", CPU)
    return Bound(graph, cupy.cuda.Stream(non_blocking=True), namespace())


def namespace():
    from onnxplain.engines.cupy.namespace import CupyNamespace

    return CupyNamespace()


@pytest.mark.skipif(
    real() is not None, reason="on a GPU the memory is not main memory; the walks test the binding there"
)
def test_inputs_and_outputs_are_bound_by_address(cupy, monkeypatch):
    model, x = relu_cnn()
    graph = ox.load(model, engine="numpy").canonical.graph
    forward = bound_to_main_memory(monkeypatch, cupy, graph)
    values, shapes = forward.run({"x": x}, NAMES, SHAPES)
    wanted, sizes = RuntimeForward(graph).run({"x": x}, NAMES, SHAPES)
    assert shapes == sizes
    for name in (*NAMES, "x"):
        assert isinstance(values[name].memory, cupy.ndarray)
        np.testing.assert_array_equal(forward.to_numpy(values[name]), wanted[name])
    turned = forward.run({"x": np.asfortranarray(x)}, NAMES)[0]
    np.testing.assert_array_equal(forward.to_numpy(turned["y"]), wanted["y"], "an address knows no order of axes")
    again = forward.run({"x": 2 * x}, NAMES)[0]
    np.testing.assert_array_equal(forward.to_numpy(values["y"]), wanted["y"], "a later run must not write over it")
    assert not np.array_equal(forward.to_numpy(again["y"]), wanted["y"])


@pytest.mark.skipif(
    real() is not None, reason="on a GPU the memory is not main memory; the walks test the binding there"
)
def test_booleans_integers_and_scalars_keep_type_and_shape(cupy, monkeypatch):
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3]),
        helper.make_tensor_value_info("least", TensorProto.INT64, []),
    ]
    nodes = [
        node("CastLike", "least x", "low"),
        node("Greater", "x low", "c"),
        node("Where", "c x low", "y"),
    ]
    x = np.array([[1, -1, 2], [-3, 0, 4]], "f")
    graph = ox.load(network(nodes, (2, 3), {}, inputs=inputs), engine="numpy").canonical.graph
    feeds = {"x": x, "least": np.array(1)}
    values = bound_to_main_memory(monkeypatch, cupy, graph).run(feeds, ["c", "y"])[0]
    c, least, y = (values[name].memory for name in ("c", "least", "y"))
    assert c.dtype == np.bool_ and least.dtype == np.int64
    np.testing.assert_array_equal(cupy.asnumpy(c), x > 1)
    np.testing.assert_array_equal(cupy.asnumpy(y), np.maximum(x, 1))


@pytest.mark.skipif(has_cuda, reason="this onnxruntime has CUDA")
def test_an_onnxruntime_without_cuda_runs_on_the_cpu(cupy):
    model, x = relu_cnn()
    graph = ox.load(model, engine="numpy").canonical.graph
    forward = DeviceForward(graph, cupy.cuda.Stream(non_blocking=True), namespace())
    values, shapes = forward.run({"x": x}, NAMES, SHAPES)
    assert forward.providers == (CPU,)
    assert isinstance(values["p1"].memory, cupy.ndarray) and shapes["s"] == values["p1"].shape
    e = ox.explain(ox.load(model, engine="cupy"), x)
    assert e.record["engine"]["providers"] == [CPU]


def test_cuda_is_asked_for_exactly_and_on_the_stream(cupy, monkeypatch):
    """TF32 has a mantissa of 10 bits, and an algorithm that is chosen by timing changes from run to run."""
    loaded = []
    fake = types.SimpleNamespace(
        get_available_providers=lambda: [CUDA, CPU], preload_dlls=lambda *, directory: loaded.append(directory)
    )
    monkeypatch.setattr(device, "onnxruntime", lambda: fake)
    stream = cupy.cuda.Stream(non_blocking=True)
    graph = ox.load(relu_cnn()[0], engine="numpy").canonical.graph
    (name, options), last = DeviceForward(graph, stream, namespace())._providers()
    assert (name, last, loaded) == (CUDA, CPU, [""])
    assert options["user_compute_stream"] == str(stream.ptr) and options["use_tf32"] == "0"
    assert options["cudnn_conv_algo_search"] == "HEURISTIC"


@pytest.mark.parametrize(("providers", "asked"), [([CPU], False), ([(CUDA, {}), CPU], True)], ids=["CPU", "CUDA"])
def test_a_session_on_a_gpu_adds_in_one_order(monkeypatch, providers, asked):
    opened = []
    fake = types.SimpleNamespace(
        SessionOptions=ort.SessionOptions, InferenceSession=lambda _, options, **__: opened.append(options)
    )
    monkeypatch.setattr(runtime, "onnxruntime", lambda: fake)
    runtime.open_session(relu_cnn()[0], providers=providers)
    assert [each.use_deterministic_compute for each in opened] == [asked]


def test_forward_and_walk_share_a_stream_and_leave_that_of_the_caller(cupy, monkeypatch):
    """On two streams the forward run would read inputs that are not there yet."""
    model, x = relu_cnn()
    before, seen, run = cupy.cuda.get_current_stream().ptr, [], DeviceForward.run

    def watched(self, *given):
        seen.append((cupy.cuda.get_current_stream().ptr, self._stream.ptr))
        return run(self, *given)

    monkeypatch.setattr(DeviceForward, "run", watched)
    explainer = ox.Explainer(ox.load(model, engine="cupy"), "deeplift")
    explainer(x)
    explainer.method.engine.values({"x": x}, ["y"])
    assert len(seen) == 3
    assert all(current == own != before for current, own in seen)
    assert cupy.cuda.get_current_stream().ptr == before


def test_explainers_of_one_model_share_its_weights(cupy):
    model = ox.load(relu_cnn()[0], engine="cupy")
    one, two, other = (
        ox.Explainer(each, method).method.engine.inner.constants
        for each, method in (
            (model, "gradient"),
            (model, "lrp.epsilon"),
            (ox.load(relu_cnn()[0], engine="cupy"), "gradient"),
        )
    )
    assert one is two and one is not other
    assert all(isinstance(each.memory, cupy.ndarray) for each in one.values())


def test_perturbed_rows_keep_a_gpu_busy(monkeypatch):
    """More of them go at once than on a CPU, and the answer is the same."""
    model, x = relu_cnn()
    sizes, run = [], DeviceForward.run
    monkeypatch.setattr(
        DeviceForward, "run", lambda self, feeds, *given: sizes.append(len(feeds["x"])) or run(self, feeds, *given)
    )
    a, b = (
        ox.explain(ox.load(model, engine=engine), x[:1], "occlusion", window=2, stride=1)
        for engine in ("cupy", "numpy")
    )
    assert sizes == [1, 1, 80]  # the row for its class, the row for its score, then every window
    np.testing.assert_allclose(a.attribution, b.attribution, atol=1e-5 * abs(b.attribution).max())
