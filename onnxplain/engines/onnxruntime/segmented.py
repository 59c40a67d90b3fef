"""A walk that runs in parts, one session after another, and gives memory back between them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from onnxplain.freed import give_back
from onnxplain.graph.runtime import open_session
from onnxplain.graph.settings import held

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx

    from onnxplain.arrays import Array


class Segmented:
    """What runs the parts of a model as a `Session` runs the model, with the same inputs and outputs."""

    def __init__(self, parts: Sequence[onnx.ModelProto], model: onnx.ModelProto, weights: Mapping[str, Array]) -> None:
        """Open a session for each part. weights: values of the initialisers that the model only names.

        Threads that spin behind one part would slow the next one down, and what an arena holds for one part no other
        could use.
        """
        self.inputs = tuple(each.name for each in model.graph.input)
        self.outputs = tuple(each.name for each in model.graph.output)
        with replace(held(), spinning=False).hold():
            self._parts = [open_session(part, weights, part_of=model, arena=False) for part in parts]
        self.providers: tuple[str, ...] = self._parts[0].providers
        reads = [frozenset(part.inputs) for part in self._parts]
        self._later = [frozenset(self.outputs).union(*reads[i + 1 :]) for i in range(len(reads))]

    def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> list[Any]:
        """See `Session.run`."""
        values = dict(feeds)
        for part, later in zip(self._parts, self._later, strict=True):
            values |= zip(
                part.outputs, part.run(part.outputs, {name: values[name] for name in part.inputs}), strict=True
            )
            values = {name: value for name, value in values.items() if name in later}
            give_back()
        return [values[name] for name in names]
