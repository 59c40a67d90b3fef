"""The result of explaining: attributions, what they explain, and all it takes to make them again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onnxplain.arrays import Array
    from onnxplain.plan.plan import Plan
    from onnxplain.walk.book import Book


@dataclass(frozen=True, eq=False)
class Explanation:
    """One call's explanations, batch first.

    attribution: shape of the model's input (or of the inner value that was asked for).
    target: class index per row, or the Neuron. score: the target's score before the final softmax, per row.
    prediction: all scores [N, C]. delta: Σ attribution - what it should sum to, per row; None where no law says.
    raw: the map at its own size, before it was enlarged to the input's; None where a method has none.
    """

    attribution: Array = field(repr=False)
    target: Any
    score: Array
    prediction: Array = field(repr=False)
    delta: Array | None
    method: str
    plan: Plan | None = field(repr=False)
    labels: tuple[str, ...]
    record: Mapping[str, Any] = field(repr=False)
    channel_axis: int | None = None
    inputs: Array = field(default_factory=lambda: np.empty(0), repr=False)
    images: tuple[Any, ...] | None = field(default=None, repr=False)
    features: tuple[str, ...] | None = field(default=None, repr=False)
    book: Book | None = field(default=None, repr=False)
    raw: Array | None = field(default=None, repr=False)
    vocabulary: tuple[str, ...] | None = field(default=None, repr=False)

    @property
    def relevance(self) -> Array:
        """Attribution per pixel: channels summed, [N, H, W] for an image."""
        return self.attribution if self.channel_axis is None else self.attribution.sum(self.channel_axis)

    def tokens(self, row: int = 0) -> tuple[str, ...]:
        """The tokens of a row of token ids: words of the vocabulary, or the ids where none is known."""
        ids, words = map(int, self.inputs[row].ravel()), self.vocabulary or ()
        return tuple(words[i] if 0 <= i < len(words) else str(i) for i in ids)

    def to_dict(self) -> dict[str, Any]:
        """The record with what was found, row by row, and the plan line by line: all but the arrays, in plain types."""
        return {
            **self.record,
            "labels": list(self.labels),
            "score": self.score.tolist(),
            "delta": None if self.delta is None else self.delta.tolist(),
            "plan": str(self.plan or "").splitlines(),
        }

    def _repr_html_(self) -> str:
        """What a notebook shows: each row's picture, class, score and gap."""
        from onnxplain.show.html import html

        return html(self)

    def save(self, path: str | Path, *, row: int = 0) -> None:
        """Write an .npz with all arrays and the record, a .png picture of one row, or a .json record."""
        from onnxplain.show.save import save

        save(self, path, row=row)

    def plot(self, ax: Any = None, *, row: int = 0) -> Any:
        """Draw one row with matplotlib."""
        from onnxplain.show.save import plot

        return plot(self, ax, row=row)
