"""Judging: every measure on every method, over the same rows and random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.checks import seed
from onnxplain.inputs.folder import listed
from onnxplain.measure import build, options
from onnxplain.measure.evaluation import Evaluation
from onnxplain.measure.evaluation_set import EvaluationSet
from onnxplain.measure.judged import judges
from onnxplain.record import made_from, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnxplain.measure.judged import Ways
    from onnxplain.measure.result import Measure
    from onnxplain.model import Model


def evaluate(
    model: Model,
    x: Any,
    methods: Ways,
    measures: Iterable[str | Measure] | str,
    target: Any,
    *,
    baseline: Any,
    random_seed: int,
    **given: Any,
) -> Evaluation:
    """See `onnxplain.api.evaluate`."""
    seed(random_seed=random_seed)
    asked = build(measures, given)
    sources, notes = listed(x)
    data = EvaluationSet.of(model, sources, target, baseline, random_seed)
    judged = judges(methods, data)
    for method in judged:  # what cannot be planned is said before anything long runs
        method.explain  # noqa: B018
    found = {(measure.name, method.name): measure(data, method) for measure in asked for method in judged}
    record = {
        **made_from(model, data.batch, data.engine.providers),
        "measures": {m.name: {name: plain(value) for name, value in options(m).items()} for m in asked},
        "methods": [method.name for method in judged],
        "baseline": plain(baseline),
        "random_seed": random_seed,
        "notes": list(notes),
    }
    names = tuple(method.name for method in judged)
    return Evaluation(found, asked, names, data.batch.names, data.target, record)
