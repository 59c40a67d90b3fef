"""How many rows a run walks together, and how many a shard has, where nobody says so: by the size of the model's input.

Both stand in the job, and the bits of a row may depend on the first. So they are read from the model alone, and not
from the memory or the load of a machine.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from onnxplain.inputs.shape import static

if TYPE_CHECKING:
    from onnxplain.model import Model
    from onnxplain.runs.job import Asked

TOGETHER = 2**24
"""So many bytes of float32 the inputs that are walked together have at most: 16 pictures of 224 by 224 pixels."""
MOST, OPEN = 256, 16
"""The most rows that are walked together, and how many are where the model leaves the size of its input open."""
BATCHES, LEAST = 16, 256
"""A shard has so many batches, and no fewer rows than this."""


def sized(asked: Asked, model: Model) -> Asked:
    """Return what a run is asked with both sizes, those that were given or those that fit the model."""
    batch = batch_for(model) if asked.batch_size is None else asked.batch_size
    shard = max(LEAST, BATCHES * batch) if asked.shard_size is None else asked.shard_size
    return replace(asked, batch_size=batch, shard_size=shard)


def batch_for(model: Model) -> int:
    """Return how many rows of a model's input are walked together, a power of two."""
    sizes = [static(size) for size in model.input_shape[1:]]
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return OPEN
    fit = TOGETHER // (4 * prod(known))
    return min(MOST, 1 << max(fit.bit_length() - 1, 0))
