"""The engine of a model, guarded: where it fails, the untouched file is run to find out what is at fault."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from onnxplain.engines.choice import engine_for
from onnxplain.errors import BadInputError, OnnxplainError, RuntimeRefusalError, UnsupportedModelError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import onnx

    from onnxplain.arrays import Array
    from onnxplain.engines.base import WalkRequest, WalkResult
    from onnxplain.model import Model
    from onnxplain.passes import Canonical


class GuardedEngine:
    """The engine that a model was loaded for, on its canonical graph or on another form of it.

    What onnxruntime refuses becomes an error that says whether the input, the file or the graph is at fault.
    """

    def __init__(self, model: Model, canonical: Canonical | None = None) -> None:
        self._model = model
        self.inner = engine_for(model.engine, canonical or model.canonical, model.precision)
        self.rows_that_fit, self.busy_rows = self.inner.rows_that_fit, self.inner.busy_rows

    @property
    def providers(self) -> tuple[str, ...]:
        """See `Engine`."""
        return self.inner.providers

    @property
    def fallback(self) -> str | None:
        """See `Engine`."""
        return self.inner.fallback

    def walk(self, request: WalkRequest) -> WalkResult:
        """See `Engine`."""
        try:
            return self.inner.walk(request)
        except RuntimeRefusalError as problem:
            feeds = [request.feeds] if request.baseline is None else [request.feeds, request.baseline]
            raise cause(self._model, problem, *feeds) from problem

    def values(self, feeds: Mapping[str, Array], names: Collection[str]) -> Mapping[str, Array]:
        """See `Engine`."""
        try:
            return self.inner.values(feeds, names)
        except RuntimeRefusalError as problem:
            raise cause(self._model, problem, feeds) from problem


def cause(model: Model, problem: RuntimeRefusalError, *feeds: Mapping[str, Array]) -> OnnxplainError:
    """Return the error to raise where a graph made of the file did not run on one of `feeds`.

    It is a BadInputError where the untouched file does not run on them either, and names the inputs that lead to the
    node that fails. Else the graph is at fault, which is an UnsupportedModelError.
    """
    for each in feeds:
        try:
            model.file.run(each)
        except RuntimeRefusalError as plain:
            if plain.opened:
                return BadInputError(_refused(model, each, plain))
            return BadInputError(f"onnxruntime cannot run this model: {plain}")
    return UnsupportedModelError(
        f"onnxruntime runs the file on this input, but not the graph that explanations are made with: {problem}; "
        "please report it, with the file; another engine= may run it"
    )


def _refused(model: Model, feeds: Mapping[str, Array], plain: RuntimeRefusalError) -> str:
    """Return the message for feeds that the file does not run on.

    Without its optimisations onnxruntime names the node as the file does.
    """
    try:
        model.file.run(feeds, optimised=False)
    except RuntimeRefusalError as exact:
        plain = exact
    names = _upstream(model.proto, str(plain)) & feeds.keys() or feeds.keys()
    given = ", ".join(f"{name!r} ({_about(value)})" for name, value in feeds.items() if name in names)
    return f"the model does not run on its input {given}: onnxruntime says: {plain}"


def _about(value: Array) -> str:
    """Return type, shape and range of an array."""
    whole = value.dtype.kind in "iu" and value.size
    span = f", {value.min()} to {value.max()}" if whole else ""
    return f"{value.dtype} {list(value.shape)}{span}"


def _upstream(proto: onnx.ModelProto, said: str) -> set[str]:
    """Return the values that lead to the node which a message begins with, or to all nodes of its operator."""
    found = re.match(r"(\w+)(?: '(.*?)')?: ", said)
    if found is None:
        return set()
    op, name = found.groups()
    alike = [node for node in proto.graph.node if node.op_type == op]
    wanted = {each for node in alike if node.name == name or not name for each in node.input}
    for node in reversed(proto.graph.node):
        if wanted & set(node.output):
            wanted.update(node.input)
    return wanted
