"""Several methods on the same inputs, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UnsupportedModelError, UsageError
from onnxplain.run.explainer import Explainer
from onnxplain.run.progress import progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL import Image

    from onnxplain.explanation import Explanation
    from onnxplain.model import Model

METHODS = ("gradient", "guided_backprop", "integrated_gradients", "lrp.epsilon_plus_flat", "deeplift", "grad_cam")
"""Compared by default: one of each family."""


@dataclass(frozen=True)
class Comparison:
    """rows: for each input, method -> explanation, or the reason in words why the method cannot explain this model."""

    rows: tuple[Mapping[str, Explanation | str], ...]

    def picture(self) -> Image.Image:
        """The grid of maps."""
        from onnxplain.show.grid import grid

        return grid(self.rows)

    def save(self, path: str | Path) -> None:
        """Write the grid as a PNG, whole or not at all."""
        from onnxplain.show.atomic import save_atomic

        if Path(path).suffix.lower() != ".png":
            raise UsageError(f"{path}: a comparison is saved as .png")
        save_atomic(path, lambda file: self.picture().save(file, "PNG"))

    def _repr_html_(self) -> str:
        from onnxplain.show.html import data_uri

        return f'<img alt="comparison of methods" style="max-width:100%" src="{data_uri(self.picture())}">'


def compare(
    model: Model,
    inputs: Sequence[Any],
    methods: Sequence[str] = METHODS,
    target: Any = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Comparison:
    """Explain each of `inputs` (pictures, paths, arrays of one row) by each method, for the same target.

    options: method -> keywords of its `Explainer`. A method that has no plan for the model, or that lacks a structure
    it needs, takes its place with the reason.
    """
    if not inputs or not methods:
        raise UsageError("compare needs at least one input and one method")
    given = options or {}
    columns: dict[str, list[Explanation | str]] = {}
    with progress("compare", len(methods) * len(inputs), "map") as bar:
        for name in methods:
            columns[name] = _column(model, inputs, name, target, dict(given.get(name, {})))
            bar.update(len(inputs))
    return Comparison(tuple({name: columns[name][i] for name in columns} for i in range(len(inputs))))


def _column(
    model: Model, inputs: Sequence[Any], method: str, target: Any, options: dict[str, Any]
) -> list[Explanation | str]:
    try:
        explainer = Explainer(model, method, **options)
        return [explainer(each, target) for each in inputs]
    except UnsupportedModelError as problem:
        return [str(problem)] * len(inputs)
