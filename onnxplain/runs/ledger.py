"""The ledger of a run: a line for each receipt in the order of the shards, chained by sha256.

Each line states the sha256 of the line before it, the first one the id of the job. So whoever knows the last line's
sha256, the head, knows that nothing was changed, left out or put in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from onnxplain.runs.encoded import digest, encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onnxplain.runs.receipt import Receipt

NAME = "ledger.jsonl"


class Line(NamedTuple):
    """A line of the ledger. receipt, npz: sha256 of the two files of the shard. previous: of the line before."""

    shard: int
    done: int
    failed: int
    receipt: str
    npz: str
    previous: str

    def encoded(self) -> bytes:
        """Return the line without its line feed."""
        return encoded(self._asdict())


def lines(job: str, receipts: Iterable[Receipt]) -> Iterator[bytes]:
    """Yield the lines of a ledger, without line feeds. job: the id of the job."""
    previous = job
    for each in receipts:
        receipt = digest(each.encoded())
        line = Line(each.shard, each.done, len(each.failed), receipt, each.sha256, previous).encoded()
        yield line
        previous = digest(line)
