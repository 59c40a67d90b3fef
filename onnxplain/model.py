"""A loaded model: the file, its canonical graph, and how a picture becomes its input. Nothing here changes the file."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

from onnxplain.engines.cupy import EXTRAS
from onnxplain.graph.load import read
from onnxplain.inputs.shape import static
from onnxplain.passes import Canonical, expanded
from onnxplain.plan.roots import find_input, find_root

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import onnx
    import onnx_graphsurgeon as gs

    from onnxplain.inputs import Preprocess


@dataclass(eq=False)
class Model:
    """What `load` returns. `engine` and `precision` say how the walk runs; `input` names the explained input.

    source: the path or the proto that was given.
    """

    path: str | None
    sha256: str
    source: str | Path | onnx.ModelProto = field(repr=False)
    canonical: Canonical = field(repr=False)
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] | None = None
    features: tuple[str, ...] | None = None
    vocabulary: tuple[str, ...] | None = None
    engine: str = "numpy"
    precision: str = "float32"
    input: str | None = None
    _expanded: dict[Callable[[gs.Node], bool], Canonical] = field(default_factory=dict, init=False, repr=False)

    @property
    def proto(self) -> onnx.ModelProto:
        """What the source holds, read anew: the weights are in memory once, in the canonical graph."""
        return read(self.source)

    @property
    def device(self) -> str:
        """Where the walk runs: "cuda" for the engines on a GPU, else "cpu"."""
        return "cuda" if self.engine in EXTRAS else "cpu"

    @cached_property
    def root(self) -> str:
        """The value that is explained: the input itself, or the first float value behind it."""
        return find_root(self.canonical.graph, self.canonical.scores, self.input)[0]

    @cached_property
    def explained_input(self) -> gs.Variable:
        """The graph input that is explained."""
        name = find_input(self.canonical.graph, self.canonical.scores, self.input)
        return next(value for value in self.canonical.graph.inputs if value.name == name)

    @property
    def input_shape(self) -> tuple[int | str | None, ...]:
        """Shape of the explained input; names or None where it is dynamic."""
        return tuple(self.explained_input.shape or ())

    @property
    def columns(self) -> int | None:
        """How many columns a table has that is explained; None where it is no table, or dynamic."""
        shape = self.input_shape
        return static(shape[1]) if len(shape) == 2 else None

    @property
    def classes(self) -> int | None:
        """How many scores a row has; None where it is dynamic."""
        sizes = [static(size) for size in self.canonical.graph.outputs[0].shape or (None, None)][1:]
        return None if None in sizes else prod(filter(None, sizes))

    @property
    def fixed_batch(self) -> int | None:
        """The batch size that the file is fixed to; None where it is free."""
        shape = self.input_shape
        return shape[0] if len(shape) > 1 and isinstance(shape[0], int) and shape[0] > 0 else None

    def expanded(self, wanted: Callable[[gs.Node], bool]) -> Canonical:
        """The canonical graph with the wanted operators in primitive steps: a copy, if it has any; made once."""
        if wanted not in self._expanded:
            graph = expanded(self.canonical.graph, wanted)
            same = graph is self.canonical.graph
            self._expanded[wanted] = self.canonical if same else replace(self.canonical, graph=graph)
        return self._expanded[wanted]

    def __getstate__(self) -> dict[str, Any]:
        """Pickle what the model was made of; what was derived from it is derived again."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.init}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state | {"_expanded": {}})

    def label(self, index: int) -> str:
        """Name of a class, or its number where no labels are known."""
        return str(index) if self.labels is None else self.labels[index]
