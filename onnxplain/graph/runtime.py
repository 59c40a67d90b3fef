"""The one place that imports onnxruntime and runs its sessions, so that its errors become ours in one place."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError, MissingExtraError, RuntimeRefusalError, UsageError
from onnxplain.freed import give_back
from onnxplain.graph.dense import read_in_place
from onnxplain.graph.settings import held
from onnxplain.stopping import StoppedError
from onnxplain.stopping import held as stop_held

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import ModuleType

    import onnx

    from onnxplain.arrays import Array

CPU = "CPUExecutionProvider"
"""onnxruntime's name of its provider for CPUs."""

_WEIGHTS = "weights"
_SPINNING = "session.intra_op.allow_spinning"
_STOPS_SPINNING = "session.force_spinning_stop"
_FATAL = 4  # onnxruntime's level of log messages above errors, which are raised
_LONGEST = 500  # letters of what onnxruntime says that a message repeats

BOUND = 2**28
"""Bytes that the values of a bounded session may take together."""

THREADS = 0
"""Threads that an operator takes where a model was loaded without `threads=`; 0 for as many as there are cores."""

HEAVY = 2**22
"""Bytes of weights from which on it is worth the time to give back what opening their session has freed."""

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


def available_providers() -> list[str]:
    """Return the names of the execution providers that the installed onnxruntime has."""
    return list(onnxruntime().get_available_providers())


def keep_silent() -> None:
    """Keep onnxruntime from writing to stderr, for the whole process.

    The sessions that are opened here write nothing anyway, but for what some operators warn of while they are made.
    """
    onnxruntime().set_default_logger_severity(_FATAL)


def _release(version: str) -> tuple[int, ...]:
    """Major and minor number of a version, which compare as numbers: (1, 9) is below (1, 24)."""
    return tuple(map(int, re.findall(r"\d+", version)[:2]))


class Session:
    """An open session of onnxruntime, `raw`. What it raises is a RuntimeRefusalError, and it writes no log."""

    def __init__(
        self, source: str | bytes, providers: Sequence[Any], shared: Mapping[str, Array] | None = None, **options: Any
    ) -> None:
        """Open a session. shared: weights by name that it reads where they are, instead of a copy."""
        ort = onnxruntime()
        settings = ort.SessionOptions()
        settings.log_severity_level = _FATAL
        settings.intra_op_num_threads = held().threads or THREADS
        # behind a run, threads that wait in a loop would take the cores from Python and from the next session
        name, value = (_STOPS_SPINNING, "1") if held().spinning else (_SPINNING, "0")
        options = {name: value, **options}
        for name, value in options.items():
            if "." in name:
                settings.add_session_config_entry(name, value)
            else:
                setattr(settings, name, value)
        # onnxruntime keeps neither these arrays alive nor its own values over them
        self._shared = {name: (ort.OrtValue.ortvalue_from_numpy(each), each) for name, each in (shared or {}).items()}
        for name, (value, _) in self._shared.items():
            settings.add_initializer(name, value)
        try:
            self.raw = ort.InferenceSession(source, settings, providers=list(providers))
        except Exception as problem:  # the errors of onnxruntime share no base of their own
            raise RuntimeRefusalError(said(problem), opened=False) from problem

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of its inputs."""
        return tuple(each.name for each in self.raw.get_inputs())

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of its outputs."""
        return tuple(each.name for each in self.raw.get_outputs())

    @cached_property
    def providers(self) -> tuple[str, ...]:
        """Names of the execution providers that run it."""
        return tuple(self.raw.get_providers())

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, Array]) -> list[Any]:
        """Return the outputs of these names, in their order; of all of them where `names` is None.

        Raises StoppedError where the stop that the thread holds is set, before the run or while it goes on.
        """
        with _stoppable() as options:
            return list(self.raw.run(names, dict(feeds), options))

    def run_bound(self, binding: Any) -> list[Any]:
        """Run on the memory that a binding of `raw` names; return the outputs as onnxruntime's own values.

        Raises StoppedError as `run` does.
        """
        with _stoppable() as options:
            self.raw.run_with_iobinding(binding, options)
            return list(binding.get_outputs())


@contextmanager
def _stoppable() -> Iterator[Any]:
    """Give the options for a run, by which the stop that the thread holds ends it; None where the thread holds none.

    What onnxruntime raises meanwhile becomes a RuntimeRefusalError or, once the stop is set, a StoppedError.
    """
    stop = stop_held()
    try:
        if stop is None:
            yield None
        else:
            options = onnxruntime().RunOptions()
            with stop.ending(options):
                yield options
    except Exception as problem:  # the errors of onnxruntime share no base of their own
        if stop is not None and stop.is_set():
            raise StoppedError from problem
        raise RuntimeRefusalError(said(problem)) from problem


