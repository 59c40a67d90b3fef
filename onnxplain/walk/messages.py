"""Messages: what has been sent back to each value, and what a node makes of the message at its output.

What is the same for all rules happens here, once. A value that several nodes use receives the sum of their messages,
and a message to an operand that was broadcast is summed over the axes along which it was repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.walk.site import Site
from onnxplain.walk.step import step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace
    from onnxplain.plan.plan import Step
    from onnxplain.walk.book import Book
    from onnxplain.walk.tape import StepTape, Tape


def send(messages: dict[str, AnyArray], name: str, message: AnyArray) -> None:
    """Add a message to those that the value `name` has received."""
    messages[name] = messages[name] + message if name in messages else message


def pass_on(
    xp: Namespace,
    steps: Sequence[Step],
    messages: dict[str, AnyArray],
    tape: Tape | StepTape,
    baseline: Tape | StepTape | None,
    book: Book | None,
) -> None:
    """Send on what each rule makes of the message at the output of its node, from the last node to the first."""
    for node, rule in reversed(steps):
        message = messages.pop(node.output, None)
        if message is None:
            continue
        with step(node):
            site = Site(xp, node, tape, baseline)
            answer = rule(site, message)
            answers = answer if isinstance(answer, tuple) else (answer,)
            if book is not None:
                book.enter(site, rule, message, answers)
            for i, share in zip(node.operands, answers, strict=True):
                send(messages, node.inputs[i], xp.unbroadcast(share, site.like(i)))
