"""Several methods, and several models, on the same inputs, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from onnxplain.errors import OnnxplainError, UnsupportedModelError, UsageError
from onnxplain.explainer import Explainer
from onnxplain.inputs import rows_of_item
from onnxplain.method.asked import FOR_ALL, asked_of_each
from onnxplain.method.naming import is_method, named
from onnxplain.progress import progress
from onnxplain.tables import feeds_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL import Image

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation
    from onnxplain.inputs import Item, Source
    from onnxplain.method.naming import Methods
    from onnxplain.model import Model
    from onnxplain.plan.composite import Composite
    from onnxplain.show.page import Page
    from onnxplain.walk.objective import Target

    Cells: TypeAlias = dict[str, Explanation | OnnxplainError]
    """What the methods find of one input by one model."""

COMPARED = ("gradient", "guided_backprop", "integrated_gradients", "lrp.epsilon_plus_flat", "deeplift", "grad_cam")
"""The methods that are compared by default: one of each kind."""
_EXPECTED = "expected a name, a composite, a list of these, or a dict of names for these"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several methods on the same inputs, by one model or several.

    rows: for each input, the explanation by the name of the method, or in its place the reason why there is none. Of
    several targets each has a row for an input, and of several models each has one for an input and a target: those of
    the first input come first, in the order of the targets, and then of the models.
    names: of the inputs, row by row: their paths, or their places. models: of the models, row by row; () for one model.
    """

    rows: tuple[Mapping[str, Explanation | str], ...]
    names: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    @property
    def correlations(self) -> tuple[dict[str, float | None], ...]:
        """How like each map is to that of the first model, row by row and by the name of the method.

        It is Pearson's correlation of the relevance of both; 1 for the first model. None where one of the two has no
        map, where they are of different sizes, and where all of one is the same number.
        """
        each = len(set(self.models)) or 1
        firsts = (self.rows[i - i % each] for i in range(len(self.rows)))
        pairs = zip(self.rows, firsts, strict=True)
        return tuple({name: _correlation(row[name], first[name]) for name in row} for row, first in pairs)

    def picture(self, **style: Any) -> Image.Image:
        """Return the grid of maps: inputs down, methods across. Rows of one input by several models share a scale.

        style: how it is drawn, see `onnxplain.show.style.Style`.
        """
        return self._page(style).image()

    def save(self, path: str | Path, **style: Any) -> None:
        """Write the grid as a PNG or, with matplotlib, as a PDF or SVG, whole or not at all. style: see `picture`.

        A PNG carries the records of all cells, row by row and by method, as JSON under the key "onnxplain".
        """
        from onnxplain.show.atomic import save_atomic
        from onnxplain.show.save import write_page

        check_path(path)
        page = self._page(style)
        said = [{name: e if isinstance(e, str) else e.record for name, e in row.items()} for row in self.rows]
        save_atomic(path, lambda file: write_page(page, file, Path(path).suffix.lower(), {"rows": said}))

    def _page(self, style: Mapping[str, Any]) -> Page:
        from onnxplain.show.grid import grid
        from onnxplain.show.style import Style

        return grid(self.rows, self.names, self.models, Style.of(style))

    def _repr_html_(self) -> str:
        from onnxplain.show.html import data_uri

        return f'<img alt="comparison of methods" style="max-width:100%" src="{data_uri(self.picture())}">'


def check_path(path: str | Path, *sources: object) -> None:
    """Raise UsageError where a comparison cannot be saved to `path`: another ending, or a file that was read."""
    from onnxplain.show.atomic import check_file
    from onnxplain.show.save import PAGES

    if Path(path).suffix.lower() not in PAGES:
        raise UsageError(f"{path}: a comparison is saved as {', '.join(PAGES)}")
    check_file(path, *sources)


def compare_methods(
    models: Mapping[str, Model],
    inputs: Source,
    methods: Methods = COMPARED,
    target: Target | Array = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    targets: Sequence[Target] | None = None,
    **common: Any,
) -> Comparison:
    """Explain each of `inputs` (pictures, paths, arrays, or one of these) by each method and each model.

    All are explained for one target: without one, for the class that the first model predicts, by its label where both
    models have labels. An array with the input's rank, and a file that holds one, is taken row by row.
    targets: several, each of which has a row for an input, instead of `target`.
    models: by name. methods: names, composites, or a dict of names for these. options: a method's name -> keywords of
    its `Explainer`, and seed. common: such keywords for all methods that take them. A method that cannot explain a
    model or these inputs takes its place with the reason.
    Raises UsageError for an unknown method or parameter, or where no method explains anything, as for a wrong target.
    """
    for model in models.values():
        model.check_one("compare draws the maps of one input")
    ways = named(() if methods is None else methods, is_method, _EXPECTED)
    items = {name: _rows(model, inputs) for name, model in models.items()}
    first = next(iter(items))
    names = [name for name, _ in items[first]]
    if not names or not ways:
        raise UsageError("compare needs at least one input and one method")
    if any(len(each) != len(names) for each in items.values()):
        raise UsageError("compare: the models read another number of rows of these inputs; give pictures")
    given = asked_of_each(ways, options or {}, common)
    found = [_tables(models, items, ways, each, given) for each in _wanted(target, targets)]
    for tables in found:
        firsts = [cell for table in tables.values() for cell in table[0].values()]
        if all(isinstance(each, UsageError) for each in firsts):
            raise next(each for each in firsts if isinstance(each, UsageError))
    order = [(i, tables, name) for i in range(len(names)) for tables in found for name in tables]
    cells = tuple({way: _shown(cell) for way, cell in tables[name][i].items()} for i, tables, name in order)
    several = tuple(name for _, _, name in order) if len(items) > 1 else ()
    return Comparison(cells, tuple(names[i] for i, _, _ in order), several)


