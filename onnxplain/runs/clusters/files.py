"""Writing the clusters of a run: as a picture, as a table of which row is in which, or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.runs.written import write
from onnxplain.show.strategies import Strategy, strategies_page
from onnxplain.show.style import Style

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from onnxplain.runs.clusters.result import Clusters
    from onnxplain.show.page import Page


def save(found: Clusters, path: str | Path, style: Mapping[str, Any]) -> None:
    """Write clusters as the ending of `path` says, whole or not at all. Raises UsageError for another ending."""
    write(found, path, "clusters are", lambda: page_of(found, style), lambda: _rows(found))


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


def _rows(found: Clusters) -> Iterator[Sequence[Any]]:
    yield "row", "name", "label", "cluster"
    for each in found:
        for row, cluster in each.cluster_of.items():
            yield row, found.run.row(row).name, each.label, cluster
