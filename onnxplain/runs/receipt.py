"""The receipt of a shard: which rows are done, which failed and why, and the sha256 of what was written.

A receipt is written after its data, so a shard with a receipt is whole.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from onnxplain.errors import BadInputError
from onnxplain.runs.encoded import decoded, encoded


@dataclass(frozen=True, order=True)
class Failed:
    """A row that could not be explained: its index in the run, its name, and the reason."""

    index: int
    name: str
    reason: str


class Receipt(NamedTuple):
    """What a shard contains.

    job: the id of the job. shard: its number. first, rows: the index of its first row, and how many were asked for.
    done: how many were explained. failed: the others. sha256, size: of its .npz, in bytes.
    versions: of the packages that took part, by name.
    """

    job: str
    shard: int
    first: int
    rows: int
    done: int
    failed: tuple[Failed, ...]
    sha256: str
    size: int
    versions: dict[str, str | None]

    def encoded(self) -> bytes:
        """Return the bytes of its file."""
        return encoded({**self._asdict(), "failed": [asdict(each) for each in self.failed]})

    @classmethod
    def read(cls, data: bytes, name: str) -> Receipt:
        """Return the receipt of the bytes of its file. Raises BadInputError, which names the file, where it is none."""
        found: dict[str, Any] = decoded(data, name, "the receipt of a shard")
        try:
            failed = tuple(Failed(**each) for each in found.pop("failed"))
            receipt = cls(failed=failed, **found)
            right = receipt.rows == receipt.done + len(failed)
        except (KeyError, TypeError) as problem:
            raise BadInputError(f"{name}: no receipt of a shard ({problem})") from problem
        if not right:
            raise BadInputError(f"{name}: {receipt.rows} rows are not {receipt.done} done and {len(failed)} failed")
        return receipt