def _wanted(target: Target | Array, targets: Sequence[Target] | None) -> list[Target | Array]:
    """Return what is explained of each input, one after the other. Raises UsageError for both, and for no targets."""
    if targets is None:
        return [target]
    if target is not None or isinstance(targets, str) or not len(targets):
        raise UsageError("compare: give target= for one target, or targets= with a list of several")
    return list(targets)


def _tables(
    models: Mapping[str, Model],
    items: Mapping[str, list[tuple[str, Item]]],
    ways: Mapping[str, str | Composite],
    target: Target | Array,
    given: Mapping[str, Mapping[str, Any]],
) -> dict[str, list[Cells]]:
    """Return for each model what the methods find, input by input. items: the inputs with names, as each reads them."""
    tables: dict[str, list[Cells]] = {}
    with progress("compare", sum(map(len, items.values())) * len(ways), "map") as bar:
        for name, rows in items.items():
            targets = _targets(target, len(rows))
            first = next(iter(models))
            if target is None and name != first:
                targets = [_same_class(row, models[first], models[name]) for row in tables[first]]
            columns = {}
            for way, method in ways.items():
                columns[way] = _column(models[name], rows, method, targets, dict(given.get(way, {})))
                bar.update(len(rows))
            tables[name] = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return tables


def _targets(target: Target | Array, rows: int) -> list[Any]:
    """Return the target of each row: one for all, or a list of one for each, as an explainer takes it."""
    given = target.tolist() if isinstance(target, np.ndarray) else target
    if isinstance(given, list) and len(given) != rows:
        raise UsageError(f"{len(given)} targets for {rows} rows; give one target, or one per row")
    return given if isinstance(given, list) else [given] * rows


def _same_class(row: Cells, first: Model, model: Model) -> int | str | UsageError | None:
    """Return the class that the first model was explained for on one input, as another model knows it.

    None where the first one explains nothing. A UsageError where it is not known which class that is.
    """
    e = next((each for each in row.values() if not isinstance(each, OnnxplainError)), None)
    if e is None:
        return None
    if first.labels is not None and model.labels is not None:
        return first.label(int(np.asarray(e.target)[0]))
    if None not in (first.classes, model.classes) and first.classes != model.classes:
        return UsageError(f"the models have {first.classes} and {model.classes} classes: load both with labels")
    return int(np.asarray(e.target)[0])


def _correlation(a: Explanation | str, b: Explanation | str) -> float | None:
    """Return Pearson's correlation of the relevance of two explanations of a row; None where there is none."""
    if isinstance(a, str) or isinstance(b, str) or a.relevance.shape != b.relevance.shape:
        return None
    x, y = (each.relevance.astype(np.float64).ravel() for each in (a, b))
    x, y = x - x.mean(), y - y.mean()
    size = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(np.clip(x @ y / size, -1, 1)) if size > 0 else None


def _rows(model: Model, inputs: Source) -> list[tuple[str, Item]]:
    """Return the inputs row by row, with their names."""
    given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    if model.table is not None:
        feeds = feeds_of(model, None)
        batches = [feeds.read(each) for each in given]
        return [(name, list(row)) for each in batches for name, row in zip(each.names, each.x, strict=True)]
    rank, axis = len(model.input_shape), model.canonical.rows.axis(model.explained_input.name)
    one = model.preprocess is not None and model.preprocess.frame is not None
    with model.limits.hold():
        about: dict[str, Any] = {"features": model.features, "frame": one}
        return [row for i, item in enumerate(given) for row in rows_of_item(item, f"input {i}", rank, axis, **about)]


def _column(
    model: Model,
    rows: Sequence[tuple[str, Item]],
    method: str | Composite,
    targets: Sequence[Any],
    options: dict[str, Any],
) -> list[Explanation | OnnxplainError]:
    """Return what a method finds row by row. options: its keywords, and the seed of its calls."""
    explainer, seed = None, options.pop("seed", None)
    try:
        explainer = Explainer(model, method, **options)
        return [_explained(explainer, row, each, seed) for (_, row), each in zip(rows, targets, strict=True)]
    except (UnsupportedModelError, UsageError) as problem:
        if explainer is None and options.keys() - set(FOR_ALL) and isinstance(problem, UsageError):
            raise  # what was given for this method does not fit it
        return [problem] * len(rows)


def _explained(explainer: Explainer, row: Item, target: Any, seed: Any) -> Explanation | OnnxplainError:
    return target if isinstance(target, UsageError) else explainer(row, target, seed=seed)


def _shown(cell: Explanation | OnnxplainError) -> Explanation | str:
    return str(cell) if isinstance(cell, OnnxplainError) else cell
