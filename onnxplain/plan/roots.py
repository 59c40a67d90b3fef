"""Roots: the value that is attributed to. It is the input or, for one of integers, its embedding or its first float.

Where several inputs are explained together, each has a root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.errors import OnnxplainError, UnsupportedModelError, UsageError
from onnxplain.graph.dependence import active_values, dependent, may_be_float, readers
from onnxplain.graph.lookups import embedding, main_inputs
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.inputs.table import table_of
from onnxplain.plan.bound import FORWARD
from onnxplain.rows.first import rows_first

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import onnx_graphsurgeon as gs

    from onnxplain.inputs.table import Table
    from onnxplain.passes import Canonical


def find_root(graph: gs.Graph, target: str, wanted: str | None = None) -> tuple[str, str]:
    """Return the names of the value that is attributed to and of the graph's input that it belongs to.

    An input from which floats lead to the value `target` is attributed to itself. Token ids have no derivative: there
    it is their embedding (see `lookups`). For other integers, such as pixels in uint8, it is the first float value
    behind them, provided that it has the axes of the input. Any other inner value has to be asked for as a layer.
    wanted: the name of the input, where the user gave one.
    Raises UsageError for an unknown or an ambiguous input, UnsupportedModelError where no such value is found.
    """
    names = [value.name for value in graph.inputs]
    if wanted is not None and wanted not in names:
        raise UsageError(f"the model has no input {wanted!r}; its inputs: {', '.join(map(repr, names))}")
    chosen = [value for value in graph.inputs if wanted in (None, value.name)]
    direct = {v.name: v.name for v in chosen if may_be_float(v) and target in active_values(graph, {v.name})}
    found = direct | {
        v.name: root for v in chosen if v.name not in direct and (root := embedding(graph, v.name, target))
    }
    several = main_inputs(list(found))
    if len(several) > 1:
        raise UsageError(_several(several))
    if several:
        return found[several[0]], several[0]
    behind = [(root, v.name) for v in chosen for root in _first_floats(graph, v, target)]
    if len({root for root, _ in behind}) == 1 and _laid_out_alike(graph, *behind[0]):
        return behind[0]
    raise UnsupportedModelError(
        f"no path of floats leads from the input {' or '.join(map(repr, names))} to {target!r}, so there is no "
        f"derivative; first float values behind it: {_list(behind)}. Name one of them with layer= to attribute to, "
        f"{FORWARD}"
    )


def _several(names: list[str]) -> str:
    listed = ", ".join(map(repr, names))
    return (
        f"several inputs reach the scores: {listed}; name the one to explain with input=, or explain several together "
        f'with input=[{listed}] or input="all"'
    )


def _list(behind: list[tuple[str, str]]) -> str:
    """Return the names of the first float values behind the inputs, for a message."""
    more = f" and {len(behind) - 3} more" if len(behind) > 3 else ""
    return (", ".join(repr(root) for root, _ in behind[:3]) or "none") + more


ALL = "all"
"""The word by which all inputs that are explained with a derivative are asked for."""


def chosen_inputs(
    graph: gs.Graph, target: str, wanted: str | Sequence[str] | None, known: Collection[str]
) -> tuple[str, ...]:
    """Return the names of the inputs to explain together; none where one is explained by itself.

    wanted: a name or None, for one input; several names, or ALL: then it is all inputs that have a root, but for those
    that only say how to read others, such as masks. known: the names of all inputs of the file.
    Raises UsageError for no name, an unknown one, and one that is there twice, UnsupportedModelError for an input that
    the scores do not depend on: that it gets nothing says nothing of the values it has.
    """
    if isinstance(wanted, str) and wanted not in (ALL, *known):
        raise UsageError(f"the model has no input {wanted!r}; its inputs: {', '.join(map(repr, known))}")
    if wanted is None or (isinstance(wanted, str) and (wanted != ALL or ALL in {v.name for v in graph.inputs})):
        return ()
    if isinstance(wanted, str):
        names = main_inputs([value.name for value in graph.inputs if _has_root(graph, target, value.name)])
        if not names:
            find_root(graph, target)  # says what is in the way
        return tuple(names)
    names = list(wanted)
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise UsageError(f"input={wanted!r}: expected the name of an input, a list of different names, or {ALL!r}")
    idle = [name for name in names if name in known and target not in dependent(graph, {name})]
    if idle:
        raise UnsupportedModelError(
            f"the scores do not depend on the input {idle[0]!r}, whatever it holds: leave it out of input="
        )
    return tuple(names)


def _has_root(graph: gs.Graph, target: str, name: str) -> bool:
    try:
        return bool(find_root(graph, target, name))
    except OnnxplainError:
        return False


def find_roots(graph: gs.Graph, target: str, names: Sequence[str]) -> dict[str, str]:
    """Return the value that is attributed to for each of several inputs, by the name of the input.

    Raises UnsupportedModelError where an input has none, as one that the scores do not depend on, or where that of one
    is computed from another one: what it gets would be a part of what the other gets.
    """
    roots = {name: find_root(graph, target, name)[0] for name in names}
    for name, root in roots.items():
        others = {each for other, own in roots.items() if other != name for each in (other, own)}
        above = sorted(each for each in others if each == root or root in dependent(graph, {each}))
        if above:
            raise UnsupportedModelError(
                f"the input {name!r} is explained at {root!r}, which is computed from {above[0]!r} as well, so that "
                "both cannot be explained together; name one of them with input="
            )
    return roots


def held_inputs(graph: gs.Graph, root: str, target: str) -> list[str]:
    """Return the names of the inputs that reach the value `target` otherwise than through the root.

    What is computed from them so, such as masks and positions, is a constant for whoever attributes to the root.
    """
    return [value.name for value in graph.inputs if target in dependent(graph, {value.name}, root)]


def _laid_out_alike(graph: gs.Graph, root: str, source: str) -> bool:
    """Whether a value begins with the axes of the input, as far as shapes are known; it may have more behind them."""
    values = graph.tensors()
    have, due = values[root].shape, values[source].shape
    if have is None or due is None:
        return True
    pairs = zip(have, due, strict=False)
    return len(have) >= len(due) and all(a == b or not (isinstance(a, int) and isinstance(b, int)) for a, b in pairs)


def find_table(graph: gs.Graph, target: str, wanted: str | None = None) -> Table | None:
    """Return the inputs that the scores depend on as a table, where they are its columns; None where they are not.

    wanted: the name of the input, where the user gave one: then it alone is explained, and there is no table.
    """
    reaching = [value for value in graph.inputs if target in dependent(graph, {value.name})]
    table = None if wanted is not None else table_of(reaching, numpy_dtype)
    if table is None or any(part.words for part in table.parts) or all(part.width == 1 for part in table.parts):
        return table
    try:
        find_root(graph, target)
    except OnnxplainError as problem:
        return table if isinstance(problem, UsageError) else None
    return None


def find_input(graph: gs.Graph, target: str, wanted: str | None = None) -> str:
    """Return the name of the input to explain: that of `find_root`, or else the one that the scores depend on.

    A model that has no derivatives is explained by methods that perturb this input. The columns of a table are
    explained together, and the first one stands for them.
    """
    table = find_table(graph, target, wanted)
    if table is not None:
        return table.parts[0].name
    try:
        return find_root(graph, target, wanted)[1]
    except UnsupportedModelError:
        found = [value.name for value in graph.inputs if wanted in (None, value.name)]
        behind = main_inputs([name for name in found if target in dependent(graph, {name})])
        if len(behind) > 1:
            raise UsageError(_several(behind)) from None
        if not behind:
            raise
        return str(behind[0])


def with_rows_first(canonical: Canonical, wanted: str | None = None, together: Collection[str] = ()) -> Canonical:
    """Return the canonical model with the rows of the input to explain on its first axis (see `rows_first`).

    Where there is no such input, whoever explains the model learns of it; until then it can be looked at as it is.
    """
    try:
        name = find_input(canonical.graph, canonical.scores, wanted)
    except OnnxplainError:
        return canonical
    return rows_first(canonical, name, together)


def _first_floats(graph: gs.Graph, source: gs.Variable, target: str) -> list[str]:
    """Return the first float values that are computed from integers behind `source` and that reach `target`."""
    known = readers(graph)
    moving = dependent(graph, {source.name}, known=known)
    floats = active_values(graph, {source.name}, known) if may_be_float(source) else set()
    frontier = []
    for node in graph.nodes:
        # an output that is already reached through floats is not a first one
        fresh = [value.name for value in node.outputs if may_be_float(value) and value.name in moving - floats]
        if fresh:
            frontier.append(fresh[0])
            floats |= active_values(graph, {fresh[0]}, known)
    return [name for name in frontier if name != target and target in active_values(graph, {name}, known)]
