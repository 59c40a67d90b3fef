"""The result of looking for strategies in a run: for each class the clusters of its maps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.strict_json import strict
from onnxplain.text import columns, offer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from PIL import Image

    from onnxplain.arrays import Array
    from onnxplain.runs.clusters.counter_test import CounterTest
    from onnxplain.runs.read import Run


@dataclass(frozen=True, eq=False)
class Cluster:
    """Rows of a class whose maps are alike.

    rows: their indices in the run, ascending. exemplars: those nearest to the mean of all, the nearest first.
    mean_map: the mean of their maps, each over its 2-norm. test: the counter-test, None where it was not made: a class
    of one cluster has no other rows, and the model or the inputs may be missing.
    """

    rows: tuple[int, ...]
    exemplars: tuple[int, ...]
    mean_map: Array = field(repr=False)
    test: CounterTest | None = None

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class ClassClusters:
    """The clusters of the maps that explain one class, the largest first.

    label, target: name and index of the class. rows: how many maps of it the run has, of which `grouped` were grouped,
    a sample where there are more than were asked for. eigenvalues: the smallest ones of the graph. embedding: of the
    rows that were grouped, in the order of their indices [N, ...]. neighbours: how many each is joined with.
    """

    label: str
    target: int
    rows: int
    clusters: tuple[Cluster, ...]
    eigenvalues: Array = field(repr=False)
    embedding: Array = field(repr=False)
    neighbours: int

    @property
    def grouped(self) -> int:
        """How many maps were grouped."""
        return sum(map(len, self.clusters))

    @property
    def cluster_of(self) -> dict[int, int]:
        """The number of the cluster of each row that was grouped, by the row's index, ascending."""
        found = {row: number for number, each in enumerate(self.clusters) for row in each.rows}
        return dict(sorted(found.items()))

    def __len__(self) -> int:
        return len(self.clusters)

    def __getitem__(self, number: int) -> Cluster:
        return self.clusters[number]

    def __iter__(self) -> Iterator[Cluster]:
        return iter(self.clusters)


@dataclass(frozen=True, eq=False, repr=False)
class Clusters:
    """The clusters of a run, class by class: `found["opacity"]`. It prints as a table.

    classes: those with enough rows, in the order of their names. few: by name, the number of rows of the others.
    without: how many rows have no relevance at all, and belong to no cluster. settings: what was asked. because: why no
    counter-test was made, "" where it was.
    """

    run: Run = field(repr=False)
    classes: Sequence[ClassClusters]
    few: dict[str, int]
    without: int
    settings: dict[str, Any]
    because: str = ""

    def __getitem__(self, label: str) -> ClassClusters:
        """Return the clusters of a class. Raises UsageError for one that was not grouped."""
        for each in self.classes:
            if each.label == label:
                return each
        if label in self.few:
            raise UsageError(f"class {label!r} has {self.few[label]} rows, too few to be grouped")
        raise UsageError(f"no class {label!r} in the run; {offer(label, [each.label for each in self.classes])}")

    def __iter__(self) -> Iterator[ClassClusters]:
        return iter(self.classes)

    def __len__(self) -> int:
        return len(self.classes)

    def to_dict(self) -> dict[str, Any]:
        """Return all but embeddings and mean maps in plain JSON types."""
        classes = [
            {
                "label": each.label,
                "target": each.target,
                "rows": each.rows,
                "grouped": each.grouped,
                "neighbours": each.neighbours,
                "eigenvalues": each.eigenvalues.tolist(),
                "clusters": [
                    {
                        "rows": list(cluster.rows),
                        "exemplars": list(cluster.exemplars),
                        "counter_test": None if cluster.test is None else cluster.test.to_dict(),
                    }
                    for cluster in each
                ],
            }
            for each in self.classes
        ]
        found = {"run": self.run.id, "settings": self.settings, "classes": classes, "few": self.few}
        return dict(strict({**found, "without_relevance": self.without, "no_counter_test": self.because or None}))

    def to_json(self, path: str | Path | None = None) -> str:
        """Return `to_dict` as JSON text, and write it to `path` where one is given, whole or not at all."""
        from onnxplain.runs.written import as_json

        return as_json(self, path)

    def picture(self, **style: Any) -> Image.Image:
        """Return the clusters of the classes that have several: the mean map of each, and its exemplars.

        style: how it is drawn, see `onnxplain.show.style.Style`.
        """
        from onnxplain.runs.clusters.files import page_of

        return page_of(self, style).image()

    def save(self, path: str | Path, **style: Any) -> None:
        """Write a .png, .pdf or .svg of the clusters, a .csv with the cluster of each row, or a .json of `to_dict`."""
        from onnxplain.runs.clusters.files import save

        save(self, path, style)

    def to_virelay(self, folder: str | Path) -> None:
        """Write the clusters as a project for ViRelAy into a new folder; see `onnxplain.runs.clusters.virelay`."""
        from onnxplain.runs.clusters.virelay import export

        export(self, folder)

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("class", "cluster", "rows", "eigengap", "exemplar")]
        tests: list[tuple[str, ...]] = []
        for each in self.classes:
            for number, cluster in enumerate(each):
                gap = f"{len(each)} of λ {', '.join(f'{v:.2g}' for v in each.eigenvalues[: len(each) + 2])}"
                name = self.run.row(cluster.exemplars[0]).name
                first = number == 0
                rows.append((each.label if first else "", str(number), str(len(cluster)), gap if first else "", name))
                if cluster.test is not None:
                    tests.append((each.label, str(number), *cluster.test.cells()))
        body = [columns(rows)]
        if tests:
            area = f"{100 * self.settings['area']:.3g} %"
            said = f"counter-test: by how much scores fall without the top {area} of a mean map"
            head = ("class", "cluster", "members", "other rows", "elsewhere", "")
            body.append(f"{said}, and how many fall\n{columns([head, *tests])}")
        if self.few:
            said = ", ".join(f"{label} ({count})" for label, count in list(self.few.items())[:10])
            more = f" and {len(self.few) - 10} more" if len(self.few) > 10 else ""
            body.append(f"too few rows to be grouped: {said}{more}")
        if self.without:
            body.append(f"{self.without} rows have no relevance, and belong to no cluster")
        if self.because:
            body.append(f"no counter-test: {self.because}")
        return "\n\n".join(body)

    __repr__ = __str__
