"""The walk: one loop over the nodes of a plan, from the target back to the input.

What is the same for all rules happens here, once. A value that several nodes use receives the sum of their messages,
and a message to an operand that was broadcast is summed over the axes along which it was repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.walk.site import Site
from onnxplain.walk.step import step

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
    """Send `seed` from the value `plan.target` back to the value `plan.root`; return the message that arrives there.

    tape, baseline: values of the forward run, and of that on the baseline for rules that compare the two.
    book: the accounts to enter each node in. Raises UnsupportedModelError where a rule cannot be computed at a node.
    """
    messages = {plan.target: seed}
    for node, rule in reversed(plan.steps):
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
                name, share = node.inputs[i], xp.unbroadcast(share, site.like(i))  # noqa: PLW2901
                messages[name] = messages[name] + share if name in messages else share
    return messages[plan.root]
