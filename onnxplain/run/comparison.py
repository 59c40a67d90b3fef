"""Several methods on the same inputs, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain.errors import OnnxplainError, UnsupportedModelError, UsageError
from onnxplain.inputs import by_row
from onnxplain.method import find
from onnxplain.run.explainer import Explainer
from onnxplain.run.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from PIL import Image

    from onnxplain.explanation import Explanation
    from onnxplain.model import Model

METHODS = ("gradient", "guided_backprop", "integrated_gradients", "lrp.epsilon_plus_flat", "deeplift", "grad_cam")
"""Compared by default: one of each family."""


@dataclass(frozen=True)
class Comparison:
    """rows: for each input, method -> explanation, or the reason in words why the method cannot explain this model.

    names: of the inputs, row by row: paths, or their places.
    """

    rows: tuple[Mapping[str, Explanation | str], ...]
    names: tuple[str, ...] = ()

    def picture(self) -> Image.Image:
        """The grid of maps."""
        from onnxplain.show.grid import grid

        return grid(self.rows)

    def save(self, path: str | Path) -> None:
        """Write the grid as a PNG, whole or not at all."""
        from onnxplain.show.atomic import save_atomic

        check_path(path)
        save_atomic(path, lambda file: self.picture().save(file, "PNG"))

    def _repr_html_(self) -> str:
        from onnxplain.show.html import data_uri

        return f'<img alt="comparison of methods" style="max-width:100%" src="{data_uri(self.picture())}">'


def check_path(path: str | Path, *sources: object) -> None:
    """Raise UsageError where no comparison of these sources, files that are read, can be saved to `path`."""
    from onnxplain.show.atomic import check_file

    if Path(path).suffix.lower() != ".png":
        raise UsageError(f"{path}: a comparison is saved as .png")
    check_file(path, *sources)


def compare(
    model: Model,
    inputs: Any,
    methods: Iterable[str] | str = METHODS,
    target: Any = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Comparison:
    """Explain each of `inputs` (pictures, paths, arrays, or one of these) by each method, for one target.

    An array with the input's rank, and a file that holds one, is taken row by row. options: method -> keywords of its
    `Explainer`. A method that cannot explain the model or these inputs takes its place with the reason.
    Raises UsageError for an unknown method or parameter, or where no method explains anything, as for a wrong target.
    """
    items, names = _rows(model, inputs), [methods] if isinstance(methods, str) else list(methods or ())
    rows = [item for _, item in items]
    if not rows or not names:
        raise UsageError("compare needs at least one input and one method")
    for name in names:
        find(name)  # what is unknown is said before anything runs
    given = options or {}
    columns: dict[str, list[Explanation | OnnxplainError]] = {}
    with progress("compare", len(names) * len(rows), "map") as bar:
        for name in names:
            columns[name] = _column(model, rows, name, target, dict(given.get(name, {})))
            bar.update(len(rows))
    firsts = [column[0] for column in columns.values()]
    if all(isinstance(each, UsageError) for each in firsts):
        raise next(each for each in firsts if isinstance(each, UsageError))
    cells = tuple({name: _shown(columns[name][i]) for name in columns} for i in range(len(rows)))
    return Comparison(cells, tuple(name for name, _ in items))


def _rows(model: Model, inputs: Any) -> list[tuple[str, Any]]:
    """Items of one row, with their names."""
    given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    rank = len(model.input_shape)
    return [row for i, item in enumerate(given) for row in by_row(item, f"input {i}", rank)]


def _column(
    model: Model, rows: Sequence[Any], method: str, target: Any, options: dict[str, Any]
) -> list[Explanation | OnnxplainError]:
    explainer = None
    try:
        explainer = Explainer(model, method, **options)
        return [explainer(each, target) for each in rows]
    except (UnsupportedModelError, UsageError) as problem:
        if explainer is None and options and isinstance(problem, UsageError):
            raise  # what was given for this method does not fit it
        return [problem] * len(rows)


def _shown(cell: Explanation | OnnxplainError) -> Explanation | str:
    return str(cell) if isinstance(cell, OnnxplainError) else cell
