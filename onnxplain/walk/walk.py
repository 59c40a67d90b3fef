"""The walk: one loop, from the target back to the input. All that is not a rule happens here, once.

Messages are keyed by value name: a value used twice receives the sum of its users' messages, and a message is summed
over the axes along which its operand was broadcast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.walk.site import Site

if TYPE_CHECKING:
    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace
    from onnxplain.plan.plan import Plan
    from onnxplain.walk.book import Book
    from onnxplain.walk.tape import Tape


def walk(
    xp: Namespace,
    plan: Plan,
    seed: AnyArray,
    tape: Tape,
    baseline: Tape | None = None,
    book: Book | None = None,
) -> AnyArray:
    """Send `seed` from `plan.target` back to `plan.root` and return the message that arrives there."""
    messages = {plan.target: seed}
    for node, rule in reversed(plan.steps):
        message = messages.pop(node.output, None)
        if message is None:
            continue
        site = Site(xp, node, tape, baseline)
        answer = rule(site, message)
        answers = answer if isinstance(answer, tuple) else (answer,)
        if book is not None:
            book.enter(site, rule, message, answers)
        for i, share in zip(node.operands, answers, strict=True):
            name, share = node.inputs[i], xp.unbroadcast(share, site.like(i))  # noqa: PLW2901
            messages[name] = messages[name] + share if name in messages else share
    return messages[plan.root]
