"""What each operator makes of the rows: where they lie in its output, or that entries of different rows meet in it.

A rule is `rule(node, places) -> Place`, the place of the rows in the outputs of the node, or one for each output.
places: that of each input; None for an input that does not depend on the rows. A rule is asked only where one input
does. It raises MeetError where rows meet, OpenError where that is not known.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from onnxplain.passes.edit import values_of
from onnxplain.rows.place import MeetError, OpenError, Place, reshaped

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_graphsurgeon as gs

    from onnxplain.rows.place import Length

Places: TypeAlias = "Sequence[Place | None]"


def rank(value: gs.Tensor) -> int:
    """Return the number of axes of a value. Raises OpenError where it is not known."""
    if value.shape is None:
        raise OpenError
    return len(value.shape)


def attribute(node: gs.Node, name: str, default: Any = None) -> Any:
    """Return an attribute of a node, or its default."""
    return node.attrs.get(name, default)


def argument(node: gs.Node, position: int) -> list[int] | None:
    """Return the constant input at a position as a list; None where it is left out. Raises OpenError if computed."""
    if position >= len(node.inputs) or not node.inputs[position].name:
        return None
    found = values_of(node.inputs[position])
    if found is None:
        raise OpenError
    return [int(each) for each in found.ravel()]


def first(places: Places) -> Place:
    """Return the place of the rows in the first input. Raises OpenError where another one depends on the rows too."""
    if places[0] is None or any(each is not None for each in places[1:]):
        raise OpenError
    return places[0]


def unless(place: Place, axes: Sequence[int] | range) -> Place:
    """Return the place. Raises MeetError where the rows lie on one of these axes."""
    if place.axis in axes:
        raise MeetError
    return place


# --- element by element -------------------------------------------------------------------------------------------


def broadcast(node: gs.Node, places: Places) -> Place:
    """Align the inputs at their last axes. What does not depend on the rows has to be the same for all of them."""
    axes = max(rank(value) for value in node.inputs if value.name)
    moved = [p and p.at(p.axis + axes - rank(v)) for v, p in zip(node.inputs, places, strict=True)]
    found = {each for each in moved if each}
    if len(found) > 1:
        raise MeetError
    place = found.pop()
    for value, own in zip(node.inputs, places, strict=True):
        if own is None and value.name:
            check_beside(value, place.axis - axes)
    return place


def check_beside(value: gs.Tensor, axis: int) -> None:
    """Raise where a value that does not depend on the rows may differ from row to row; `axis` counts from the end."""
    lengths = value.shape or ()
    length: Length = 1 if -axis > len(lengths) else lengths[axis]
    if isinstance(length, int) and length != 1:
        raise MeetError


def same(node: gs.Node, places: Places) -> Place:  # noqa: ARG001
    """Leave the first input where it is."""
    return first(places)


def at_front(node: gs.Node, places: Places) -> Place:
    """Take axis 0 for the rows of every input, as convolutions, poolings and classifiers of tables do.

    A single axis is that of the features.
    """
    found = {each for each in places if each}
    if len(found) == 1 and next(iter(found)).axis == 1 and attribute(node, "group", 1) != 1:
        raise OpenError  # rows may be the groups
    if len(found) != 1 or next(iter(found)).axis or len(node.inputs[0].shape or (0, 0)) < 2:
        raise MeetError
    if node.op in _OF_ROWS:
        for value, own in zip(node.inputs, places, strict=True):
            lengths = value.shape or ()
            if own is None and value.name and len(lengths) > 1 and lengths[0] != 1:
                raise OpenError
    return found.pop()


_OF_ROWS = ("GridSample", "Attention", "RotaryEmbedding")
"""Operators whose other inputs may have an entry for each row."""


def batch_norm(node: gs.Node, places: Places) -> Place:  # noqa: ARG001
    """The channels lie on axis 1; everything else is element by element."""
    return unless(first(places), (1,))


def resize(node: gs.Node, places: Places) -> Place:
    """An axis that keeps its length stays as it is."""
    place = first(places)
    before, after = node.inputs[0].shape, node.outputs[0].shape
    if place.axis > 1 or not before or not after or (place.axis and before[1] != after[1]):
        raise MeetError
    return place


# --- over axes ----------------------------------------------------------------------------------------------------


def reduce(node: gs.Node, places: Places) -> Place:
    """The axes that are summed up go, or keep the length 1."""
    place, axes = first(places), rank(node.inputs[0])
    if node.op in ("ArgMax", "ArgMin"):
        given: list[int] | None = [attribute(node, "axis", 0)]
    else:
        given = attribute(node, "axes") or argument(node, 1)
    if not given and attribute(node, "noop_with_empty_axes", 0):
        return place
    gone = sorted(each % axes for each in given or range(axes))
    unless(place, gone)
    return place if attribute(node, "keepdims", 1) else place.at(place.axis - sum(each < place.axis for each in gone))


def over_axis(node: gs.Node, places: Places) -> Place:
    """The entries along one axis, an attribute, belong together; so do all inputs."""
    found = {each for each in places if each}
    if len(found) != 1:
        raise MeetError
    place, axes = found.pop(), rank(node.inputs[0])
    if node.op in _BESIDE:
        for value, own in zip(node.inputs, places, strict=True):
            if own is None and value.name:
                check_beside(value, place.axis - axes)
            if values_of(value) is not None:
                place = replace(place, stated=1)  # the constant is one row long, and fits no other number
    return unless(place, (attribute(node, "axis", _AXIS.get(node.op, -1)) % axes,))


_BESIDE = ("Concat", "ScatterElements", "GatherElements")
"""Operators over an axis all of whose inputs have the axis of the rows."""

_AXIS = {"Concat": 0, "Split": 0, "ScatterElements": 0, "GatherElements": 0}
"""Operators whose axis is 0 where they name none; for the others it is the last one."""


def over_last(node: gs.Node, places: Places) -> Place:
    """The entries along an axis, an attribute, and all axes behind it belong together."""
    axes = rank(node.inputs[0])
    return unless(first(places), range(attribute(node, "axis", -1) % axes, axes))


def over_last_two(node: gs.Node, places: Places) -> Place:
    """Treat the entries of the last two axes by their places."""
    axes = rank(node.inputs[0])
    return unless(first(places), range(axes - 2, axes))


def over_argument(node: gs.Node, places: Places) -> Place:
    """The entries along one axis, the second input, belong together."""
    given = argument(node, 1)
    return unless(first(places), [each % rank(node.inputs[0]) for each in given or ()])


def quantise(node: gs.Node, places: Places) -> list[Place | None]:  # noqa: ARG001
    """DynamicQuantizeLinear: its scale is that of all rows together, so that they have to be run one by one."""
    return [replace(first(places), stated=1), None, None]


def fake_quantise(node: gs.Node, places: Places) -> Place:  # noqa: ARG001
    """A value beside the same value as the file computes it: the rows have to lie alike."""
    if places[0] is None or places[0] != places[1]:
        raise OpenError
    return places[0]


def standardise(node: gs.Node, places: Places) -> Place:
    """MeanVarianceNormalization: over the batch too, unless its axes say otherwise."""
    return unless(first(places), attribute(node, "axes", [0, 2, 3]))


# --- the same elements elsewhere ----------------------------------------------------------------------------------


def transpose(node: gs.Node, places: Places) -> Place:
    """The axes in another order."""
    place, axes = first(places), rank(node.inputs[0])
    return place.at(list(attribute(node, "perm") or range(axes)[::-1]).index(place.axis))


def reshape(node: gs.Node, places: Places) -> Place:
    """Reshape, Flatten, Squeeze, Unsqueeze: the same elements in the same order."""
    place, before, after = first(places), node.inputs[0].shape, node.outputs[0].shape
    if before is None or (after is None and node.op != "Reshape"):
        raise OpenError
    if node.op != "Reshape" or values_of(node.inputs[1]) is None:
        if after is None:
            raise OpenError
        return reshaped(place, before, after)
    sizes = argument(node, 1) or []
    zeros = not attribute(node, "allowzero", 0)  # a size of 0 copies the length
    copied = next((i for i, size in enumerate(sizes) if size), len(sizes)) if zeros else 0
    known = after if after and len(after) == len(sizes) else [None] * len(sizes)
    lengths = [known[i] if size < 0 else before[i] if size == 0 and zeros else size for i, size in enumerate(sizes)]
    return reshaped(place, before, lengths, copied)


def slices(node: gs.Node, places: Places) -> Place:
    """The axes that are cut hold no rows. An axis may be named and yet be kept from its first to its last entry."""
    place, axes = first(places), rank(node.inputs[0])
    named = argument(node, 3)
    if named is None:
        named = list(range(len(argument(node, 1) or ())))
    cut = [each % axes for each in named]
    if place.axis not in cut:
        return place
    i, steps = cut.index(place.axis), argument(node, 4)
    starts, ends = argument(node, 1) or [], argument(node, 2) or []
    if starts[i] == 0 and ends[i] >= _FAR and (steps is None or steps[i] == 1):
        return place
    raise MeetError


_FAR = 10**9
"""The end from which on a slice means the last entry, however many there are."""


def pad(node: gs.Node, places: Places) -> Place:
    """The axes that are padded hold no rows."""
    place, axes = first(places), rank(node.inputs[0])
    named = argument(node, 3)
    given = range(axes) if named is None else [each % axes for each in named]
    pads = argument(node, 1) or []
    return unless(place, [axis for i, axis in enumerate(given) if pads[i] or pads[i + len(given)]])


def gather(node: gs.Node, places: Places) -> Place:
    """Entries along one axis, for each index; a table of embeddings that is looked up has no rows itself."""
    data, indices = places
    axis = attribute(node, "axis", 0) % rank(node.inputs[0])
    if data and indices:
        raise OpenError
    if indices:
        return indices.at(axis + indices.axis)
    place = unless(first(places), (axis,))
    return place if place.axis < axis else place.at(place.axis + rank(node.inputs[1]) - 1)


def expand(node: gs.Node, places: Places) -> Place:
    """More copies along axes of length 1; the rows are counted from the last axis."""
    place = first(places)
    return place.at(place.axis + rank(node.outputs[0]) - rank(node.inputs[0]))


def tile(node: gs.Node, places: Places) -> Place:
    """Copies behind one another along axes without rows."""
    return unless(first(places), [i for i, count in enumerate(argument(node, 1) or ()) if count != 1])


def one_hot(node: gs.Node, places: Places) -> Place:
    """A new axis for the classes."""
    place = first(places)
    axis = attribute(node, "axis", -1) % (rank(node.inputs[0]) + 1)
    return place.at(place.axis + (axis <= place.axis))
