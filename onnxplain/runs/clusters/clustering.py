"""Finding strategies in a run: the maps of each class are grouped, and each group is put to a counter-test.

A model may have several ways to decide for a class, and some of them rest on what should not matter, such as a tag on
some of the pictures. Their maps are alike among themselves and unlike the others. Source: Lapuschkin et al. 2019
(spectral relevance analysis, SpRAy).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain import checks
from onnxplain.errors import BadInputError, OnnxplainError, UsageError
from onnxplain.progress import progress
from onnxplain.runs.clusters.counter_test import AREA, TESTED, counter_test
from onnxplain.runs.clusters.feature import SIDE, feature, unit
from onnxplain.runs.clusters.result import ClassClusters, Cluster, Clusters
from onnxplain.runs.clusters.spectral import MOST, grouped
from onnxplain.runs.read import Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from onnxplain.arrays import Array
    from onnxplain.runs.clusters.counter_test import CounterTest
    from onnxplain.runs.clusters.rescoring import Rescoring
    from onnxplain.runs.clusters.spectral import Grouping

FEWEST = 20
"""A class with fewer rows than this is not grouped: its graph would say nothing."""
SAMPLE = 2000
"""So many rows of a class are grouped at most."""
EXEMPLARS = 4


@dataclass(frozen=True)
class Settings:
    """How clusters are looked for.

    side: so many cells a downsized map has along an axis at most. neighbours: with how many others each map is joined,
    by default a twentieth of the class. most: how many clusters of a class are looked for, at most. sample: how many
    rows of a class are grouped, at most; of more, a random sample. area: the share of the positions that the
    counter-test replaces. seed: of the sample, of k-means and of the counter-test; the same seed gives the same result.

    Raises UsageError, which names the option, for a value that makes no sense.
    """

    side: int = SIDE
    neighbours: int | None = None
    most: int = MOST
    sample: int = SAMPLE
    area: float = AREA
    seed: int = 0

    def __post_init__(self) -> None:
        checks.whole(side=self.side, most=self.most, sample=self.sample)
        checks.whole(2, neighbours=self.neighbours or 2)
        checks.seed(seed=self.seed)
        if not 0 < self.area < 1:
            raise UsageError(f"area={self.area!r}: expected a share of the positions, above 0 and below 1")


def clusters(
    run: Run | str | Path,
    classes: Sequence[str] | str | None = None,
    *,
    test: bool = True,
    model: Any = None,
    inputs: Any = None,
    **options: Any,
) -> Clusters:
    """Return the clusters of the maps of a run, class by class, each with exemplars, a mean map and a counter-test.

    A map is downsized to cells and divided by its 2-norm. Each is joined with its nearest neighbours; the graph's
    eigengap says how many clusters there are, and k-means in the spectral embedding which map is in which; see
    `onnxplain.runs.clusters.spectral`. The counter-test is described in `onnxplain.runs.clusters.counter_test`.
    classes: labels of the classes to look at, by default all. test: whether the counter-test is made, where a class
    has several clusters; it needs the model and the inputs. model, inputs: where they are, if not where the run had
    them. options: see `Settings`. Memory: some hundred numbers for each row that is grouped, and a map for a cluster.

    Raises MissingExtraError without scikit-learn, UsageError for a class that the run does not have.
    """
    settings, opened = Settings(**options), run if isinstance(run, Run) else Run(run)
    held = _collected(opened, [classes] if isinstance(classes, str) else classes, settings)
    by_size = {label: each.count for label, each in sorted(held.by_class.items())}
    large = {label: held.by_class[label] for label, count in by_size.items() if count >= FEWEST}
    how = {"most": settings.most, "seed": settings.seed}
    found = {
        label: grouped(np.stack(each.features), neighbours=settings.neighbours, **how) for label, each in large.items()
    }
    because, scoring = _scoring(opened, found, model, inputs) if test else ("it was not asked for", None)
    means, made = _mean_maps(opened, large, found), []
    for number, (label, group) in enumerate(found.items()):
        rng = np.random.default_rng([settings.seed, 1, number])
        tests = _tests(large[label], group, means[label], scoring, settings.area, rng)
        made.append(_of_class(label, large[label], group, means[label], tests))
    few = {label: count for label, count in by_size.items() if count < FEWEST}
    return Clusters(opened, made, few, held.without, asdict(settings), because)


@dataclass(eq=False)
class _Class:
    """The rows of a class that are kept. count: how many there were. rows: their indices. features: their vectors."""

    target: int
    count: int = 0
    rows: list[int] = field(default_factory=list)
    features: list[Array] = field(default_factory=list)

    def sort(self) -> None:
        """Bring the rows in the order of their indices."""
        order = np.argsort(self.rows)
        self.rows, self.features = [self.rows[i] for i in order], [self.features[i] for i in order]


@dataclass(eq=False)
class _Held:
    by_class: dict[str, _Class] = field(default_factory=dict)
    without: int = 0


def _collected(run: Run, wanted: Sequence[str] | None, settings: Settings) -> _Held:
    """Return a sample of the rows of each class, every row with the same chance (Vitter 1985, algorithm R)."""
    held, rng, sample = _Held(), np.random.default_rng([settings.seed, 0]), settings.sample
    with progress("read", len(run), "row") as bar:
        for row in run.rows():
            bar.update(1)
            if wanted is not None and row.label not in wanted:
                continue
            vector = feature(row.relevance, settings.side).astype(np.float32)
            if not vector.any():
                held.without += 1
                continue
            kept = held.by_class.setdefault(row.label, _Class(row.target))
            kept.count += 1
            if len(kept.rows) < sample:
                kept.rows.append(row.index)
                kept.features.append(vector)
            elif (place := int(rng.integers(kept.count))) < sample:
                kept.rows[place], kept.features[place] = row.index, vector
    missing = [label for label in wanted or () if label not in held.by_class]
    if missing:
        raise UsageError(f"no row of the run explains the class {missing[0]!r}")
    if len({len(each) for kept in held.by_class.values() for each in kept.features}) > 1:
        raise BadInputError(f"{run.path}: its maps have several sizes, and are not grouped")
    for kept in held.by_class.values():
        kept.sort()
    return held


def _mean_maps(run: Run, held: dict[str, _Class], groups: dict[str, Grouping]) -> dict[str, list[Array]]:
    """Return for each class the mean map of each cluster, of maps over their 2-norms; the run is read once more."""
    where = {
        row: (label, int(cluster))
        for label, each in held.items()
        for row, cluster in zip(each.rows, groups[label].cluster, strict=True)
    }
    sums: dict[tuple[str, int], Array] = {}
    for index in sorted(where):
        values = unit(run.row(index).relevance)
        place = where[index]
        sums[place] = sums[place] + values if place in sums else values
    return {
        label: [sums[label, i] / (group.cluster == i).sum() for i in range(group.number)]
        for label, group in groups.items()
    }


def _scoring(run: Run, groups: dict[str, Grouping], model: Any, inputs: Any) -> tuple[str, Rescoring | None]:
    """Return what scores rows again; or why there is none."""
    from onnxplain.runs.clusters.rescoring import Rescoring

    if all(group.number == 1 for group in groups.values()):
        return "", None
    try:
        if model is not None or inputs is not None:
            run.open(model=model, inputs=inputs)
        return "", Rescoring(run)
    except OnnxplainError as problem:
        if model is not None or inputs is not None:
            raise
        return str(problem), None


def _tests(
    held: _Class,
    group: Grouping,
    means: Iterable[Array],
    scoring: Rescoring | None,
    area: float,
    rng: np.random.Generator,
) -> list[CounterTest | None]:
    """Return the counter-test of each cluster of a class; a value within the network has none."""
    if scoring is None or group.number == 1 or held.target < 0:
        return [None] * group.number
    rows = np.asarray(held.rows)
    found = []
    for number, mean_map in enumerate(means):
        inside = group.cluster == number
        members, others = (scoring.batches(_some(rows[each], rng)) for each in (inside, ~inside))
        axis = members[0].channel_axis
        scores = scoring.of_class(held.target)
        found.append(counter_test(scores, members, others, mean_map, axis, area, rng))
    return found


def _some(rows: Array, rng: np.random.Generator) -> list[int]:
    """Return at most so many of some rows as are tested, in their order."""
    chosen = rows if len(rows) <= TESTED else rng.choice(rows, TESTED, replace=False)
    return sorted(int(each) for each in chosen)


def _of_class(
    label: str, held: _Class, group: Grouping, means: Sequence[Array], tests: Sequence[CounterTest | None]
) -> ClassClusters:
    rows, vectors = np.asarray(held.rows), np.stack(held.features).astype(np.float64)
    found = []
    for number, (mean_map, test) in enumerate(zip(means, tests, strict=True)):
        inside = group.cluster == number
        apart = np.linalg.norm(vectors[inside] - vectors[inside].mean(0), axis=1)
        nearest = rows[inside][np.argsort(apart, kind="stable")[:EXEMPLARS]]
        found.append(Cluster(tuple(rows[inside].tolist()), tuple(nearest.tolist()), mean_map, test))
    return ClassClusters(
        label, held.target, held.count, tuple(found), group.eigenvalues, group.embedding, group.neighbours
    )
