"""Several methods on the same inputs, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain.errors import OnnxplainError, UnsupportedModelError, UsageError
from onnxplain.explainer import Explainer
from onnxplain.inputs import rows_of_item
from onnxplain.method.naming import is_method, named
from onnxplain.method.registry import find
from onnxplain.progress import progress

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from PIL import Image

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation
    from onnxplain.inputs import Item, Source
    from onnxplain.method.naming import Methods
    from onnxplain.model import Model
    from onnxplain.plan.composite import Composite
    from onnxplain.walk.objective import Target

COMPARED = ("gradient", "guided_backprop", "integrated_gradients", "lrp.epsilon_plus_flat", "deeplift", "grad_cam")
"""The methods that are compared by default: one of each kind."""
_EXPECTED = "expected a name, a composite, a list of these, or a dict of names for these"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several methods on the same inputs.

    rows: for each input, the explanation by the name of the method, or in its place the reason why there is none.
    names: of the inputs, row by row: their paths, or their places.
    """

    rows: tuple[Mapping[str, Explanation | str], ...]
    names: tuple[str, ...] = ()

    def picture(self) -> Image.Image:
        """Return the grid of maps: inputs down, methods across."""
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
    """Raise UsageError where a comparison cannot be saved to `path`: no PNG, or one of the files that were read."""
    from onnxplain.show.atomic import check_file

    if Path(path).suffix.lower() != ".png":
        raise UsageError(f"{path}: a comparison is saved as .png")
    check_file(path, *sources)


def compare_methods(
    model: Model,
    inputs: Source,
    methods: Methods = COMPARED,
    target: Target | Array = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Comparison:
    """Explain each of `inputs` (pictures, paths, arrays, or one of these) by each method, for one target.

    An array with the input's rank, and a file that holds one, is taken row by row. methods: names, composites, or a
    dict of names for these. options: a method's name -> keywords of its `Explainer`. A method that cannot explain the
    model or these inputs takes its place with the reason.
    Raises UsageError for an unknown method or parameter, or where no method explains anything, as for a wrong target.
    """
    items, ways = _rows(model, inputs), named(() if methods is None else methods, is_method, _EXPECTED)
    rows, given = [item for _, item in items], options or {}
    if not rows or not ways:
        raise UsageError("compare needs at least one input and one method")
    _check(ways, given)
    columns: dict[str, list[Explanation | OnnxplainError]] = {}
    with progress("compare", len(ways) * len(rows), "map") as bar:
        for name, way in ways.items():
            columns[name] = _column(model, rows, way, target, dict(given.get(name, {})))
            bar.update(len(rows))
    firsts = [column[0] for column in columns.values()]
    if all(isinstance(each, UsageError) for each in firsts):
        raise next(each for each in firsts if isinstance(each, UsageError))
    cells = tuple({name: _shown(columns[name][i]) for name in columns} for i in range(len(rows)))
    return Comparison(cells, tuple(name for name, _ in items))


def _check(ways: Mapping[str, str | Composite], given: Collection[str]) -> None:
    """Raise UsageError, before anything runs, for an unknown method and for options of one that is not compared."""
    for way in ways.values():
        find(way)
    for name in given:
        if name not in ways:
            raise UsageError(f"options= is for {name!r}, which is not compared; compared are: {', '.join(ways)}")


def _rows(model: Model, inputs: Source) -> list[tuple[str, Item]]:
    """Return the inputs row by row, with their names."""
    given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    rank, axis = len(model.input_shape), model.canonical.rows.axis(model.explained_input.name)
    with model.limits.hold():
        return [row for i, item in enumerate(given) for row in rows_of_item(item, f"input {i}", rank, axis)]


def _column(
    model: Model, rows: Sequence[Item], method: str | Composite, target: Target | Array, options: dict[str, Any]
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
