"""The canonical graph: what all passes make of a file, and what the rest of the package works with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from onnxplain.graph.pickled import graph_of
from onnxplain.graph.shared import Shared
from onnxplain.passes.export import declare_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx
    import onnx_graphsurgeon as gs


@dataclass(frozen=True)
class Canonical:
    """A graph that the rules can walk, and how it came about.

    graph: sorted, every tensor named, dtypes and shapes inferred; its only output are the scores;
    applied: pass and number of places it changed, in order;
    scores: name of the tensor that is explained; cut: the head's ops behind it, in order;
    output: name of the model's output whose scores these are; heads: models that compute it from the scores;
    fixed: inputs that became constants; inputs: names of all inputs of the model, also of those that the scores do not
    depend on; shared: what has been compiled of the graph.
    """

    graph: gs.Graph = field(repr=False)
    applied: tuple[tuple[str, int], ...]
    scores: str
    cut: tuple[str, ...]
    output: str
    heads: tuple[onnx.ModelProto, ...] = field(default=(), repr=False)
    fixed: Mapping[str, Any] = field(default_factory=dict, repr=False)
    inputs: tuple[str, ...] = ()
    shared: Shared = field(default_factory=Shared, init=False, repr=False, compare=False)

    @property
    def independent_scores(self) -> bool:
        """Whether each score has a probability of its own: the head that was cut is a sigmoid."""
        return any(op.startswith("Sigmoid ") for op in self.cut)

    @property
    def changes(self) -> dict[str, int]:
        """How many places each pass changed."""
        total: Counter[str] = Counter()
        for name, count in self.applied:
            total[name] += count
        return {name: count for name, count in total.items() if count}

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the graph as a proto: its nodes refer to one another, deeper than pickle can follow."""
        proto, weights = declare_weights(self.graph)
        return vars(self) | {"graph": (proto.SerializeToString(), weights)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        proto, weights = state["graph"]
        vars(self).update(state | {"graph": graph_of(proto, weights)})
