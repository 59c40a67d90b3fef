"""The file as it was given, run by plain onnxruntime: what is deployed, and so what explanations have to be true of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from onnxplain.errors import RuntimeRefusalError
from onnxplain.graph.runtime import CPU, Session, onnxruntime

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onnxplain.arrays import Array


@dataclass(frozen=True)
class Deployed:
    """A file or a proto that nobody has changed. No session stays open, and no weight stays in memory.

    fixed: values, by name, of inputs that the user has fixed.
    """

    source: str | Path | onnx.ModelProto
    fixed: Mapping[str, Any]

    def run(self, feeds: Mapping[str, Array], *, optimised: bool = True) -> dict[str, Any]:
        """Return all outputs by name: arrays or, of a ZipMap, a list of one map for each row.

        feeds: arrays by name of input, which are cast to the types that the file states. An input that neither `feeds`
        nor `fixed` has is one that the scores do not depend on, and gets zeros.
        optimised: whether onnxruntime rewrites the graph before it runs, as it does by default.
        Raises RuntimeRefusalError where onnxruntime does not open the file or does not run it on these feeds.
        """
        session = self._open(optimised=optimised)
        given = {**feeds, **self.fixed}
        rows = len(next(iter(feeds.values())))
        inputs = {each.name: _array(each, given.get(each.name), rows) for each in session.raw.get_inputs()}
        return dict(zip(session.outputs, session.run(None, inputs), strict=True))

    def _open(self, *, optimised: bool) -> Session:
        levels = onnxruntime().GraphOptimizationLevel
        level = levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
        return Session(_readable(self.source), [CPU], graph_optimization_level=level)


def _readable(source: str | Path | onnx.ModelProto) -> str | bytes:
    """Return a model as onnxruntime reads it: the path of its file, or its bytes."""
    if not isinstance(source, onnx.ModelProto):
        return str(source)
    try:
        return bytes(source.SerializeToString())
    except ValueError as problem:  # what protobuf raises for more than 2 GiB
        raise RuntimeRefusalError(f"the proto cannot be serialised ({problem})", opened=False) from problem


def _array(stated: Any, value: Any, rows: int) -> Array:
    """Return the array for an input in the type that onnxruntime states for it, zeros where there is no value."""
    kind = stated.type.removeprefix("tensor(").removesuffix(")")
    dtype = {"float": "float32", "double": "float64", "string": "object"}.get(kind, kind)
    if value is None:
        sizes = [n if isinstance(n, int) else 1 for n in stated.shape]
        sizes[:1] = [n if isinstance(n, int) else rows for n in stated.shape[:1]]
        return np.zeros(sizes, dtype)
    return np.ascontiguousarray(np.asarray(value).astype(dtype))
