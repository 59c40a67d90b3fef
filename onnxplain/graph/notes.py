"""Notes on nodes of the file: how a node is walked, where that is not by facts of its own operator.

A pass that replaces a node, or that gives it a meaning of its own, states this with `note`:

    note(node, "put back into standard operators")
    note(node, "a clip to the range of its integers, of slope 1 within")

Notes are gathered while a canonical graph is made (`gather`), and are kept in it. A node without a note is walked by
the facts of its operator, exactly.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import onnx_graphsurgeon as gs


@dataclass(frozen=True)
class Note:
    """How a node of the file is walked.

    node: its name. operator: its operator as the file has it, with the domain unless that is ONNX's own. walked: how,
    as a phrase without a capital and a full stop.
    """

    node: str
    operator: str
    walked: str


_GATHERED: ContextVar[dict[Note, None]] = ContextVar("the notes of the graph that is being made")


@contextmanager
def gather() -> Iterator[dict[Note, None]]:
    """Gather the notes of what is called meanwhile, in order, as the keys of a dict."""
    notes: dict[Note, None] = {}
    before = _GATHERED.set(notes)
    try:
        yield notes
    finally:
        _GATHERED.reset(before)


def note(node: gs.Node, walked: str) -> None:
    """State how a node of the file is walked. It is called before the node's operator is changed.

    The same note twice counts once, so that a pass may run again. Where no notes are gathered this does nothing.
    """
    _GATHERED.get({})[Note(node.name, _operator(node), walked)] = None


def counted(notes: Iterable[Note]) -> dict[str, int]:
    """Return for each kind of node and each way how many nodes there are, as "Attention: put back ..." says it."""
    return dict(Counter(f"{each.operator}: {each.walked}" for each in notes))


def _operator(node: gs.Node) -> str:
    return f"{node.domain}.{node.op}" if node.domain not in (None, "", "ai.onnx") else str(node.op)
