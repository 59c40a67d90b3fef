"""The forward run of the eager engine: by onnxruntime in float32, by onnx's reference evaluator in float64."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.needed import keep_needed
from onnxplain.graph.runtime import open_session
from onnxplain.graph.settings import held
from onnxplain.passes import detach_weights, double, expanded
from onnxplain.passes.scans import prune
from onnxplain.stopping import check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from onnxplain.arrays import AnyArray, Array
    from onnxplain.graph.runtime import Session

SHAPE_OF = "onnxplain.shape_of."
"""Prefix of a value's name: the output that holds the shape of that value."""


class Forward(Protocol):
    """What runs a canonical graph and returns values from within it."""

    providers: tuple[str, ...]

    def run(
        self, feeds: Mapping[str, Array], values: Sequence[str], shapes: Sequence[str] = ()
    ) -> tuple[dict[str, Array], dict[str, tuple[int, ...]]]:
        """Run on `feeds`; return the `values` by name, and by name the shapes of values whose elements nobody reads."""

    def to_numpy(self, value: AnyArray) -> Array:
        """Return a value as a NumPy array."""


class RuntimeForward:
    """The forward run by onnxruntime on the CPU.

    Each set of values that is asked for has a session of its own, whose only outputs they are. For onnxruntime fuses
    nodes to run faster, but never across a value that is an output.
    """

    def __init__(self, graph: gs.Graph) -> None:
        self._graph, self._settings = graph, held()
        self._sessions: dict[tuple[frozenset[str], frozenset[str]], Session] = {}
        self.providers: tuple[str, ...] = ()

    def run(
        self, feeds: Mapping[str, Array], values: Sequence[str], shapes: Sequence[str] = ()
    ) -> tuple[dict[str, Array], dict[str, tuple[int, ...]]]:
        """See `Forward`."""
        asked = frozenset(set(values) - feeds.keys())
        sized = frozenset(set(shapes) - asked - feeds.keys())
        session = self._sessions.get((asked, sized)) or self._open(asked, sized)
        self._sessions[asked, sized] = session
        results = self._results(session, [*asked, *(SHAPE_OF + name for name in sized)], feeds)
        sizes = {name: tuple(results.pop(SHAPE_OF + name).tolist()) for name in sized}
        return results, sizes

    def _results(self, session: Session, names: list[str], feeds: Mapping[str, Array]) -> dict[str, Any]:
        """Return the outputs `names` of a session and the feeds, all by name."""
        return dict(zip(names, session.run(names, feeds), strict=True)) | dict(feeds)

    def to_numpy(self, value: AnyArray) -> Array:
        """See `Forward`."""
        return np.asarray(value)

    @cached_property
    def _parts(self) -> tuple[onnx.ModelProto, dict[str, Array]]:
        """The graph as a proto, and the weights that it only names."""
        return detach_weights(self._graph)

    def _providers(self) -> list[Any] | None:
        """Return the execution providers to open sessions with, as onnxruntime takes them; None for the settings'."""
        return None

    def _open(self, asked: frozenset[str], sized: frozenset[str]) -> Session:
        """Open a session whose outputs are the values `asked` and the shapes of the values `sized`."""
        model, weights = self._parts
        tapped = onnx.ModelProto()
        tapped.CopyFrom(model)
        del tapped.graph.output[:]
        tapped.graph.output.extend(onnx.ValueInfoProto(name=name) for name in asked)
        for name in sized:
            tapped.graph.node.append(onnx.helper.make_node("Shape", [name], [SHAPE_OF + name]))
            tapped.graph.output.append(onnx.ValueInfoProto(name=SHAPE_OF + name))
        keep_needed(tapped)
        prune(tapped.graph)
        with self._settings.hold():
            session = open_session(tapped, weights, self._providers())
        self.providers = session.providers
        return session


class _Checked(list[Any]):
    """The nodes that the reference evaluator goes through, with a check before each whether it was stopped."""

    def __iter__(self) -> Iterator[Any]:
        for node in super().__iter__():
            check()
            yield node


class ReferenceForward:
    """The forward run by onnx's reference evaluator, on a copy of the graph in float64: slow, but precise."""

    providers: tuple[str, ...] = ("onnx.reference float64",)

    def __init__(self, graph: gs.Graph) -> None:
        from onnx.reference import ReferenceEvaluator

        from onnxplain.engines.reference import CORRECTED

        # the evaluator runs the function body of a GroupNormalization, which casts to float32: expand it in float64
        self._lock = Lock()
        graph = expanded(double(graph), lambda node: node.op == "GroupNormalization")
        try:
            self._evaluator = ReferenceEvaluator(gs.export_onnx(graph), new_ops=CORRECTED)
            self._evaluator.rt_nodes_ = _Checked(self._evaluator.rt_nodes_)
        except NotImplementedError as problem:
            raise UnsupportedModelError(
                f'precision="float64": the reference evaluator does not know every operator ({problem}); use "float32"'
            ) from problem

    def run(
        self, feeds: Mapping[str, Array], values: Sequence[str], shapes: Sequence[str] = ()
    ) -> tuple[dict[str, Array], dict[str, tuple[int, ...]]]:
        """See `Forward`."""
        precise = {n: v.astype(np.float64) if v.dtype.kind == "f" else v for n, v in feeds.items()}
        try:
            with self._lock:  # whether its operators keep nothing while they run is not said
                results = self._evaluator.run(None, precise, intermediate=True) | precise
        except MemoryError:
            raise
        except Exception as problem:  # of any kind, at a node that is not as ONNX defines it
            raise UnsupportedModelError(
                f'precision="float64": the reference evaluator fails: {type(problem).__name__}: {problem}; '
                'use "float32"'
            ) from problem
        return {name: results[name] for name in values}, {name: results[name].shape for name in shapes}

    def to_numpy(self, value: AnyArray) -> Array:
        """See `Forward`."""
        return np.asarray(value)
