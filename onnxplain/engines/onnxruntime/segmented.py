"""A walk that runs in parts, one session after another, and gives memory back between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.freed import give_back
from onnxplain.graph.runtime import open_session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx

    from onnxplain.arrays import Array


class Segmented:
    """What runs the parts of a model as a `Session` runs the model, with the same inputs and outputs."""

    def __init__(self, parts: Sequence[onnx.ModelProto], model: onnx.ModelProto, weights: Mapping[str, Array]) -> None:
        """Open a session for each part, without an arena: what it held for one part no other could use.

        weights: values of the initialisers that the model only names.
        """
        self.inputs = tuple(each.name for each in model.graph.input)
        self.outputs = tuple(each.name for each in model.graph.output)
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
