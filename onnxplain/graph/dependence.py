"""Which values of a graph depend on others, through tensors of every type and into the bodies of If, Loop and Scan.

A value that only the size of another one decides does not depend on it: a walk is planned for inputs of one size. So
nothing passes the operators Shape and Size, and EyeLike.

Two questions are asked. What moves where the input is replaced by another one, such as a baseline: `dependent`. And
what has a derivative other than 0 almost everywhere: `active_values`. A comparison, a rounding to integers and all that
is computed from them alone jump between values, and stand still between the jumps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from onnxplain.graph.tensors import numpy_dtype
from onnxplain.ops import find_op
from onnxplain.ops.left_out import QUANTISERS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import onnx_graphsurgeon as gs

Readers: TypeAlias = "Sequence[tuple[gs.Node, set[str]]]"
"""Nodes, each with the names of the values that it reads."""

SIZES = ("Shape", "Size", "EyeLike")
"""Operators that read nothing but the size of their input."""

RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial")
"""Operators that draw their output."""


_TAKE_MISSING = ("Imputer", "IsNaN", "TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor")


def takes_missing(graph: gs.Graph) -> bool:
    """Whether a model says what it makes of NaN, a missing value: it imputes or finds it, or sends it down a tree."""
    return any(node.op in _TAKE_MISSING for node in graph.nodes)


def read_by(node: gs.Node) -> set[str]:
    """Return the names of the values that a node reads: its inputs, and what its subgraphs capture from outside.

    What its operator holds is left out (see `Op.held`): nothing depends on it in the sense that is meant here.
    """
    held = held_by(node)
    names = {value.name for i, value in enumerate(node.inputs) if i not in held}
    for body in node.subgraphs():
        names |= _captured(body)
    return names - {""}


def held_by(node: gs.Node) -> tuple[int, ...]:
    """Return the positions of the inputs through which nothing is walked; only operators of our own have some."""
    op = find_op(node.domain, node.op) if node.domain else None
    return () if op is None else op.held


def only_held(graph: gs.Graph) -> set[int]:
    """Return the ids of the nodes from which the outputs are computed by way of held inputs alone (see `Op.held`).

    They are the file's own nodes where others are walked in their place, and stay as they are.
    """
    if not any(held_by(node) for node in graph.nodes):
        return set()
    wanted, found = {value.name for value in graph.outputs}, set()
    for node in reversed(graph.nodes):
        if any(value.name in wanted for value in node.outputs):
            wanted |= read_by(node)
        else:
            found.add(id(node))
    return found


def _captured(body: gs.Graph) -> set[str]:
    """Return the names of the values that a subgraph reads and that are made outside it."""
    own = {value.name for value in body.inputs} | {value.name for node in body.nodes for value in node.outputs}
    used = {value.name for value in body.outputs}.union(*(names for _, names in readers(body)))
    return used - own


def dependent(graph: gs.Graph, sources: Collection[str], without: str = "", known: Readers | None = None) -> set[str]:
    """Return the names of the values, of any type, that depend on `sources`, these included.

    without: a value through which no dependence is followed. known: what `readers` says of this graph, where many
    questions are asked of it.
    """
    found = set(sources)
    for node, read in readers(graph) if known is None else known:
        if not found.isdisjoint(read):
            found.update(value.name for value in node.outputs if value.name not in ("", without))
    return found


def active_values(graph: gs.Graph, roots: Collection[str], known: Readers | None = None) -> set[str]:
    """Return the names of the values that change with `roots` other than by jumps, these included.

    They are the floats that floats lead to. Quantised values are among them: their derivative is 0 as well, yet they
    stand for floats, and a walk that held them would explain what is left, such as the scale. So are numbers that are
    written as texts. known: see `dependent`.
    """
    active, standing = set(roots), set[str]()
    for node, names in readers(graph) if known is None else known:
        if active.isdisjoint(names):
            continue
        read = active & names
        stands_for_floats = node.op in QUANTISERS or read & standing or _is_custom(node)
        for value in node.outputs:
            if may_be_float(value):
                active.add(value.name)
            elif value.name and (stands_for_floats or _is_text(value)):
                active.add(value.name)
                standing.add(value.name)
    return active


def decided_by_sizes(graph: gs.Graph) -> set[str]:
    """Return the names of the computed values that are the same for all inputs of one size."""
    drawn = {value.name for node in graph.nodes if node.op in RANDOM for value in node.outputs}
    moving = dependent(graph, {value.name for value in graph.inputs} | drawn)
    return {value.name for node in graph.nodes for value in node.outputs} - moving - {""}


def _is_text(value: gs.Tensor) -> bool:
    """Whether a value holds texts; a number that is written as one is read again with all its digits."""
    dtype = numpy_dtype(value)
    return dtype is not None and dtype.kind in "OSU"


def _is_custom(node: gs.Node) -> bool:
    """Whether nothing is known about a node: no one says that the integers which it makes of floats are no floats."""
    known = node.domain in (None, "", "ai.onnx", "ai.onnx.ml")
    return not known and find_op(node.domain, node.op) is None


def may_be_float(value: gs.Tensor) -> bool:
    """Whether a message can pass through a value: whether it holds floats. A value of unknown type may.

    An output that its node leaves out has the empty name, which inputs that are left out have too. It is no value.
    """
    dtype = numpy_dtype(value)
    return bool(value.name) and (dtype is None or dtype.kind in "fc" or "float" in dtype.name)


def readers(graph: gs.Graph) -> Readers:
    """Return the nodes that read more than the sizes of their inputs, in order, each with the names that it reads."""
    return [(node, read_by(node)) for node in graph.nodes if node.op not in SIZES]
