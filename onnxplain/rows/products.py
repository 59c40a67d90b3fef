"""Where the rows lie behind matrix products and recurrent layers; the rules are those of `onnxplain.rows.operators`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onnxplain.rows.operators import attribute, check_beside, rank, unless
from onnxplain.rows.place import MeetError, OpenError, Place

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from onnxplain.rows.operators import Places


def matmul(node: gs.Node, places: Places) -> Place:
    """The rows of the left side, the columns of the right side, or an axis of the batch of either."""
    sides = [0, 3] if node.op == "QLinearMatMul" else [0, 1]  # behind them lie scales and zero points
    inputs, places = [node.inputs[i] for i in sides], [places[i] for i in sides]
    left, right = map(rank, inputs)
    axes = max(left, right)
    found: set[Place] = set()
    for i, (place, own) in enumerate(zip(places, (left, right), strict=True)):
        if place is None:
            continue
        last = -2 if i else -1
        if own == 1 or place.axis - own == last:
            raise MeetError
        found.add(place.at(axes + place.axis - own))
    if len(found) > 1:
        raise MeetError
    place = found.pop()
    if all(places) and place.axis >= axes - 2:
        raise MeetError
    for value, own_place in zip(inputs, places, strict=True):
        if own_place is None and place.axis < axes - 2:
            check_beside(value, place.axis - axes)
    return place.at(place.axis - (right == 1 and left > 1 and place.axis > axes - 2))


def dynamic(node: gs.Node, places: Places) -> Place:
    """DynamicQuantizeMatMul: the scale is that of all rows together, so that they have to be run one by one."""
    return replace(matmul(node, places), stated=1)


def gemm(node: gs.Node, places: Places) -> Place:
    """The rows of A or the columns of B; C is added to them."""
    found = set()
    for i, place in enumerate(places[:2]):
        if place is not None:
            turned = bool(attribute(node, "transB" if i else "transA", 0))
            found.add(unless(place, (1 - (i ^ turned),)).at(i))
    if len(places) > 2 and places[2] is not None:
        found.add(places[2].at(places[2].axis + 2 - rank(node.inputs[2])))
    elif len(places) > 2 and node.inputs[2].name and len(found) == 1:
        check_beside(node.inputs[2], next(iter(found)).axis - 2)
    if len(found) != 1:
        raise MeetError
    return found.pop()


def einsum(node: gs.Node, places: Places) -> Place:
    """The letter of the rows is one of the output's."""
    left, arrow, out = str(attribute(node, "equation")).replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow or "." in left:
        raise OpenError
    letters = {(term[p.axis], p.at(0)) for term, p in zip(terms, places, strict=True) if p}
    if len(letters) != 1:
        raise MeetError
    letter, place = letters.pop()
    if letter not in out:
        raise MeetError
    if any(letter in term for term, p in zip(terms, places, strict=True) if p is None):
        raise OpenError  # it may have the same entry for each row, as positions that were expanded have
    return place.at(out.index(letter))


_STATES = (5, 6)
"""Positions of the initial states among the inputs of a recurrent layer."""


def recurrent(node: gs.Node, places: Places) -> list[Place]:
    """RNN, GRU, LSTM: the rows lie on axis 1 of the sequence and of the states, or on axis 0 with layout 1.

    An initial state that is no input of the rows has the rows of one run, and with them the file has that many.
    """
    front = bool(attribute(node, "layout", 0))
    batch = 0 if front else 1
    if places[0] is None:
        raise OpenError
    place = unless(places[0], (1 - batch, 2))
    for i, value in enumerate(node.inputs[4:7], 4):
        own = places[i]
        if own is not None and own != place.at(batch if i in _STATES else 0):
            raise MeetError
        length = value.shape[batch] if own is None and i in _STATES and value.name and value.shape else None
        if isinstance(length, int):
            place = replace(place, stated=length)
    return [place.at(0 if front else 2), *[place.at(batch)] * (len(node.outputs) - 1)]
