"""Inputs that could not be read or explained: each is said as it comes, and the command ends with a code of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from onnxplain.cli.terminal import say_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.errors import OnnxplainError
    from onnxplain.stream import Failure
    from onnxplain.strict_json import Json

SOME_FAILED = 5
"""Exit code: some of the inputs could not be read or explained, and all others are done."""


class Failures:
    """What failed so far: names of inputs, and why."""

    def __init__(self) -> None:
        self.reasons: list[tuple[str, str]] = []

    def add(self, name: str, problem: OnnxplainError) -> None:
        """Note an input, and say at once why it failed."""
        self.reasons.append((name, str(problem)))
        say_line(f"onnxplain: {problem}", err=True)

    def add_all(self, failures: Sequence[Failure]) -> None:
        """Note those of a stream that are not noted yet."""
        for each in failures[len(self.reasons) :]:
            self.add(each.name, each.error)

    def to_json(self) -> list[Json]:
        """Return them in plain JSON types."""
        return [{"input": name, "problem": reason} for name, reason in self.reasons]

    def end(self, inputs: Sequence[object]) -> None:
        """Exit where any input failed."""
        if self.reasons:
            self._exit(len(inputs))

    def _exit(self, inputs: int) -> NoReturn:
        say_line(f"onnxplain: {len(self.reasons)} of {inputs} inputs failed, and the others are done", err=True)
        raise SystemExit(SOME_FAILED)
