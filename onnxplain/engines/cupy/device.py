"""The walk on a GPU: onnxruntime's CUDA provider computes forward into CuPy's memory, and the eager walk goes on there.

Both work on one stream, so each finds what the other wrote, and no copy or event is needed between them; a forward run
waits for the stream at its end, as onnxruntime does by default. An onnxruntime without CUDA runs on the CPU, and what
it found is copied.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.engines.budget import rows_that_fit
from onnxplain.engines.cupy import check
from onnxplain.engines.eager import EagerEngine
from onnxplain.engines.forward import SHAPE_OF, RuntimeForward
from onnxplain.graph.runtime import onnxruntime

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array
    from onnxplain.engines.base import WalkRequest, WalkResult
    from onnxplain.engines.namespace import Namespace
    from onnxplain.passes import Canonical

_log = logging.getLogger(__name__)

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
WEIGHTS = "weights on the device"
SHARE = 3
"""The part of the free memory that one chunk's values may take; messages and columns take as much again."""


class DeviceForward(RuntimeForward):
    """onnxruntime on the stream of CuPy: inputs and outputs stay where they are, as arrays of `xp`."""

    device = "cuda"

    def __init__(self, graph: gs.Graph, stream: Any, xp: Namespace) -> None:
        import cupy

        from onnxplain.engines.cupy.arrays import held

        super().__init__(graph)
        self._cupy, self._held, self._xp = cupy, held, xp
        self._stream = stream

    def to_numpy(self, value: Any) -> Array:
        """See `Forward`."""
        return np.asarray(self._cupy.asnumpy(self._held(value)))

    def _providers(self) -> list[Any]:
        """CUDA where this onnxruntime has it: exact float32, no algorithm chosen by timing, no memory beyond need."""
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

    def _results(self, session: Any, names: list[str], feeds: Mapping[str, Array]) -> dict[str, Any]:
        """Outputs and feeds by name; what only says a shape stays on the host."""
        if CUDA not in session.get_providers():
            results = super()._results(session, names, feeds)
            return {n: v if n.startswith(SHAPE_OF) else self._copied(v) for n, v in results.items()}
        given = {name: self._copied(value) for name, value in feeds.items()}
        binding, place = session.io_binding(), self._cupy.cuda.Device().id
        for name in (each.name for each in session.get_inputs()):
            x = self._held(given[name])
            binding.bind_input(name, self.device, place, x.dtype.type, x.shape, x.data.ptr)
        for name in names:
            if name.startswith(SHAPE_OF):
                binding.bind_output(name, "cpu")
            else:
                binding.bind_output(name, self.device, place)
        session.run_with_iobinding(binding)
        outputs = dict(zip(names, binding.get_outputs(), strict=True))
        return {n: v.numpy() if n.startswith(SHAPE_OF) else self._adopted(v) for n, v in outputs.items()} | given

    def _copied(self, value: Array) -> Any:
        """An array of the host on the device, in its own dtype."""
        return self._xp.const(self._cupy.asarray(value, order="C"))

    def _adopted(self, value: Any) -> Any:
        """The memory of an OrtValue, which stays alive with it; onnxruntime hands out booleans as bytes."""
        memory = self._cupy.from_dlpack(value)
        return self._xp.const(memory.view(np.bool_) if value.data_type() == "tensor(bool)" else memory)


class DeviceEngine(EagerEngine):
    """Walks plans of one canonical graph on a GPU, in float32."""

    busy_rows = 128

    def __init__(self, canonical: Canonical, xp: Namespace) -> None:
        import cupy

        # a stream of its own: onnxruntime takes none for the default one, and computes beside it
        self._stream = cupy.cuda.Stream(non_blocking=True)
        budget = cupy.cuda.Device().mem_info[0] // SHARE
        with self._stream:
            forward, weights = DeviceForward(canonical.graph, self._stream, xp), canonical.shared.get(WEIGHTS)
            super().__init__(canonical, xp, forward, weights)
        self.rows_that_fit = rows_that_fit(canonical.graph, budget=budget)
        if weights is None:
            self._stream.synchronize()  # engines on other streams read them too
            canonical.shared.put(WEIGHTS, self.constants)

    def walk(self, request: WalkRequest) -> WalkResult:
        """See `Engine`."""
        with self._stream:
            return super().walk(request)

    def values(self, feeds: Mapping[str, Array], names: Collection[str]) -> Mapping[str, Array]:
        """See `Engine`."""
        with self._stream:
            return super().values(feeds, names)


def cupy_engine(canonical: Canonical, precision: str) -> DeviceEngine:  # noqa: ARG001
    """The engine "cupy", which has one precision. Raises UsageError where there is no CuPy or no GPU."""
    check()
    from onnxplain.engines.cupy.namespace import CupyNamespace

    return DeviceEngine(canonical, CupyNamespace())


def cudnn_engine(canonical: Canonical, precision: str) -> DeviceEngine:  # noqa: ARG001
    """The engine "cudnn": "cupy" with convolutions transposed by cuDNN. Raises UsageError where one of them is not."""
    check("cudnn")
    from onnxplain.engines.cupy.cudnn import conv_adjoint
    from onnxplain.engines.cupy.namespace import CupyNamespace

    return DeviceEngine(canonical, CupyNamespace(conv_adjoint=conv_adjoint))
