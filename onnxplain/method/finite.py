"""Scores that are NaN or infinite are refused: nothing adds up to them, and no difference from them is a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.engines.forward import RuntimeForward
from onnxplain.errors import NumericalError, RuntimeRefusalError
from onnxplain.passes.edit import is_float
from onnxplain.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array
    from onnxplain.inputs.batch import Batch
    from onnxplain.model import Model


def check_scores(model: Model, batch: Batch, scores: Array) -> None:
    """Raise NumericalError where one of the scores [N, C] is no finite number; it names the row and the first node."""
    bad = ~np.isfinite(scores)
    if not bad.any():
        return
    row = int(np.argmax(bad.any(1)))
    kind = "NaN" if np.isnan(scores[row]).any() else "infinite"
    raise NumericalError(
        f"row {row}: {int(bad[row].sum())} of {scores.shape[1]} scores are {kind}{_first(model, batch, row)}; "
        "the model cannot bear this input: is it preprocessed as the model expects?"
    )


def check_baseline(method: str, scores: Array, difference: Array) -> None:
    """Raise NumericalError for a row of finite scores [N, C] whose `difference` [N] from the baseline is no finite one.

    Then the score of the baseline is none, and no attributions add up to the difference from it.
    """
    bad = np.isfinite(scores).reshape(len(scores), -1).all(1) & ~np.isfinite(difference)
    if bad.any():
        raise NumericalError(
            f"row {int(bad.argmax())}: method {method!r} explains the difference from the baseline, whose score is NaN "
            "or infinite; give another baseline=, within the range that the model can bear"
        )


def _first(model: Model, batch: Batch, row: int) -> str:
    """Return which node made the number, by a run in which every value is kept; "" where that does not run."""
    graph = model.canonical.graph
    one = batch.rows(slice(row, row + 1))
    _, _, feeds = next(one.chunks(1, model.fixed_batch))
    made = [value.name for node in graph.nodes for value in node.outputs if is_float(value)]
    try:
        values = RuntimeForward(graph).run(feeds, made)[0]
    except RuntimeRefusalError:
        return ""
    node = _origin(graph, values, model.canonical.scores)
    return "" if node is None else f", which begins at {printable(node.op)} (node {printable(node.name)!r})"


def _origin(graph: gs.Graph, values: Mapping[str, Array], scores: str) -> gs.Node | None:
    """Go back from the scores to the node that made NaN, or an infinity, of finite inputs; None where there is none.

    From NaN it goes back to NaN first, and to an infinity where there is no NaN before it.
    """
    makers = {value.name: node for node in graph.nodes for value in node.outputs}
    name, found = scores, None
    while name in makers and name in values and not np.isfinite(values[name]).all():
        found = makers[name]
        inputs = [value.name for value in found.inputs if value.name in values]
        lost = [each for each in inputs if np.isnan(values[each]).any()]
        name = next(iter(lost or [each for each in inputs if not np.isfinite(values[each]).all()]), "")
    return found