def said(problem: Exception) -> str:
    """Return what onnxruntime said in one line, with the operator and the name of the node before it, where it says so.

    Its own message begins with a code, and names files of its sources and the model's temporary file.
    """
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", " ".join(str(problem).split()))
    text = re.sub(r"^Load model from \S+ failed: ?", "", text)
    text = re.sub(r"\S*/onnxruntime\S*:\d+ (.* )?onnxruntime::\S.*?\) ", "", text)
    text = re.sub(r"^Non-zero status code .*?running (\w+) node\. Name:('.*?') Status Message: ", r"\1 \2: ", text)
    text = text.replace(" '': ", ": ", 1)  # a node without a name
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def open_session(
    model: onnx.ModelProto,
    weights: Mapping[str, Array] | None = None,
    providers: Sequence[Any] | None = None,
    part_of: onnx.ModelProto | None = None,
    *,
    arena: bool = True,
) -> Session:
    """A session, on the providers of the settings that hold, or else on the CPU.

    Raises UsageError where onnxruntime does not take a provider that was asked for, RuntimeRefusalError where it does
    not take the model, BadInputError where the disk does not take its weights.
    weights: values of the initialisers that `model` only names. onnxruntime reads them from a file: within a proto
    they would be in memory three times, in the proto, in its bytes and in what onnxruntime makes of these.
    part_of: the model of which this is a part, which decides what is read in place.
    arena: whether the session keeps the memory of its values for its next run.
    """
    asked = held()
    providers = providers or asked.providers or (CPU,)
    in_place = read_in_place(part_of or model, weights or {}) if list(providers) == [CPU] else {}
    shared = {each.name: in_place[each.name] for each in model.graph.initializer if each.name in in_place}
    options = {
        "enable_cpu_mem_arena": arena,
        "enable_mem_pattern": False,  # a block for all values of a run, beside the blocks of the first run
        "session.disable_prepacking": "1" if shared else "0",
        # on CUDA sums over leading axes are added by atomics otherwise, and differ from run to run
        "use_deterministic_compute": list(providers) != [CPU],
    }
    try:
        with TemporaryDirectory(prefix="onnxplain-", ignore_cleanup_errors=True) as folder:
            session = _optimised(_write(model, weights or {}, Path(folder)), providers, shared, options)
    except OSError as problem:
        raise BadInputError(
            f"onnxruntime reads the weights from a temporary file, and it cannot be written ({problem}): "
            "make room there, or set TMPDIR to a folder with more"
        ) from problem
    check_taken(session)
    if sum(each.nbytes for each in (weights or {}).values()) >= HEAVY:
        give_back()  # what was needed to open it, such as weights in the layout of the file
    return session


def check_taken(session: Session) -> None:
    """Raise UsageError where a session does not have the providers that were asked for: it fell back in silence."""
    missing = [name for name in held().names if name not in session.providers]
    if missing:
        raise UsageError(
            f"onnxruntime did not take {', '.join(map(repr, missing))}, and would run on "
            f"{', '.join(map(repr, session.providers))}: are the libraries that it needs installed?"
        )


def _optimised(path: str, providers: Sequence[Any], shared: Mapping[str, Array], options: Mapping[str, Any]) -> Session:
    """Return a session with the most optimisations with which onnxruntime opens the model.

    Its fusions are not always right: 1.24 makes a Slice of the Gather of a Range, and drops the Range even where that
    is an output of the model. Raises the first RuntimeRefusalError where it opens the model in no way.
    """
    try:
        return Session(path, providers, shared, **options)
    except RuntimeRefusalError:
        levels = onnxruntime().GraphOptimizationLevel
        for level in (levels.ORT_ENABLE_BASIC, levels.ORT_DISABLE_ALL):
            with suppress(RuntimeRefusalError):
                return Session(path, providers, shared, graph_optimization_level=level, **options)
        raise


def bounded_session(model: onnx.ModelProto, *, bounded: bool) -> tuple[Any, Any]:
    """Return a session on the CPU, and options for its run that can stop it. Raises the errors of onnxruntime.

    bounded: whether the values of a run may take `BOUND` bytes at most; a run that needs more fails.
    """
    ort = onnxruntime()
    options, run = ort.SessionOptions(), ort.RunOptions()
    options.log_severity_level = run.log_severity_level = 4
    options.intra_op_num_threads = held().threads or THREADS
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


def _write(model: onnx.ModelProto, weights: Mapping[str, Array], folder: Path) -> str:
    """Write a model, and beside it the weights that it only names; return the path of the model."""
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
    return str(path)
