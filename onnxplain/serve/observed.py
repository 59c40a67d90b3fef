"""What the service counts while it works."""

from __future__ import annotations


class Observer:
    """Is told of what was done. It counts nothing; the one of `onnxplain.serve.metrics` does."""

    def explained(self, model: str, method: str, rows: int, seconds: float) -> None:
        """Note that the rows of a request were explained, in so many seconds from its acceptance on."""

    def predicted(self, model: str, rows: int, seconds: float) -> None:
        """Note that the rows of a request were predicted, in so many seconds from its acceptance on."""

    def batched(self, rows: int, seconds: float) -> None:
        """Note that rows of one or several requests were computed together, in so many seconds."""

    def waits(self, requests: int) -> None:
        """Note how many requests are accepted and not answered now."""

    def planned(self, explainers: int) -> None:
        """Note how many explainers are kept now."""
