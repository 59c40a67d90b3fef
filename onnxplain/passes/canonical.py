"""The canonical graph: the result of all passes, and the form of a model with which the rest of the package works."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from onnxplain.graph.notes import counted
from onnxplain.graph.pickled import graph_of
from onnxplain.graph.shared import Shared
from onnxplain.passes.export import declare_weights
from onnxplain.rows.found import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import onnx
    import onnx_graphsurgeon as gs

    from onnxplain.graph.notes import Note


@dataclass(frozen=True)
class Canonical:
    """A graph that the rules can walk, and a record of how the passes made it.

    The head of a classifier is its last activation, such as Softmax, with all that follows it. The head is cut off, so
    that the scores before it are explained.

    graph: its nodes are sorted, every node and tensor has a name, and dtypes and shapes are inferred. Its only output
        is the tensor of scores.
    applied: names of the passes in the order in which they ran, each with the number of places that it changed.
    scores: name of the tensor of scores.
    cut: operator and name of each node of the head, in order.
    output: name of the model's output that the head computes from the scores.
    heads: the head as models, to be run one after another; the last one computes `output`.
    fixed: values of the inputs that became constants, by name.
    inputs: names of all inputs of the model, including those that the scores do not depend on.
    others: names of the outputs of the model that are not explained.
    rows: which axes hold the rows of a batch, and which did in the file.
    halves: names of the types of half precision that the file holds, all of which are float32 here.
    half_inputs: the types of the inputs that the file takes in half precision, by name.
    walked: how nodes of the file are walked that are not walked by the facts of their own operator.
    shared: what has been compiled of the graph; all its explainers use it.
    """

    graph: gs.Graph = field(repr=False)
    applied: tuple[tuple[str, int], ...]
    scores: str
    cut: tuple[str, ...]
    output: str
    heads: tuple[onnx.ModelProto, ...] = field(default=(), repr=False)
    fixed: Mapping[str, Any] = field(default_factory=dict, repr=False)
    inputs: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    rows: Rows = field(default_factory=Rows, repr=False)
    walked: tuple[Note, ...] = field(default=(), repr=False)
    halves: tuple[str, ...] = ()
    half_inputs: Mapping[str, np.dtype[Any]] = field(default_factory=dict, repr=False)
    shared: Shared = field(default_factory=Shared, init=False, repr=False, compare=False)

    @property
    def independent_scores(self) -> bool:
        """Whether the head is a sigmoid, or Platt's scaling, so that each score has a probability of its own."""
        return any(op.startswith(("Sigmoid ", "QLinearSigmoid ", "SVMClassifier ")) for op in self.cut)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the ends of the graph: other outputs, and rows that the file has elsewhere."""
        others = ", ".join(map(repr, self.others))
        choice = f"the output {self.output!r} is explained, and not {others}: output= names another one"
        return (*((choice,) if self.others else ()), *self.rows.notes)

    @property
    def changes(self) -> dict[str, int]:
        """The number of places that each pass changed, by its name; passes that changed none are left out."""
        total: Counter[str] = Counter()
        for name, count in self.applied:
            total[name] += count
        return {name: count for name, count in total.items() if count}

    @property
    def ways(self) -> dict[str, int]:
        """How many nodes of each operator are walked in each way that `walked` states, by both in words."""
        return counted(self.walked)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the graph as a proto, because its nodes refer to one another more deeply than pickle can recurse."""
        proto, weights = declare_weights(self.graph)
        return vars(self) | {"graph": (proto.SerializeToString(), weights)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        proto, weights = state["graph"]
        vars(self).update(state | {"graph": graph_of(proto, weights)})
