"""Writing the clusters of a run: as a picture, as a table of which row is in which, or as JSON."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.runs.folder import check_outside
from onnxplain.show.atomic import save_atomic
from onnxplain.show.save import PAGES, write_page
from onnxplain.show.strategies import Strategy, strategies_page
from onnxplain.show.style import Style

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    from onnxplain.runs.clusters.result import Clusters
    from onnxplain.show.page import Page

TABLE, ALL = ".csv", ".json"
FILES = (*PAGES, TABLE, ALL)
"""The endings of what clusters are written as."""


def save(found: Clusters, path: str | Path, style: Mapping[str, Any]) -> None:
    """Write clusters as the ending of `path` says, whole or not at all. Raises UsageError for another ending."""
    ending = Path(path).suffix.lower()
    if ending not in FILES:
        raise UsageError(f"{path}: clusters are saved as {', '.join(FILES)}")
    check_outside(path)
    if ending in PAGES:
        page = page_of(found, style)
        save_atomic(path, lambda file: write_page(page, file, ending, found.to_dict()))
    elif ending == TABLE:
        save_atomic(path, lambda file: _write_table(found, file))
    else:
        found.to_json(path)


def page_of(found: Clusters, style: Mapping[str, Any]) -> Page:
    """Lay out the clusters of the classes that have several or, where none has, of all classes.

    Raises UsageError where no class was grouped, BadInputError where the model or the inputs are missing.
    """
    if not found.classes:
        raise UsageError("no class has enough rows to be grouped, so there is nothing to draw")
    return strategies_page(_strategies(found), Style.of(style))


def _strategies(found: Clusters) -> Iterator[Strategy]:
    several = [each for each in found if len(each) > 1] or list(found)
    for each in several:
        for number, cluster in enumerate(each):
            lines = [f"{each.label}, cluster {number}", f"{len(cluster)} of {each.grouped} rows"]
            if cluster.test is not None:
                test = cluster.test
                lines += [f"{100 * test.area:.3g} % hidden, scores fall by", f"{test.members} in the members"]
                lines += [f"{test.others} in other rows", f"{test.elsewhere} elsewhere"]
                lines += ["stands out"] if test.stands_out else []
            yield Strategy(lines, cluster.mean_map, [found.run[row] for row in cluster.exemplars])


def _write_table(found: Clusters, file: BinaryIO) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(("row", "name", "label", "cluster"))
    for each in found:
        for row, cluster in each.cluster_of.items():
            writer.writerow((row, found.run.row(row).name, each.label, cluster))
    text.detach()
