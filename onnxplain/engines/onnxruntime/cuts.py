"""Where a traced walk is cut into segments, and how much memory its parts then take."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from onnxplain.engines.onnxruntime.blocked import with_copies
from onnxplain.engines.onnxruntime.lifetimes import most_alive
from onnxplain.engines.onnxruntime.segments import forward_nodes, split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx

    from onnxplain.engines.onnxruntime.sized import Sized

SEGMENTS = (2, 3, 4, 6, 8, 12, 16)
"""How many segments are tried, one after another."""
_SLACK = 0.4
"""How far a cut may lie from where all segments are alike, in segments."""


class Parts(NamedTuple):
    """The parts of a walk in the order in which they run, and how many bytes its values take at once, at most."""

    models: list[onnx.ModelProto]
    nbytes: int


def parts_within(model: onnx.ModelProto, whole: Sized, budget: int) -> Parts:
    """Return the parts of the fewest segments of which no more than `budget` bytes are alive at once.

    Where every number of segments takes more, those that take the least; the model itself where cuts bring nothing.
    whole: the nodes of the model and the sizes of its values.
    """
    values = whole.values()
    best = Parts([model], most_alive(with_copies(whole)))
    for count in SEGMENTS:
        if best.nbytes <= budget:
            break
        models = split(model, cuts(model, count, whole.nbytes), values)
        best = min(best, Parts(models, _most_alive(models, whole)), key=lambda each: each.nbytes)
    return best


def cuts(model: onnx.ModelProto, count: int, nbytes: Mapping[str, int]) -> list[int]:
    """Return where the forward nodes are cut into `count` segments: about as many bytes in each, and few that cross.

    A cut is the index of the first node behind it.
    """
    nodes = forward_nodes(model)
    made = {name: i for i, node in enumerate(nodes) for name in node.output}
    last = {name: i for i, node in enumerate(nodes) for name in node.input}
    steps = [0] * (len(nodes) + 1)
    for name, i in made.items():
        if last.get(name, i) > i:  # it crosses each cut behind its node, up to its last reader
            steps[i + 1] += nbytes.get(name, 0)
            steps[last[name] + 1] -= nbytes.get(name, 0)
    crossing = list(accumulate(steps))
    before = [0, *accumulate(sum(nbytes.get(name, 0) for name in node.output) for node in nodes)]
    found = []
    for number in range(1, count):
        least, most = (before[-1] * (number + sign * _SLACK) / count for sign in (-1, 1))
        near = [i for i in range(1, len(nodes)) if least <= before[i] <= most]
        if near:
            found.append(min(near, key=crossing.__getitem__))
    return found


def _most_alive(models: Sequence[onnx.ModelProto], whole: Sized) -> int:
    """Return how many bytes are alive at once, at most, while a part runs: its own, and what is kept for later ones."""
    reads = [{each.name for each in part.graph.input} for part in models]
    given: set[str] = set()
    most = 0
    for i, part in enumerate(models):
        given &= set().union(*reads[i:])
        held = sum(whole.nbytes[name] for name in given)
        most = max(most, held + most_alive(with_copies(whole.part(part.graph))))
        given |= {each.name for each in part.graph.output}
    return most
