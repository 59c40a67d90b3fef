"""Follow the rows of a batch from the inputs through all nodes of a graph."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from onnxplain.passes.edit import is_onnx, values_of
from onnxplain.rows.place import MeetError, OpenError, Place
from onnxplain.rows.table import rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import onnx_graphsurgeon as gs

    from onnxplain.rows.operators import Places


class Kind(Enum):
    """What a value is where it has no place of the rows.

    FREE: it depends on no input. OTHER: on inputs without rows alone. SIZES: on the number of rows, as their shape
    tells it. MET: on entries of different rows at once. OPEN: it is not known on what.
    """

    FREE = 0
    OTHER = 1
    SIZES = 2
    MET = 3
    OPEN = 4


State: TypeAlias = Place | Kind

_SIZED = ("Reshape", "Expand", "Slice", "Resize", "Pad", "Tile", "Split", "OneHot")
"""Operators whose inputs behind the first one say how large the output is."""

_NUMBERING = ("NonZero", "CumSum", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial")
"""Operators that make different entries of equal ones, so that copies for each row are no longer alike."""

_OF_SIZES = (
    *("Add", "Sub", "Mul", "Div", "Max", "Min", "Concat", "Unsqueeze", "Squeeze", "Cast", "Gather", "Slice", "Where"),
    *("Equal", "Reshape", "Identity", "Floor", "Ceil", "Sqrt", "ReduceProd"),
)
"""Operators that compute a size from sizes."""


@dataclass
class Followed:
    """Where the rows lie in each value.

    states: by name of the value; values that are not in it are FREE. reasons: of a value that is MET or OPEN, the node
    from which on it is. stated: numbers of rows that nodes require.
    """

    states: dict[str, State] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    stated: set[int] = field(default_factory=set)

    def __getitem__(self, name: str) -> State:
        return self.states.get(name, Kind.FREE)


def follow(graph: gs.Graph, starts: Mapping[str, int]) -> Followed:
    """Follow the rows from the inputs `starts`, with their axis by name. All other inputs serve all rows alike."""
    found = Followed({value.name: Kind.OTHER for value in graph.inputs})
    found.states |= {name: Place(axis) for name, axis in starts.items()}
    for node in graph.nodes:
        _pass(node, found)
    return found


def _pass(node: gs.Node, found: Followed) -> None:
    """Add the outputs of one node."""
    inner = [found[value.name] for value in _captured(node)]
    states = [found[value.name] for value in node.inputs]
    known = {*states, *inner}
    if Kind.OPEN in known or Kind.MET in known:
        worst = Kind.OPEN if Kind.OPEN in known else Kind.MET
        cause = next(v.name for v in (*node.inputs, *_captured(node)) if found[v.name] is worst)
        return _write(node, found, worst, found.reasons[cause])
    try:
        followable = all(each in (Kind.FREE, Kind.OTHER) for each in inner)
        outcome = _outcome(node, states, found) if followable else Kind.OPEN
    except MeetError:
        outcome = Kind.MET
    except OpenError:
        outcome = Kind.OPEN
    return _write(node, found, outcome, f"{node.op} (node {node.name!r})")


def _outcome(node: gs.Node, states: list[State], found: Followed) -> State | Sequence[Place | None]:
    """Return the state of a node's outputs, or the place in each."""
    placed = any(isinstance(each, Place) for each in states)
    if is_onnx(node, "Shape", "Size"):
        return Kind.SIZES if placed else Kind.FREE
    if Kind.SIZES in states:
        return _sized(node, states, found)
    if not placed and is_onnx(node, *_NUMBERING):
        raise OpenError
    if not placed:
        return Kind.OTHER if Kind.OTHER in states else Kind.FREE
    return _by_rule(node, states)


def _by_rule(node: gs.Node, states: list[State]) -> State | Sequence[Place | None]:
    for value, state in zip(node.inputs, states, strict=True):
        if state is Kind.OTHER and (value.shape is None or any(not isinstance(size, int) for size in value.shape)):
            raise OpenError  # it may have an entry for each row
    places: Places = [each if isinstance(each, Place) else None for each in states]
    return rule_of(node)(node, places)


def _sized(node: gs.Node, states: list[State], found: Followed) -> State | Sequence[Place | None]:
    """Return the state of the outputs of a node that reads sizes.

    As the size of the output they leave the values as they are. Values that are computed from the number of rows are
    not the same alone and in a batch.
    """
    if is_onnx(node, "ConstantOfShape") or _picks_other_sizes(node, found):
        return Kind.FREE
    data = states[0]
    if is_onnx(node, *_SIZED) and data is not Kind.SIZES:
        return _by_rule(node, [data, *[Kind.FREE] * (len(states) - 1)]) if isinstance(data, Place) else data
    if any(isinstance(each, Place) for each in states):
        raise MeetError
    if is_onnx(node, *_OF_SIZES):
        return Kind.SIZES
    raise OpenError


def _picks_other_sizes(node: gs.Node, found: Followed) -> bool:
    """Whether a node takes out of a shape only the sizes of axes that hold no rows."""
    shape = node.inputs[0].inputs[0] if node.inputs and node.inputs[0].inputs else None
    if shape is None or not is_onnx(shape, "Shape") or not is_onnx(node, "Gather", "Slice") or shape.attrs:
        return False
    axes, place = len(shape.inputs[0].shape or ()), found[shape.inputs[0].name]
    found_values = [values_of(value) for value in node.inputs[1:]]
    given = [each.ravel().tolist() for each in found_values if each is not None]
    if not axes or not isinstance(place, Place) or len(given) < len(found_values):
        return False
    if node.op == "Gather":
        return all(each % axes != place.axis for each in given[0])
    step = given[3][0] if len(given) > 3 else 1
    return place.axis not in range(axes)[given[0][0] : given[1][0] : step]


def _write(node: gs.Node, found: Followed, outcome: State | Sequence[Place | None], reason: str) -> None:
    """Write down the states of a node's outputs."""
    each = [outcome] * len(node.outputs) if isinstance(outcome, State) else outcome
    for value, given in zip(node.outputs, each, strict=False):
        state = Kind.FREE if given is None else given
        if isinstance(state, Place) and state.stated is not None:
            found.stated.add(state.stated)
            found.states[value.name] = replace(state, stated=None)
        else:
            found.states[value.name] = state
        if state in (Kind.MET, Kind.OPEN):
            found.reasons[value.name] = reason


def _captured(node: gs.Node) -> Iterator[gs.Tensor]:
    """Yield what the subgraphs of a node read; names that only they know are FREE."""
    for body in node.subgraphs(recursive=True):
        for each in body.nodes:
            yield from each.inputs
        yield from body.outputs
