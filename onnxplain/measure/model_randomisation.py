"""Model randomisation: whether explanations change when the model forgets what it learnt."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from onnxplain.checks import whole
from onnxplain.errors import ConservationWarning
from onnxplain.measure.random_weights import layers, randomised
from onnxplain.measure.result import MeasureResult
from onnxplain.measure.similarity import spearman, ssim, unit
from onnxplain.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.arrays import Array
    from onnxplain.measure.evaluation_set import EvaluationSet
    from onnxplain.measure.judged import Judged


@dataclass(frozen=True)
class ModelRandomisation:
    """How like the original a map stays as weights are randomised: of the top layers (cascading), or of some alone.

    The maps of |relevance| of the model and of its randomised copy, for the same class, are compared by Spearman's rank
    correlation and, where they are planes, by the structural similarity (SSIM) of |relevance| / its maximum. The
    explanations of a method that shows what the model learnt change.

    A layer is a convolution or a matrix product. To randomise it, each of its tensors gets its own values in random
    order. The layers are taken in at most `steps` groups of neighbours, from the scores down: cascading, where the
    groups taken before stay random, and independent, where one group at a time is random. The quantities are means over
    these steps; `spearman_all` and `ssim_all` are for the model with all layers randomised.
    Source: Adebayo et al. 2018.
    """

    steps: int = 10
    name: ClassVar[str] = "model_randomisation"
    quantities: ClassVar[dict[str, str]] = {
        f"{what}_{how}": "lower" for what in ("spearman", "ssim") for how in ("cascading", "all", "independent")
    }
    planes: ClassVar[tuple[str, ...]] = ("ssim_cascading", "ssim_all", "ssim_independent")
    axes: ClassVar[tuple[str, str]] = ("groups of layers randomised, from the top", "similarity to the first map")

    def __post_init__(self) -> None:
        whole(steps=self.steps)

    def __call__(self, data: EvaluationSet, method: Judged) -> MeasureResult:
        """Measure both series. Their curves start with the model itself, whose similarity is 1."""
        data.model.check_has_file(f"measure {self.name!r}")
        every = layers(data.model)
        # the groups differ in size by one layer at most
        bounds = np.linspace(0, len(every), min(self.steps, len(every)) + 1).round().astype(int)
        groups = list(pairwise(bounds.tolist()))
        spans = {"cascading": [(0, stop) for _, stop in groups], "independent": groups}
        alike: dict[tuple[int, int], dict[str, Array]] = {}
        distinct = dict.fromkeys(span for series in spans.values() for span in series)
        with progress(f"{self.name} {method.name}", len(distinct), "model") as bar:
            for start, stop in distinct:
                alike[start, stop] = _alike(data, method, every[start:stop])
                bar.update(1)
        values, curves = {}, {}
        for how, series in spans.items():
            for what in alike[series[0]]:
                steps = np.stack([alike[span][what] for span in series], 1)
                values[f"{what}_{how}"] = steps.mean(1)
                curves[f"{what} {how}"] = np.concatenate([np.ones((len(steps), 1)), steps], 1)
                if how == "cascading":
                    values[f"{what}_all"] = steps[:, -1]
        return MeasureResult(values, curves)


def _alike(data: EvaluationSet, method: Judged, chosen: list[tuple[str, ...]]) -> dict[str, Array]:
    """Return the similarities [N] of each row's map to the map of the model with the chosen layers randomised."""
    model = randomised(data.model, chosen, data.random_seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConservationWarning)  # of weights in random order, it is of no interest
        maps = method.at(data.batch, list(data.target), method.make(model)).attribution
    pairs = list(zip(np.abs(method.relevance), np.abs(data.plane(maps.astype(np.float64))), strict=True))
    compare: dict[str, Callable[[Array, Array], float]] = {"spearman": spearman}
    if pairs[0][0].ndim > 1:
        compare["ssim"] = partial(_of_units, ssim)
    return {name: np.array([similarity(*pair) for pair in pairs]) for name, similarity in compare.items()}


def _of_units(similarity: Callable[[Array, Array], float], a: Array, b: Array) -> float:
    return similarity(unit(a), unit(b))
