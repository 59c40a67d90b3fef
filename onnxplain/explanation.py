"""The result of explaining: attributions, what they explain, and a record of all it takes to make them again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import MissingExtraError, UsageError
from onnxplain.record_rows import indices, record_of_rows
from onnxplain.strict_json import strict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from PIL import Image

    from onnxplain.arrays import Array
    from onnxplain.conservation import Conservation
    from onnxplain.guard.parity import Parity
    from onnxplain.inputs.placement import Original
    from onnxplain.plan.plan import Plan
    from onnxplain.record import Record
    from onnxplain.walk.book import Book
    from onnxplain.walk.neuron import Neuron


@dataclass(frozen=True, eq=False)
class Explanation:
    """What one call explains, rows first.

    attribution: in the shape of the model's input, or of the inner value that was asked for; the rows come first, also
    where the file has them on another axis, or has no axis for them.
    target: the class index of each row, or the Neuron. score: of the target, before the final softmax, for each row.
    probability: of the target, by the file's own head [N]; None where the file gives scores alone, and for a Neuron.
    prediction: all scores [N, C], those of a row in the order of the file's output. labels: the target's name by row.
    A model with a single sigmoid is explained for its one class; where no target was asked for, `labels` and
    `probability` are of what it decides: "not cat", say.
    delta: how far Σ attribution is from what it should be, for each row; None for a method that obeys no such law.
    conservation: the same in shares: how much of the explained number arrived, and what took the rest; or None.
    plan: node -> rule; None for a method that walks nothing. record: what was explained and how, in plain JSON types.
    channel_axis: the axis of the attribution that holds colours or channels; None where there is none.
    inputs, images: what the model was given, and the pictures that it was made of. originals: those pictures as they
    came, upright, each with its way back from the model's input; None where the inputs were no pictures.
    others: its other inputs, by name.
    parity: how far the scores are from those of the untouched file; None where the model was loaded not to compare.
    book: the accounts of where relevance went, where they were asked for.
    raw: the map at its own size, before it was enlarged to the input; None for a method without one.
    output: name of the file's output whose scores these are.
    """

    attribution: Array = field(repr=False)
    target: Array | Neuron
    score: Array
    prediction: Array = field(repr=False)
    delta: Array | None
    method: str
    plan: Plan | None = field(repr=False)
    labels: tuple[str, ...]
    record: Record = field(repr=False)
    channel_axis: int | None = None
    inputs: Array = field(default_factory=lambda: np.empty(0), repr=False)
    images: tuple[Array | None, ...] | None = field(default=None, repr=False)
    features: tuple[str, ...] | None = field(default=None, repr=False)
    book: Book | None = field(default=None, repr=False)
    raw: Array | None = field(default=None, repr=False)
    vocabulary: tuple[str, ...] | None = field(default=None, repr=False)
    conservation: Conservation | None = field(default=None, repr=False)
    output: str = ""
    parity: Parity | None = None
    probability: Array | None = None
    originals: tuple[Original, ...] | None = field(default=None, repr=False)
    others: Mapping[str, Array] = field(default_factory=dict, repr=False)

    @property
    def parts(self) -> Mapping[str, Explanation]:
        """The explanation of each explained input, by its name: itself, where one input is explained."""
        model: Mapping[str, Any] = self.record.get("model", {})
        return {model.get("input", "input"): self}

    @property
    def attributions(self) -> dict[str, Array]:
        """The attribution of each explained input, by its name; one, unless several are explained together."""
        return {name: part.attribution for name, part in self.parts.items()}

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.score)

    def __getitem__(self, rows: int | slice) -> Explanation:
        """Return the explanation of one row, or of a slice of rows, with the record of these rows.

        The accounts of a book are of all rows together, and are left out. Raises IndexError where there is no row.
        """
        wanted = indices(rows, len(self))
        return self if len(wanted) == len(self) == 1 else _of_rows(self, wanted)

    def __iter__(self) -> Iterator[Explanation]:
        """Yield the rows, each as an explanation of its own."""
        return (self[row] for row in range(len(self)))

    @property
    def relevance(self) -> Array:
        """Attribution per pixel: channels summed, [N, H, W] for an image."""
        return self.attribution if self.channel_axis is None else self.attribution.sum(self.channel_axis)

    @property
    def meaning(self) -> tuple[str, ...]:
        """What has to be known of the numbers, such as what a derivative is taken for in a quantised network."""
        return tuple(self.record.get("meaning", ()))

    def at_original(self, row: int = 0) -> Array:
        """Return the relevance of a row on the picture as it came, float32 [H, W]; NaN where the model saw nothing.

        Resizing, cropping and padding are inverted. The numbers stay relevance for a pixel of the model's input:
        between such pixels they are interpolated, and where several lie in one pixel of the picture, it has their mean.
        Raises UsageError for a row that does not exist, and where the input was no picture.
        """
        if not isinstance(row, (int, np.integer)) or not 0 <= row < len(self.attribution):
            raise UsageError(f"row {row!r}: the explanation has {len(self.attribution)} rows")
        relevance = self.relevance[row]
        if self.originals is None or relevance.shape != self.originals[row].placement.size:
            raise UsageError("at_original: this is no map over a picture that was preprocessed; take e.relevance")
        return self.originals[row].placement.back(relevance)

    def tokens(self, row: int = 0) -> tuple[str, ...]:
        """Return the tokens of a row of token ids: words of the vocabulary, or the ids where no word is known."""
        ids, words = map(int, self.inputs[row].ravel()), self.vocabulary or ()
        return tuple(words[i] if 0 <= i < len(words) else str(i) for i in ids)

    def to_dict(self) -> dict[str, Any]:
        """Return the record, with label, score, probability and delta of each row and the plan, in plain JSON types.

        A number that is not finite is None, and `not_finite` names it.
        """
        found = {
            **self.record,
            "labels": list(self.labels),
            "score": self.score.tolist(),
            "probability": None if self.probability is None else self.probability.tolist(),
            "delta": None if self.delta is None else self.delta.tolist(),
            "plan": str(self.plan or "").splitlines(),
        }
        return dict(strict(found))

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the picture, class, score and delta of each row."""
        from onnxplain.show.html import html

        return html(self)

    def to_shap(self) -> Any:
        """Return a `shap.Explanation`, for the plots of shap: attributions, base values, data and names of columns.

        The base value of a row is its score less what is shared out; NaN for a method that shares nothing out.
        Raises MissingExtraError without shap.
        """
        try:
            from shap import Explanation as Shap
        except ImportError as problem:
            raise MissingExtraError("to_shap() needs shap: pip install 'onnxplain[shap]'") from problem
        kept = self.conservation
        base = np.full(len(self.score), np.nan)
        if kept is not None and kept.of != "the seed":
            base = self.score - kept.due
        names = None if self.features is None else list(self.features)
        data = self.inputs if self.inputs.shape == self.attribution.shape else None
        return Shap(values=self.attribution, base_values=base, data=data, feature_names=names)

    def save(
        self,
        path: str | Path | BinaryIO,
        *,
        row: int | str = 0,
        format: str | None = None,  # noqa: A002
        source: Any = None,
        patient: bool = False,
        **style: Any,
    ) -> None:
        """Write an .npz with all arrays and the record, a .png, .pdf or .svg picture, a .json record, or a .dcm file.

        path: of the file, or a file that is open for bytes. format: "png", "npz", "json" or "dcm", where no ending
        says it. row: which a picture shows, or "all" of a table.
        style: how a picture is drawn, see `onnxplain.show.style.Style`.
        source, patient: of a .dcm, the map over the image as a DICOM Secondary Capture: the DICOM file that was
        explained, where it was no path, and whether what files the map with its patient and study is copied; see
        `onnxplain.show.secondary_capture`.
        """
        from onnxplain.show.save import save

        save(self, path, row=row, format_=format, style=style, dicom={"source": source, "patient": patient})

    def image(self, row: int | str = 0, **style: Any) -> Image.Image:
        """Return the picture of one row, or of "all" rows of a table.

        Of all rows it is the mean |R| of each column or, with kind="beeswarm", a dot for each row and column.
        style: how it is drawn, see `onnxplain.show.style.Style`.
        """
        from onnxplain.show.save import image

        return image(self, row, style)

    def plot(self, ax: Any = None, *, row: int | str = 0, **style: Any) -> Any:
        """Draw one row, or "all" rows of a table, with matplotlib. style: see `onnxplain.show.style.Style`."""
        from onnxplain.show.save import plot

        return plot(self, ax, row=row, style=style)


def _of_rows(e: Explanation, rows: list[int]) -> Explanation:
    """Return the explanation of some rows alone."""
    by_row = ("attribution", "score", "prediction", "inputs", "delta", "raw", "probability")
    cut: dict[str, Any] = {name: None if (value := getattr(e, name)) is None else value[rows] for name in by_row}
    known = e.record["input"]["others"]
    others = {name: value[rows] if known[name]["by_row"] else value for name, value in e.others.items()}
    return replace(
        e,
        **cut,
        others=others,
        target=e.target[rows] if isinstance(e.target, np.ndarray) else e.target,
        labels=tuple(e.labels[i] for i in rows),
        images=e.images and tuple(e.images[i] for i in rows),
        originals=e.originals and tuple(e.originals[i] for i in rows),
        conservation=e.conservation and e.conservation.of_rows(rows),
        book=None,
        record=record_of_rows(e.record, rows, cut["attribution"], cut["inputs"], others),
    )
