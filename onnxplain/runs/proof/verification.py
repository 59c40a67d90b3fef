"""What came of verifying a run: what was checked, what was not, and each file, line or row that is off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from onnxplain.errors import VerificationError
from onnxplain.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHOWN = 5
"""So many of the things that are off are printed; of the others, their number is."""


class Finding(NamedTuple):
    """Something that is off. where: the file, the line of a file, or the row. what: what was found, and expected."""

    where: str
    what: str

    def __str__(self) -> str:
        return printable(f"{self.where}: {self.what}")


@dataclass(frozen=True)
class Verification:
    """What came of verifying a run; it is true where all that was checked is as it should be.

    path: the folder. findings: what is off, that which explains the others first. checked: what was checked, in words
    by its name; unchecked: what was not, and why. job: the id of the job; head: sha256 of the ledger's last line, which
    `expect` takes; None where they cannot be read. differences: how far rows that were explained again are from what
    was stored, as a part of the largest number of the row, by their index; 0 where the bits are equal.
    """

    path: str
    findings: tuple[Finding, ...]
    checked: Mapping[str, str]
    unchecked: Mapping[str, str]
    job: str | None = None
    head: str | None = None
    differences: Mapping[int, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing is off."""
        return not self.findings

    def __bool__(self) -> bool:
        return self.ok

    def require(self) -> None:
        """Raise VerificationError, which names what is off first, where anything is."""
        if not self.ok:
            first, *more = map(str, self.findings)
            raise VerificationError(f"{self.path}: {first}", *more[: _SHOWN - 1])

    def to_dict(self) -> dict[str, Any]:
        """Return it in plain JSON types."""
        return {
            "path": self.path,
            "ok": self.ok,
            "findings": [each._asdict() for each in self.findings],
            "checked": dict(self.checked),
            "unchecked": dict(self.unchecked),
            "job": self.job,
            "head": self.head,
            "differences": {str(index): value for index, value in self.differences.items()},
        }

    def __str__(self) -> str:
        more = len(self.findings) - _SHOWN
        lines = [f"{printable(self.path)}: {'verified' if self.ok else 'NOT verified'}"]
        lines += [f"  {each}" for each in self.findings[:_SHOWN]]
        lines += [f"  and {more} more"] if more > 0 else []
        lines += [f"  {name:<10} {printable(each)}" for name, each in self.checked.items()]
        lines += [f"  {name:<10} not checked: {printable(each)}" for name, each in self.unchecked.items()]
        return "\n".join(lines)
