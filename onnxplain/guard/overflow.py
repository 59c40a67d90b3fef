"""Scores that a file in float16 cannot hold: its own are infinite or NaN, where those in float32 are finite.

float16 ends at 65504. What is explained is computed in float32 and passes over that bound in silence, so the file
itself is asked, on every row that is explained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import NumericalError, RuntimeRefusalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import Array
    from onnxplain.inputs.batch import Batch
    from onnxplain.model import Model


MOST = float(np.finfo(np.float16).max)
_HELP = "scale the input down, or export the model in bfloat16 or float32"


def check_held(model: Model, batch: Batch, most: int) -> None:
    """Raise NumericalError where the file's own scores of a batch are no finite numbers, although it is in float16.

    most: how many rows are run at once. A file without float16, and one that onnxruntime does not run, is let pass.
    """
    if model.parity == "never" or "float16" not in model.canonical.halves:
        return
    for rows, _, feeds in batch.chunks(most, model.fixed_batch):
        check_own(model, feeds, rows.start)


def check_own(model: Model, feeds: Mapping[str, Array], first: int = 0) -> None:
    """Raise NumericalError where the output of the file on these rows is not finite. first: index of the first one."""
    canonical = model.canonical
    try:
        found: Any = model.file.run(canonical.rows.of_file(feeds), [canonical.output])[canonical.output]
    except RuntimeRefusalError:
        return
    values = np.asarray(found)
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return
    bad = ~np.isfinite(values)
    by_row = bad.ndim > 0 and len(bad) == len(feeds[model.explained_input.name])
    row = f"row {first + int(bad.reshape(len(bad), -1).any(1).argmax())}: " if by_row else ""
    kind = "NaN" if np.isnan(values).any() else "infinite"
    raise NumericalError(
        f"{row}the file computes in float16, which ends at {MOST:.0f}, and {int(bad.sum())} of its own {values.size} "
        f"scores in {canonical.output!r} are {kind}: {_HELP}"
    )


def check_scores_held(model: Model, feeds: Mapping[str, Array], scores: Array) -> None:
    """Raise NumericalError where scores that differ from those of the file do so since it cannot hold them.

    feeds, scores: the rows that were compared, and what was found in float32.
    """
    if "float16" not in model.canonical.halves:
        return
    check_own(model, feeds)
    if np.abs(scores).max(initial=0.0) > MOST:
        raise NumericalError(
            f"the file computes in float16, which ends at {MOST:.0f}, and scores reach {np.abs(scores).max():.3g} in "
            f"float32: {_HELP}"
        )
