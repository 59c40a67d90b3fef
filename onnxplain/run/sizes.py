"""Shapes of all values of a graph, exactly, with the batch as a symbol: learnt by running it with 2 and with 3 rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.engines.onnxruntime.shapes import BatchSizeNeededError, Rows, Shape, Size
from onnxplain.errors import OnnxplainError
from onnxplain.run.forward import RuntimeForward

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import onnx_graphsurgeon as gs

    from onnxplain.method.plan import Plan

Array = np.ndarray[Any, Any]


def learn(graph: gs.Graph, feeds: Mapping[str, Array], names: Iterable[str], *, symbolic: bool) -> dict[str, Shape]:
    """Shapes of `names` and of the inputs for feeds of this size.

    symbolic: lengths that grow with the rows become `Rows`; raises BatchSizeNeededError where they do not grow so.
    """
    forward, wanted = RuntimeForward(graph), sorted(set(names))
    if not symbolic:
        return dict(_shapes(forward, feeds, wanted))
    try:
        two, three = (_shapes(forward, _rows(feeds, count), wanted) for count in (2, 3))
    except OnnxplainError:
        raise
    except Exception as problem:  # onnxruntime's errors share no base; a file may say any number of rows and take one
        raise BatchSizeNeededError from problem
    return {name: tuple(map(_size, two[name], three[name])) for name in two}


def values_of(plan: Plan, graph: gs.Graph) -> set[str]:
    """Names of the values, constants left out, that a walk of the plan may ask for."""
    names = {name for node, _ in plan.steps for name in (*node.inputs, *node.arrays.values(), node.output)}
    constants = {name for name, value in graph.tensors().items() if hasattr(value, "values")}
    return (names | {plan.root, plan.target}) - constants - {""}


def _shapes(forward: RuntimeForward, feeds: Mapping[str, Array], names: list[str]) -> dict[str, tuple[int, ...]]:
    given = {name: value.shape for name, value in feeds.items()}
    return (forward.run(feeds, (), names)[1] if set(names) - given.keys() else {}) | given


def _rows(feeds: Mapping[str, Array], count: int) -> dict[str, Array]:
    """The first row of each input, `count` times."""
    rows = max((len(value) for value in feeds.values() if value.ndim), default=1)
    grows = {name for name, value in feeds.items() if value.ndim and len(value) == rows}
    return {name: np.repeat(v[:1], count, 0) if name in grows else v for name, v in feeds.items()}


def _size(two: int, three: int) -> Size:
    if two == three:
        return two
    if two * 3 != three * 2:
        raise BatchSizeNeededError
    return Rows(two // 2)
