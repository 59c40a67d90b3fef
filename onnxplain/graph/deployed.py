"""The file as it was given, run by plain onnxruntime: what is deployed, and so what explanations have to be true of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx

from onnxplain.errors import RuntimeRefusalError
from onnxplain.graph.half import widened
from onnxplain.graph.runtime import CPU, Session, check_taken, onnxruntime
from onnxplain.graph.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from onnxplain.arrays import Array
    from onnxplain.graph.load import ModelSource


class Stated(NamedTuple):
    """An input or an output as onnxruntime states it: its name, its type, such as "tensor(float)", and its shape.

    An axis of any length is a name or None in the shape, which is empty for what is no tensor.
    """

    name: str
    kind: str
    shape: tuple[int | str | None, ...]


class _Run(NamedTuple):
    """A run that was done: what was asked for, on which feeds, and what came out."""

    asked: tuple[Any, ...]
    feeds: Mapping[str, Array]
    found: dict[str, Any]


@dataclass
class Deployed:
    """A file or a proto that nobody has changed. No session or weight stays in memory, but that of `outputs`.

    fixed: values, by name, of inputs that the user has fixed. proto: reads the file's own graph. halves: the types of
    half precision that it holds. settings: how its sessions are opened; those that prove something run on the CPU.
    refused: what onnxruntime said where it does not open a file in half precision as it is: it has no kernels for
    bfloat16 on a CPU. Then the same file in float32 is run in its place, see `onnxplain.graph.half.widened`.
    """

    source: ModelSource
    fixed: Mapping[str, Any]
    proto: Callable[[], onnx.ModelProto] = field(repr=False)
    halves: tuple[str, ...] = ()
    settings: Settings = field(default_factory=Settings)
    refused: str | None = field(default=None, init=False, repr=False)
    _kept: Session | None = field(default=None, init=False, repr=False)
    _last: _Run | None = field(default=None, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def run(
        self, feeds: Mapping[str, Array], names: Sequence[str] | None = None, *, optimised: bool = True
    ) -> dict[str, Any]:
        """Return outputs by name: arrays or, of a ZipMap, a list of one map for each row.

        feeds: arrays by name of input, which are cast to the types that the file states. An input that neither `feeds`
        nor `fixed` has is one that the scores do not depend on, and gets zeros.
        names: of the values to return, inner ones too; without them, all outputs of the file.
        optimised: whether onnxruntime rewrites the graph before it runs, as it does by default.
        Raises RuntimeRefusalError where onnxruntime does not open the file or does not run it on these feeds.

        The last run is remembered, so that explainers of one model that are asked of the same rows run the file once.
        """
        asked = (None if names is None else tuple(names), optimised)
        with self._lock:
            if self._last is None or self._last.asked != asked or not _equal(self._last.feeds, feeds):
                found = self._run(feeds, names, optimised=optimised)
                self._last = _Run(asked, {name: np.array(value) for name, value in feeds.items()}, found)
            return self._last.found

    def outputs(self, feeds: Mapping[str, Array]) -> dict[str, Any]:
        """Return all outputs by name, as `run` does, by a session that stays open for the calls to come."""
        return self._run_by(self._open(), feeds, None)

    def stated(self) -> tuple[tuple[Stated, ...], tuple[Stated, ...]]:
        """Return the inputs and the outputs of the file, by the session of `outputs`."""
        raw = self._open().raw
        inputs, outputs = (
            tuple(Stated(each.name, each.type, tuple(each.shape or ())) for each in several)
            for several in (raw.get_inputs(), raw.get_outputs())
        )
        return inputs, outputs

    def _open(self) -> Session:
        with self._lock:
            if self._kept is None:
                self._kept = self._opened(None, optimised=True, providers=self.settings.providers)
            return self._kept

    def _run(self, feeds: Mapping[str, Array], names: Sequence[str] | None, *, optimised: bool) -> dict[str, Any]:
        found = self._run_by(self._opened(names, optimised=optimised), feeds, names)
        # what onnxruntime gives is a view of its session's memory, all of which would stay as long as the view
        return {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in found.items()}

    def _run_by(self, session: Session, feeds: Mapping[str, Array], names: Sequence[str] | None) -> dict[str, Any]:
        given = {**feeds, **self.fixed}
        rows = next((len(each) for each in feeds.values() if np.ndim(each)), 1)
        inputs = {each.name: _array(each, given.get(each.name), rows) for each in session.raw.get_inputs()}
        wanted = session.outputs if names is None else names
        return dict(zip(wanted, session.run(wanted, inputs), strict=True))

    def _opened(
        self, names: Sequence[str] | None, *, optimised: bool, providers: Sequence[Any] | None = None
    ) -> Session:
        """Open the file, with the values `names` as outputs; in float32 where it is in half precision, and refused."""
        if self.refused is None:
            try:
                return self._session(self.source, names, optimised=optimised, providers=providers)
            except RuntimeRefusalError as problem:
                if problem.opened or not self.halves:
                    raise
                self.refused = str(problem)
        return self._session(widened(self.proto()), names, optimised=optimised, providers=providers)

    def _session(
        self,
        source: ModelSource,
        names: Sequence[str] | None,
        *,
        optimised: bool,
        providers: Sequence[Any] | None,
    ) -> Session:
        levels = onnxruntime().GraphOptimizationLevel
        level = levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
        with self.settings.hold():
            session = Session(_readable(source), providers or [CPU], graph_optimization_level=level)
            if providers:
                check_taken(session)
        if names is not None and not set(names) <= set(session.outputs):
            model = _with_outputs(source if isinstance(source, onnx.ModelProto) else self.proto(), names)
            with self.settings.hold():
                session = Session(_readable(model), [CPU], graph_optimization_level=level)
        return session


def _equal(a: Mapping[str, Array], b: Mapping[str, Array]) -> bool:
    """Return whether two feeds have the same inputs with the same elements."""
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def _readable(source: ModelSource) -> str | bytes:
    """Return a model as onnxruntime reads it: the path of its file, or its bytes."""
    if isinstance(source, bytes):
        return source
    if not isinstance(source, onnx.ModelProto):
        if not Path(source).is_file():
            raise RuntimeRefusalError(f"{str(source)!r} is no longer there", opened=False)
        return str(source)
    try:
        return bytes(source.SerializeToString())
    except ValueError as problem:  # what protobuf raises for more than 2 GiB
        raise RuntimeRefusalError(f"the model cannot be serialised ({problem})", opened=False) from problem


def _with_outputs(proto: onnx.ModelProto, names: Collection[str]) -> onnx.ModelProto:
    """Return a copy of a model with the values `names` as outputs besides its own."""
    model = onnx.ModelProto()
    model.CopyFrom(proto)
    there = {each.name for each in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in there)
    return model


def _array(stated: Any, value: Any, rows: int) -> Array:
    """Return the array for an input in the type that onnxruntime states for it, zeros where there is no value."""
    kind = stated.type.removeprefix("tensor(").removesuffix(")")
    dtype = {"float": "float32", "double": "float64", "string": "object"}.get(kind, kind)
    if value is None:
        sizes = [n if isinstance(n, int) else 1 for n in stated.shape]
        sizes[:1] = [n if isinstance(n, int) else rows for n in stated.shape[:1]]
        return np.zeros(sizes, dtype)
    return np.ascontiguousarray(np.asarray(value).astype(dtype))
