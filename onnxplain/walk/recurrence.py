"""The walk back through a recurrence, from its last step to the first.

At each step the message at a state is what the step behind it has sent back, and at the last one what arrives from
outside. The engine repeats the step: in a loop of Python's, or traced into the body of a Scan.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from onnxplain.walk.messages import pass_on, send

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace
    from onnxplain.plan.plan import Step
    from onnxplain.plan.recurrence import Recurrence
    from onnxplain.walk.book import Book
    from onnxplain.walk.tape import StepTape, Tape


def through(
    xp: Namespace,
    loop: Recurrence,
    steps: Sequence[Step],
    messages: dict[str, AnyArray],
    tape: Tape,
    baseline: Tape | None,
    book: Book | None,
) -> None:
    """Take the messages at the results and the last states of a recurrence; send on what reaches its inputs."""
    arriving = {each: messages.pop(whole) for each, whole in loop.results if whole in messages}
    last = [messages.pop(state.last, None) for state in loop.states]
    if not arriving and all(message is None for message in last):
        return
    likes = (tape.like(state.first) for state in loop.states)
    carried = [_spread(xp, message, like) for message, like in zip(last, likes, strict=True)]
    tapes = [tape] if baseline is None else [tape, baseline]
    length = tape.like(loop.steps).shape[0]
    back = partial(_back, loop, steps, tuple(arriving), book)
    first, sequences = xp.scan_back(back, carried, list(arriving.values()), tapes, loop.taps, length)
    for state, message in zip(loop.states, first, strict=True):
        send(messages, state.first, message)
    for (whole, _), message in zip(loop.sequences, sequences, strict=True):
        send(messages, whole, message)


def _back(
    loop: Recurrence,
    steps: Sequence[Step],
    results: Sequence[str],
    book: Book | None,
    xp: Namespace,
    carried: Sequence[AnyArray],
    arriving: Sequence[AnyArray],
    tapes: Sequence[StepTape],
) -> tuple[list[AnyArray], list[AnyArray]]:
    """Walk back through one step; return the messages at the states before it, and at what it reads of the sequences.

    carried: messages at the states after the step. arriving: at its `results`.
    """
    tape, baseline = tapes[0], tapes[1] if len(tapes) > 1 else None
    messages: dict[str, AnyArray] = {}
    for name, message in (
        *zip([s.after for s in loop.states], carried, strict=True),
        *zip(results, arriving, strict=True),
    ):
        send(messages, name, message)
    pass_on(xp, steps, messages, tape, baseline, book)
    states, entries = [state.before for state in loop.states], [each for _, each in loop.sequences]
    before, read = ([_spread(xp, messages.get(name), tape.like(name)) for name in each] for each in (states, entries))
    return before, read


def _spread(xp: Namespace, message: AnyArray | None, like: AnyArray) -> AnyArray:
    """Return a message in the shape of the value that it is for; zeros where there is none."""
    return xp.broadcast_like(xp.const(0.0) if message is None else message, like)
