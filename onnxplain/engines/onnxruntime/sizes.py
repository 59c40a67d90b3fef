"""The exact shapes of the values of a graph, with the number of rows as a symbol.

Which lengths grow with the rows is found by comparing the shapes for 2 rows with those for 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.engines.forward import RuntimeForward
from onnxplain.engines.inferred import shapes_at
from onnxplain.engines.onnxruntime.shapes import BatchSizeNeededError, Rows, Shape, Size
from onnxplain.errors import RuntimeRefusalError
from onnxplain.inputs.batch import by_row
from onnxplain.passes.export import constants_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array
    from onnxplain.passes import Canonical
    from onnxplain.plan.plan import Plan


def learn(
    canonical: Canonical, feeds: Mapping[str, Array], names: Iterable[str], *, symbolic: bool
) -> dict[str, Shape]:
    """Return the shapes of the inputs and of the values `names`, constants left out, for feeds of these shapes.

    symbolic: lengths that grow with the rows become `Rows`. Raises BatchSizeNeededError then where a length grows, but
    not in proportion to the rows, and where the graph does not run with other numbers of rows.
    """
    graph = canonical.graph
    names = set(names) - constants_of(graph).keys()
    if not symbolic:
        return dict(_shapes(graph, feeds, names))
    grows = by_row(canonical, feeds)
    try:
        two, three = (_shapes(graph, _rows(feeds, grows, count), names) for count in (2, 3))
    except RuntimeRefusalError as problem:  # the graph may take one number of rows only
        raise BatchSizeNeededError from problem
    return {name: tuple(map(_size, two[name], three[name])) for name in two}


def at_sizes(plan: Plan, canonical: Canonical, feeds: Mapping[str, Array], *, symbolic: bool) -> Plan:
    """Return the plan for inputs of the size of these feeds.

    symbolic: for any number of rows. Raises BatchSizeNeededError then where the plan depends on the number of rows.
    """
    if not plan.sized:
        return plan
    grows, forward = by_row(canonical, feeds), RuntimeForward(canonical.graph)
    if not symbolic:
        return plan.at_sizes(forward.run(feeds, plan.sized)[0])
    try:
        two, three = (forward.run(_rows(feeds, grows, count), plan.sized)[0] for count in (2, 3))
    except RuntimeRefusalError as problem:
        raise BatchSizeNeededError from problem
    if not all(np.array_equal(two[name], three[name]) for name in plan.sized):
        raise BatchSizeNeededError
    return plan.at_sizes(two)


def _shapes(graph: gs.Graph, feeds: Mapping[str, Array], names: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Return the shapes that ONNX infers and, by a forward run, those that it cannot infer."""
    known = {name: value.shape for name, value in feeds.items()}
    known |= shapes_at(graph, known)
    open_ = sorted(set(names) - known.keys())
    return known | (RuntimeForward(graph).run(feeds, (), open_)[1] if open_ else {})


def _rows(feeds: Mapping[str, Array], grows: Collection[str], count: int) -> dict[str, Array]:
    """Return the feeds with `count` rows: the first row repeated, in each input that `grows` with the rows."""
    return {name: np.repeat(v[:1], count, 0) if name in grows else v for name, v in feeds.items()}


def _size(two: int, three: int) -> Size:
    """Return the length of an axis from its lengths with 2 and 3 rows."""
    if two == three:
        return two
    if two * 3 != three * 2:
        raise BatchSizeNeededError
    return Rows(two // 2)
