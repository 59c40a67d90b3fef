"""Ways on which the rows of inputs may arrive at the scores, and the one that is taken."""

from __future__ import annotations

from itertools import islice, product
from typing import TYPE_CHECKING, NamedTuple

from onnxplain.rows.follow import Kind, follow
from onnxplain.rows.place import Place

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import onnx_graphsurgeon as gs

    from onnxplain.rows.follow import Followed
    from onnxplain.rows.place import Length

_NAMES = ("n", "b", "batch", "batch_size", "batchsize", "bs")
"""Names of an axis, in small letters, by which a file says that it holds the rows."""

_TRIES = 32
"""The most combinations of axes of several inputs that are followed."""


class Way(NamedTuple):
    """The axes that were taken for those of the rows, by name of the input, and what became of them."""

    starts: dict[str, int]
    found: Followed
    scores: Place


def of_several(
    graph: gs.Graph, scores: str, several: Sequence[gs.Variable]
) -> tuple[gs.Variable, Way | None, Followed | None]:
    """Return the input whose rows arrive at the scores, their way, and what became of axis 0 of the first, if of none.

    several: the inputs that are explained together, or the one that is. A way that gives each of them an entry for each
    row comes before another one, in whatever order they are.
    """
    together = {value.name for value in several} if len(several) > 1 else set[str]()
    x, (way, failed) = several[0], _find(graph, scores, several[0], together)
    for value in several[1:]:
        if way is None or not way.starts.keys() >= together:
            other, _ = _find(graph, scores, value, together)
            if other is not None and (way is None or other.starts.keys() >= together):
                x, way = value, other
    return x, way, failed


def lengths_differ(values: Sequence[gs.Tensor], way: Way | None) -> bool:
    """Whether the first axes of several inputs and of the scores, the last value, cannot all be that of rows.

    They cannot where the file states several lengths of them, unless the way is one of several rows or of all inputs.
    """
    first = [next(iter(lengths(value)), None) for value in values]
    if len(values) < 3 or not all(isinstance(each, int) for each in first) or len(set(first)) == 1:
        return False
    if way is None:
        return True
    several = any(lengths(value)[way.starts[value.name]] != 1 for value in values[:-1] if value.name in way.starts)
    return not several and any(value.name not in way.starts for value in values[:-1])


def lengths(value: gs.Tensor) -> list[Length]:
    """Return the lengths of the axes that a file states; none where it states no shape."""
    return list(value.shape or ())


def _find(
    graph: gs.Graph, scores: str, x: gs.Variable, together: Collection[str]
) -> tuple[Way | None, Followed | None]:
    """Return the first way on which the rows arrive at the scores; and what became of axis 0, where none is found."""
    failed, limited = None, None
    for axis in _candidates(lengths(x)):
        for starts in islice(_assignments(graph, x, axis, together), _TRIES):
            found = follow(graph, starts)
            place = found[scores]
            if isinstance(place, Place) and place.alone:
                way = Way(starts, found, place)
                if not found.stated:
                    return way, None
                limited = limited or way
            elif axis == 0 and (failed is None or (failed[scores], place) == (Kind.MET, Kind.OPEN)):
                failed = found  # what a run may still prove, rather than what the first choice meets
    return limited, failed


def _candidates(shape: Sequence[Length]) -> list[int]:
    """Return the axes that may hold the rows: those that are called so, the first one, and others of open length.

    A file that states the length of another axis means no rows by it.
    """
    open_ = [axis for axis, length in enumerate(shape) if not isinstance(length, int)]
    called = [axis for axis in open_ if str(shape[axis]).lower() in _NAMES]
    return list(dict.fromkeys([*called, *([0] if shape else []), *open_]))


def _assignments(graph: gs.Graph, x: gs.Variable, axis: int, together: Collection[str]) -> Iterator[dict[str, int]]:
    """Yield axes of the rows by name of the input, with each choice that the other inputs leave; x has them on `axis`.

    An input that states the name or the number of the rows on one of its axes has them there. Another one has them on a
    first axis of open length, or serves all rows, or has them on another axis of open length or of length 1. One that
    is explained together with x does not serve all rows.
    """
    rows, others = lengths(x)[axis], [value for value in graph.inputs if value is not x]
    choices: list[list[int | None]] = []
    for value in others:
        shape = lengths(value)
        named = [i for i, length in enumerate(shape) if length is not None and length == rows and length != 1]
        loose = [i for i, length in enumerate(shape) if not isinstance(length, int) or length == 1]
        likely = [0] if loose[:1] == [0] and shape[0] != 1 else []
        all_rows = [] if loose and value.name in together else [None]
        choices.append(list(dict.fromkeys([*named, *likely, *all_rows, *loose])))
    for chosen in product(*choices):
        pairs = zip(others, chosen, strict=True)
        yield {x.name: axis} | {value.name: i for value, i in pairs if i is not None}
