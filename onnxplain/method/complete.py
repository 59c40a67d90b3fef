"""Completeness of DeepLIFT: whether the attributions sum to the difference of the score, and where they lose it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.errors import ConservationWarning
from onnxplain.walk.completeness import Cuts

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.engines.base import Engine, WalkRequest, WalkResult

TOLERANCE = 1e-3
"""The part of the difference that may be missing."""
NOISE = 1e-5
"""The part of the sum of all |attribution| that may be missing besides: where they cancel, it is their rounding."""
ROUNDING = 1e-6
"""The part of the scores themselves that may be missing besides: where they are alike, the difference is rounding."""


def incomplete(attribution: Array, delta: Array, walked: WalkResult) -> Array:
    """Return for each row whether |Σ attribution - difference| is above TOLERANCE of the difference, and no noise."""
    flat = attribution.reshape(len(attribution), -1).astype(np.float64)
    due = flat.sum(1) - delta
    scores = [walked.start * end for end in (walked.value, walked.value0) if end is not None]
    ends = np.sum([np.abs(each).reshape(len(flat), -1).sum(1) for each in scores], 0)
    allowed = (TOLERANCE * np.abs(due), NOISE * np.abs(flat).sum(1), ROUNDING * ends)
    return np.asarray(np.abs(delta) > np.maximum.reduce(allowed))


def warn_incomplete(method: str, engine: Engine, request: WalkRequest, attribution: Array, delta: Array) -> None:
    """Warn of the row that misses most of its difference, and name the first node where it is lost.

    The node is found by a walk of its own, which keeps account of each node.
    """
    row = int(np.abs(delta).argmax())
    due = float(attribution[row].sum(dtype="float64") - delta[row])
    cuts = Cuts()
    engine.walk(replace(request, book=cuts))
    where = "" if cuts.first is None else f"; going back from the score, completeness is first lost by {cuts.first}"
    missing = f"the attributions miss {-delta[row]:.3g} of the difference {due:.3g} from the baseline"
    warnings.warn(
        f"method {method!r}: {missing}{where}",
        ConservationWarning,
        stacklevel=7,
    )
