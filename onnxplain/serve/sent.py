"""An explanation as it is sent: a picture, a file of numbers, or JSON."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from onnxplain.serve.requests import for_client
from onnxplain.strict_json import strict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.explanation import Explanation


def png(e: Explanation, row: int | str, style: Mapping[str, Any]) -> bytes:
    """Return the picture that `Explanation.save` writes, which carries the record. Raises the errors of a `Style`."""
    file = io.BytesIO()
    for_client(e).save(file, format="png", row=row, **style)
    return file.getvalue()


def npz(e: Explanation) -> bytes:
    """Return the file of all arrays and the record that `Explanation.save` writes."""
    file = io.BytesIO()
    for_client(e).save(file, format="npz")
    return file.getvalue()


def numbers(e: Explanation, *, attribution: bool) -> dict[str, Any]:
    """Return scores, labels and the record in plain JSON types.

    attribution: whether the attributions are there too, by the names of the inputs.
    A number that is not finite is null, and `not_finite` names it.
    """
    found: dict[str, Any] = {
        "labels": list(e.labels),
        "score": e.score.tolist(),
        "probability": None if e.probability is None else e.probability.tolist(),
        "scores": e.prediction.tolist(),
        "record": for_client(e).to_dict(),
    }
    if attribution:
        found["attribution"] = {name: each.tolist() for name, each in e.attributions.items()}
    return dict(strict(found))
