"""The engines on a GPU: onnxruntime's CUDA provider runs forward, and the eager walk goes on with the values in place.

Both work on one CUDA stream. So each sees what the other has written, and no copy or event is needed between them; at
the end of a forward run onnxruntime waits for the stream, as it does by default. An onnxruntime without CUDA runs
forward on the CPU, and the values are copied to the GPU.
"""

from __future__ import annotations

import logging
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.engines.cupy import check
from onnxplain.engines.eager import EagerEngine
from onnxplain.engines.forward import SHAPE_OF, RuntimeForward
from onnxplain.graph.runtime import CPU, onnxruntime

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array
    from onnxplain.engines.base import WalkRequest, WalkResult
    from onnxplain.engines.namespace import Namespace
    from onnxplain.graph.runtime import Session
    from onnxplain.passes import Canonical

_log = logging.getLogger(__name__)

CUDA = "CUDAExecutionProvider"
"""onnxruntime's name of its provider for NVIDIA GPUs."""

WEIGHTS = "weights on the device"
"""The key under which the engines of a model share its weights in the memory of the GPU."""

SHARE = 3
"""The values of one chunk of rows may take 1/SHARE of the free memory; messages and columns take as much again."""


class DeviceForward(RuntimeForward):
    """The forward run by onnxruntime on a GPU, on a stream of CuPy. Inputs and outputs are arrays of `xp`, uncopied."""

    device = "cuda"
    """The name of the device in onnxruntime's IO bindings."""

    def __init__(self, graph: gs.Graph, stream: Any, xp: Namespace) -> None:
        import cupy

        from onnxplain.engines.cupy.arrays import materialise

        super().__init__(graph)
        self._cupy, self._materialise, self._xp = cupy, materialise, xp
        self._stream = stream

    def to_numpy(self, value: Any) -> Array:
        """See `Forward`."""
        return np.asarray(self._cupy.asnumpy(self._materialise(value)))

    def _providers(self) -> list[Any]:
        """Return CUDA with its options where this onnxruntime has it, else the CPU.

        The options ask for exact float32 rather than TF32, for algorithms that are not chosen by timing them, so that
        each run is the same, and for no more memory than is needed, since CuPy needs the rest.
        """
        ort = onnxruntime()
        if CUDA not in ort.get_available_providers():
            _log.warning("this onnxruntime has no CUDA: the forward runs on the CPU, and the walk on the GPU")
            return [CPU]
        ort.preload_dlls(directory="")
        options = {
            "device_id": str(self._cupy.cuda.Device().id),
            "user_compute_stream": str(self._stream.ptr),
            "use_tf32": "0",
            "cudnn_conv_algo_search": "HEURISTIC",
            "arena_extend_strategy": "kSameAsRequested",
        }
        return [(CUDA, options), CPU]

    def _results(self, session: Session, names: list[str], feeds: Mapping[str, Array]) -> dict[str, Any]:
        """Return the outputs `names` and the feeds by name, as arrays of `xp`; shapes are NumPy arrays on the host."""
        if CUDA not in session.providers:
            results = super()._results(session, names, feeds)
            return {n: v if n.startswith(SHAPE_OF) else self._copied(v) for n, v in results.items()}
        given = {name: self._copied(value) for name, value in feeds.items()}
        binding, place = session.raw.io_binding(), self._cupy.cuda.Device().id
        for name in session.inputs:
            x = self._materialise(given[name])
            binding.bind_input(name, self.device, place, x.dtype.type, x.shape, x.data.ptr)
        for name in names:
            if name.startswith(SHAPE_OF):
                binding.bind_output(name, "cpu")
            else:
                binding.bind_output(name, self.device, place)
        outputs = dict(zip(names, session.run_bound(binding), strict=True))
        return {n: v.numpy() if n.startswith(SHAPE_OF) else self._adopted(v) for n, v in outputs.items()} | given

    def _copied(self, value: Array) -> Any:
        """Copy an array of the host to the device. It keeps its dtype."""
        return self._xp.const(self._cupy.asarray(value, order="C"))

    def _adopted(self, value: Any) -> Any:
        """Return an array over the memory of an OrtValue, which it keeps alive. onnxruntime gives booleans as bytes."""
        memory = self._cupy.from_dlpack(value)
        return self._xp.const(memory.view(np.bool_) if value.data_type() == "tensor(bool)" else memory)


class DeviceEngine(EagerEngine):
    """Walks plans of one canonical graph on a GPU, in float32."""

    busy_rows = 128
    """See `Engine`. A GPU needs more rows than a CPU to be busy."""

    def __init__(self, canonical: Canonical, xp: Namespace) -> None:
        import cupy

        # not the default stream: onnxruntime takes its pointer, 0, for no stream, and would run on one of its own
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._lock = RLock()  # the stream holds one run at a time
        budget = cupy.cuda.Device().mem_info[0] // SHARE
        with self._stream:
            forward, weights = DeviceForward(canonical.graph, self._stream, xp), canonical.shared.get(WEIGHTS)
            super().__init__(canonical, xp, forward, weights)
        self._budget = budget
        if weights is None:
            self._stream.synchronize()  # engines on other streams read the weights too
            canonical.shared.put(WEIGHTS, self.constants)

    def walk(self, request: WalkRequest) -> WalkResult:
        """See `Engine`."""
        with self._lock, self._stream:
            return super().walk(request)

    def values(self, feeds: Mapping[str, Array], names: Collection[str]) -> Mapping[str, Array]:
        """See `Engine`."""
        with self._lock, self._stream:
            return super().values(feeds, names)


def cupy_engine(canonical: Canonical, precision: str) -> DeviceEngine:  # noqa: ARG001
    """Return the engine "cupy", in float32. Raises UsageError where there is no CuPy or no GPU."""
    check()
    from onnxplain.engines.cupy.namespace import CupyNamespace

    return DeviceEngine(canonical, CupyNamespace())


def cudnn_engine(canonical: Canonical, precision: str) -> DeviceEngine:  # noqa: ARG001
    """Return the engine "cudnn": "cupy", with the adjoints of convolutions by cuDNN.

    Raises UsageError where CuPy, cuDNN or a GPU is missing.
    """
    check("cudnn")
    from onnxplain.engines.cupy.cudnn import conv_adjoint
    from onnxplain.engines.cupy.namespace import CupyNamespace

    return DeviceEngine(canonical, CupyNamespace(conv_adjoint=conv_adjoint))
