"""What the service counts while it works."""

from __future__ import annotations

from dataclasses import dataclass

from onnxplain.serve.noted import noted

OBSERVER = "onnxplain.observer"
"""The key in the state of the application's lifespan under which a server finds whom to tell what it refuses itself."""


@dataclass(frozen=True)
class Answered:
    """An answer that was given. path: the template of the address, None where there is none; code: of a refusal.

    status: of HTTP; 499 where the client left before it was answered.
    """

    method: str
    path: str | None
    status: int
    seconds: float
    code: str | None = None


class Observer:
    """Is told of what was done. It counts nothing; the one of `onnxplain.serve.metrics` does."""

    def explained(self, model: str, method: str, rows: int, seconds: float) -> None:  # noqa: ARG002
        """Note that the rows of a request were explained, in so many seconds from its acceptance on."""
        _note(model, method, rows)

    def predicted(self, model: str, rows: int, seconds: float) -> None:  # noqa: ARG002
        """Note that the rows of a request were predicted, in so many seconds from its acceptance on."""
        _note(model, "predict", rows)

    def batched(self, rows: int, seconds: float) -> None:
        """Note that rows of one or several requests were computed together, in so many seconds."""

    def computes(self, change: int) -> None:
        """Note that so many batches more, or fewer, are computed now."""

    def waits(self, requests: int) -> None:
        """Note how many requests are accepted and not answered now."""

    def planned(self, explainers: int) -> None:
        """Note how many explainers are kept now."""

    def answered(self, answer: Answered) -> None:
        """Note that a request was answered, by whatever part of the service."""


def _note(model: str, method: str, rows: int) -> None:
    found = noted()
    found.model, found.method, found.rows = model, method, rows
