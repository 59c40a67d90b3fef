"""The walk back through a recurrence, step after step, for the engines that compute arrays at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from onnxplain.walk.tape import StepTape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace, StepBack


class Stepwise:
    """A part of a namespace: `scan_back` in a loop, by the `pick` and `reshape` of the namespace.

    _stack: puts arrays of one shape behind one another on a new first axis.
    """

    _stack: Callable[[Sequence[AnyArray]], AnyArray]

    def scan_back(
        self: Any,
        step: StepBack,
        carried: Sequence[AnyArray],
        arriving: Sequence[AnyArray],
        tapes: Sequence[Any],
        taps: Mapping[str, str],
        length: int,
    ) -> tuple[list[AnyArray], list[AnyArray]]:
        """See `Namespace`."""
        sent = []
        for t in reversed(range(length)):
            at = partial(_entry, self, t)
            inner = [StepTape(tape, taps, at, lambda x: x) for tape in tapes]
            carried, read = step(self, carried, [at(each) for each in arriving], inner)
            sent.append(read)
        return list(carried), [self._stack(each) for each in zip(*reversed(sent), strict=True)]


def _entry(xp: Namespace, t: int, sequence: AnyArray) -> AnyArray:
    """Return the entry of a sequence at step t."""
    keys = (slice(t, t + 1), *(slice(None),) * (sequence.ndim - 1))
    return xp.reshape(xp.pick(sequence, keys), sequence.shape[1:])
