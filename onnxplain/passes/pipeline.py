"""Apply passes in order, and keep a record of what they changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.limits import check_time
from onnxplain.passes.guard import guarded
from onnxplain.passes.shapes import shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import onnx_graphsurgeon as gs


class Pipeline:
    """Applies passes to one graph.

    Shape inference is the slowest pass, and finds nothing new in a graph that has not changed. It is skipped where no
    pass has changed the graph since it last ran.

    applied: names of the passes that changed the graph, in the order in which they ran, each with the number of places
    that it changed. Shape inference is left out, because it changes no node.
    """

    def __init__(self, graph: gs.Graph) -> None:
        self.graph = graph
        self.applied: list[tuple[str, int]] = []
        self._inferred = False

    def apply(self, passes: Iterable[Callable[[gs.Graph], int]]) -> bool:
        """Apply each pass once; return whether one of them changed a node.

        Raises UnsupportedModelError, which names the pass, where one fails, BadInputError where the time is over.
        """
        before = len(self.applied)
        for each in passes:
            doing = f"applying the pass {each.__name__!r}"
            check_time(doing)
            with guarded(doing):
                self._apply(each)
        return len(self.applied) > before

    def _apply(self, each: Callable[[gs.Graph], int]) -> None:
        if each is shapes:
            self._infer()
        elif count := each(self.graph):
            self.applied.append((each.__name__, count))
            self._inferred = False

    def _infer(self) -> None:
        if not self._inferred:
            shapes(self.graph)
            self._inferred = True
