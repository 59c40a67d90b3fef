"""The evaluation: every measure judges every method, on the same rows and with the same random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.checks import seed
from onnxplain.errors import UsageError
from onnxplain.inputs.folder import listed
from onnxplain.measure import MEASURES, build, needs_masks, options
from onnxplain.measure.evaluation import Evaluation
from onnxplain.measure.evaluation_set import EvaluationSet
from onnxplain.measure.judged import judges
from onnxplain.method.registry import METHODS
from onnxplain.record import array_record, made_from, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

    from onnxplain.arrays import Array
    from onnxplain.feeds import Inputs
    from onnxplain.measure.evaluation import EvaluationRecord
    from onnxplain.measure.judged import Ways
    from onnxplain.measure.result import Measure
    from onnxplain.model import Model
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
    masks: ArrayLike | None,
    **given: object,
) -> Evaluation:
    """Judge methods by measures; `onnxplain.api.evaluate` says what each argument may be."""
    seed(random_seed=random_seed)
    model.check_one("measures judge explanations of one input")
    if model.table is not None:
        raise UsageError(
            "measures judge one input of numbers, and the model reads a table of several; name one by input="
        )
    asked = build(measures, given)
    _check_masks(asked, given=masks is not None)
    sources, notes = listed(x)
    data = EvaluationSet.of(model, sources, target, baseline, random_seed, masks)
    judged = judges(methods, data)
    for method in judged:  # a method that cannot be planned is refused before anything long runs
        method.explain  # noqa: B018
    results = {(measure.name, method.name): measure(data, method) for measure in asked for method in judged}
    names = tuple(method.name for method in judged)
    record: EvaluationRecord = {
        **made_from(model, data.batch, data.engine, _parameters(names)),  # type: ignore[typeddict-item]
        "measures": {m.name: {name: plain(value) for name, value in options(m).items()} for m in asked},
        "methods": list(names),
        "baseline": plain(data.baseline),
        "random_seed": random_seed,
        "notes": list(notes),
    }
    if data.masks is not None:
        record["masks"] = array_record(data.masks)
    return Evaluation(results, asked, names, data.batch.names, data.target, record)


def _check_masks(measures: Iterable[Measure], *, given: bool) -> None:
    """Raise UsageError where a measure compares with annotations that are not given, and where none reads them."""
    needing = [each.name for each in measures if needs_masks(each)]
    if needing and not given:
        raise UsageError(
            f"measure {needing[0]!r} compares with annotations: give masks=, an array of booleans that says of each "
            "position of the relevance whether it lies inside, or a box (x0, y0, x1, y1) for each row"
        )
    if given and not needing:
        reading = ", ".join(name for name, measure in MEASURES.items() if needs_masks(measure))
        raise UsageError(f"masks= is read by no measure asked for; these read it: {reading}")


def _parameters(names: Iterable[str]) -> set[str]:
    """Return the names of the parameters of all methods that the registry knows."""
    return {each for name in names if name in METHODS for each in METHODS[name].parameters}
