"""Writing a comparison of two runs: the worst rows as a picture, all rows as a table, or the statistics as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.runs.diff.row_diff import QUANTITIES
from onnxplain.runs.written import write
from onnxplain.show.apart import Pair, pairs_page
from onnxplain.show.style import Style

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from onnxplain.runs.diff.result import Diff
    from onnxplain.runs.diff.row_diff import RowDiff
    from onnxplain.show.page import Page

_COLUMNS = ("name", "row_a", "row_b", "target", "predicted_a", "predicted_b", "score", *QUANTITIES)


def save(diff: Diff, path: str | Path, style: Mapping[str, Any]) -> None:
    """Write a comparison as the ending of `path` says, whole or not at all.

    Raises UsageError for another ending, and for a picture where no row was compared.
    """
    write(diff, path, "a comparison of runs is", lambda: page_of(diff, style), lambda: _rows(diff))


def page_of(diff: Diff, style: Mapping[str, Any]) -> Page:
    """Lay out the worst rows, both maps of each beside the input. Raises UsageError where no row was compared."""
    if not diff.worst:
        raise UsageError("no row to draw: no row was compared, or worst=0 keeps none")
    a, b = diff.runs.opened()
    pairs = (Pair(_said(row), a[row.index[0]], b[row.index[1]]) for row in diff.worst)
    return pairs_page(pairs, diff.names, Style.of(style))


def _said(row: RowDiff) -> list[str]:
    """Return what is written beside the maps of a row."""
    lines = [row.name.replace("\\", "/").rpartition("/")[2], f"explained: {row.target}"]
    lines.append(f"predicted: {' / '.join(row.predicted)}" if row.changed else f"both predict {row.predicted[0]}")
    if row.score_change is not None:
        lines.append(f"score {row.score:.4g} {row.score_change:+.3g}")
    if row.alike is None:
        return [*lines, "maps of two classes"]
    return [*lines, f"Spearman {row.alike.spearman:.3f}", f"relative L2 {row.alike.relative_l2:.3g}"]


def _rows(diff: Diff) -> Iterator[Sequence[Any]]:
    yield _COLUMNS
    for row in diff.each():
        values = ["" if (v := row.value(name)) is None else repr(v) for name in QUANTITIES]
        yield [row.name, *row.index, row.target, *row.predicted, repr(row.score), *values]
