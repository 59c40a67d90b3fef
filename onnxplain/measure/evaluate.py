"""The evaluation: every measure judges every method, on the same rows and with the same random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.checks import seed
from onnxplain.errors import UsageError
from onnxplain.inputs.folder import listed
from onnxplain.measure import build, options
from onnxplain.measure.evaluation import Evaluation
from onnxplain.measure.evaluation_set import EvaluationSet
from onnxplain.measure.judged import judges
from onnxplain.method.registry import METHODS
from onnxplain.record import made_from, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

    from onnxplain.arrays import Array
    from onnxplain.feeds import Inputs
    from onnxplain.measure.judged import Ways
    from onnxplain.measure.result import Measure
    from onnxplain.model import Model
    from onnxplain.record import EvaluationRecord
    from onnxplain.walk.objective import Target


def evaluate(
    model: Model,
    x: Inputs,
    methods: Ways,
    measures: Iterable[str | Measure] | str,
    target: Target | Array,
    *,
    baseline: ArrayLike | None,
    random_seed: int,
    **given: object,
) -> Evaluation:
    """Judge methods by measures; `onnxplain.api.evaluate` says what each argument may be."""
    seed(random_seed=random_seed)
    if model.table is not None:
        raise UsageError(
            "measures judge one input of numbers, and the model reads a table of several; name one by input="
        )
    asked = build(measures, given)
    sources, notes = listed(x)
    data = EvaluationSet.of(model, sources, target, baseline, random_seed)
    judged = judges(methods, data)
    for method in judged:  # a method that cannot be planned is refused before anything long runs
        method.explain  # noqa: B018
    results = {(measure.name, method.name): measure(data, method) for measure in asked for method in judged}
    names = tuple(method.name for method in judged)
    record: EvaluationRecord = {
        **made_from(model, data.batch, data.engine, _parameters(names)),
        "measures": {m.name: {name: plain(value) for name, value in options(m).items()} for m in asked},
        "methods": list(names),
        "baseline": plain(data.baseline),
        "random_seed": random_seed,
        "notes": list(notes),
    }
    return Evaluation(results, asked, names, data.batch.names, data.target, record)


def _parameters(names: Iterable[str]) -> set[str]:
    """Return the names of the parameters of all methods that the registry knows."""
    return {each for name in names if name in METHODS for each in METHODS[name].parameters}
