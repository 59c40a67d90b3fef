"""The one place that imports onnxruntime, so that the messages for a missing and an old one are written once."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError, MissingExtraError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    import onnx

    from onnxplain.arrays import Array

_WEIGHTS = "weights"

BOUND = 2**28
"""Bytes that the values of a bounded session may take together."""

LOWEST = "1.24"
"""The oldest onnxruntime that runs the graphs made here: the first that knows opset 24 of ONNX."""


def onnxruntime() -> ModuleType:
    """Import onnxruntime.

    Raises `MissingExtraError` with the command to run where it is not installed, or is older than `LOWEST`.
    """
    try:
        module = import_module("onnxruntime")
    except ImportError as error:
        raise MissingExtraError(
            "onnxruntime is not installed, and every model runs on it: "
            "install `onnxplain[cpu]` or, for an NVIDIA GPU, `onnxplain[gpu]`"
        ) from error
    if _release(module.__version__) < _release(LOWEST):
        extra = "gpu" if "CUDAExecutionProvider" in module.get_available_providers() else "cpu"
        raise MissingExtraError(
            f"onnxruntime {module.__version__} is installed, and onnxplain needs {LOWEST} or newer: "
            f"run `pip install --upgrade 'onnxplain[{extra}]'`"
        )
    return module


def _release(version: str) -> tuple[int, ...]:
    """Major and minor number of a version, which compare as numbers: (1, 9) is below (1, 24)."""
    return tuple(map(int, re.findall(r"\d+", version)[:2]))


def open_session(
    model: onnx.ModelProto,
    weights: Mapping[str, Array] | None = None,
    providers: Sequence[Any] = ("CPUExecutionProvider",),
) -> Any:
    """A session, on the CPU by default.

    Raises BadInputError where onnxruntime does not take the model, UsageError where the disk does not take its weights.

    weights: values of the initialisers that `model` only names. onnxruntime reads them from a file: within a proto
    they would be in memory three times, in the proto, in its bytes and in what onnxruntime makes of these.
    """
    ort = onnxruntime()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # a block for all values of a run, beside the blocks of the first run
    # on CUDA sums over leading axes are added by atomics otherwise, and differ from run to run
    options.use_deterministic_compute = list(providers) != ["CPUExecutionProvider"]
    try:
        with TemporaryDirectory(prefix="onnxplain-", ignore_cleanup_errors=True) as folder:
            path = _write(model, weights or {}, Path(folder))
            try:
                return ort.InferenceSession(path, options, providers=list(providers))
            except Exception as problem:  # the errors of onnxruntime share no base of their own
                raise BadInputError(f"onnxruntime cannot run this model: {problem}") from problem
    except OSError as problem:
        raise UsageError(
            f"onnxruntime reads the weights from a temporary file, and it cannot be written ({problem}): "
            "make room there, or set TMPDIR to a folder with more"
        ) from problem


def bounded_session(model: onnx.ModelProto, *, bounded: bool) -> tuple[Any, Any]:
    """Return a session on the CPU, and options for its run that can stop it. Raises the errors of onnxruntime.

    bounded: whether the values of a run may take `BOUND` bytes at most; a run that needs more fails.
    """
    ort = onnxruntime()
    options, run = ort.SessionOptions(), ort.RunOptions()
    options.log_severity_level = run.log_severity_level = 4
    if bounded:
        _bound_memory()
        options.add_session_config_entry("session.use_env_allocators", "1")
        run.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]), run


@cache
def _bound_memory() -> None:
    """Register the allocator of bounded sessions. A process has only one: where there is one already, they share it."""
    ort = onnxruntime()
    sizes = {"max_mem": BOUND, "arena_extend_strategy": 1, "initial_chunk_size_bytes": -1}
    where = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    with suppress(Exception):  # the errors of onnxruntime share no base of their own
        ort.create_and_register_allocator(where, ort.OrtArenaCfg(sizes | {"max_dead_bytes_per_chunk": -1}))


def _write(model: onnx.ModelProto, weights: Mapping[str, Array], folder: Path) -> Path:
    """Write a model, and beside it the weights that it only names."""
    with (folder / _WEIGHTS).open("wb") as file:
        for each in model.graph.initializer:
            if each.name in weights:
                values = weights[each.name]
                where = {"location": _WEIGHTS, "offset": file.tell(), "length": values.nbytes}
                del each.external_data[:]
                for key, value in where.items():
                    each.external_data.add(key=key, value=str(value))
                file.write(np.ascontiguousarray(values).data)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path
