"""A neuron: a target inside the network instead of a class."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UnsupportedModelError, UsageError
from onnxplain.inputs.shape import show

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.passes import Canonical


@dataclass(frozen=True)
class Neuron:
    """A target inside the network: elements of any float value of the graph, given by its name.

    channel: index on axis 1; None sums all channels.
    position: indices on the axes behind the channels; "max" for the largest value of the channel in each row; None to
    sum all positions.
    """

    tensor: str
    channel: int | None = None
    position: tuple[int, ...] | str | None = None

    def mask(self, value: Array) -> Array:
        """Return 1 at the explained elements of `value` [N, C, ...], and 0 elsewhere.

        Raises UsageError for a channel or a position that `value` does not have.
        """
        mask = np.zeros_like(value)
        channel: Any = slice(None) if self.channel is None else self.channel
        if self.channel is not None and not _is_index(self.channel, value.shape[1]):
            raise UsageError(f"channel {self.channel!r} of {self.tensor!r}: it has {value.shape[1]} channels")
        if self.position == "max":
            rows = value[:, channel].reshape(len(value), -1)
            ones = np.zeros_like(rows)
            ones[np.arange(len(rows)), rows.argmax(1)] = 1
            mask[:, channel] = ones.reshape(value[:, channel].shape)
        elif isinstance(self.position, str):
            raise UsageError(f'position {self.position!r} of {self.tensor!r}: give indices, "max" or None')
        else:
            try:
                mask[(slice(None), channel, *(self.position or ()))] = 1
            except (IndexError, TypeError) as problem:
                raise UsageError(
                    f"position {self.position!r} of {self.tensor!r}, which has shape {value.shape}"
                ) from problem
        return mask


def _is_index(value: Any, size: int) -> bool:
    """Whether `value` is an index into `size` places, counted from either end."""
    return isinstance(value, Integral) and not isinstance(value, bool) and -size <= int(value) < size


def known_value(canonical: Canonical, name: str) -> str:
    """Return `name` where the graph has a computed value of that name, with the rows on its first axis.

    The name of the explained output, or that of its scores in the file, means the scores.
    Raises UsageError, which offers the nearest names, where it has none, and UnsupportedModelError where the rows lie
    elsewhere in it.
    """
    tensors = canonical.graph.tensors()
    if name in [canonical.output, *(each for each in canonical.rows.moved if each not in canonical.inputs)]:
        return canonical.scores
    values = [each for each, tensor in tensors.items() if not hasattr(tensor, "values")]
    if name not in values:
        near = ", ".join(map(repr, get_close_matches(str(name), values, n=3, cutoff=0.0)))
        raise UsageError(f"the model has no value {name!r}; the nearest names: {near}")
    shape = tuple(tensors[name].shape or ())
    where = canonical.rows.elsewhere(name, shape)
    if where:
        raise UnsupportedModelError(
            f"the rows of the input are not the first axis of {name!r}, of shape {show(shape)}: "
            f"{where}. Name a value that has one entry for each row on its first axis"
        )
    return name
