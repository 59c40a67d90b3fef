"""Writing a comparison of two runs: the worst rows as a picture, all rows as a table, or the statistics as JSON."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.runs.diff.row_diff import QUANTITIES
from onnxplain.runs.folder import check_outside
from onnxplain.show.apart import Pair, pairs_page
from onnxplain.show.atomic import save_atomic
from onnxplain.show.save import PAGES, write_page
from onnxplain.show.style import Style

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from onnxplain.runs.diff.result import Diff
    from onnxplain.runs.diff.row_diff import RowDiff
    from onnxplain.show.page import Page

TABLE, STATISTICS = ".csv", ".json"
FILES = (*PAGES, TABLE, STATISTICS)
"""The endings of what a comparison is written as."""
_COLUMNS = ("name", "row_a", "row_b", "target", "predicted_a", "predicted_b", "score", *QUANTITIES)


def save(diff: Diff, path: str | Path, style: Mapping[str, Any]) -> None:
    """Write a comparison as the ending of `path` says, whole or not at all.

    Raises UsageError for another ending, and for a picture where no row was compared.
    """
    ending = Path(path).suffix.lower()
    if ending not in FILES:
        raise UsageError(f"{path}: a comparison of runs is saved as {', '.join(FILES)}")
    check_outside(path)
    if ending in PAGES:
        page = page_of(diff, style)
        save_atomic(path, lambda file: write_page(page, file, ending, diff.to_dict()))
    elif ending == TABLE:
        save_atomic(path, lambda file: _write_table(diff, file))
    else:
        diff.to_json(path)


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


def _write_table(diff: Diff, file: BinaryIO) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for row in diff.each():
        values = ["" if (v := row.value(name)) is None else repr(v) for name in QUANTITIES]
        writer.writerow([row.name, *row.index, row.target, *row.predicted, repr(row.score), *values])
    text.detach()
