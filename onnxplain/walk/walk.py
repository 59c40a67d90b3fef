"""The walk: one loop over the nodes of a plan, from the target back to the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.walk.messages import pass_on
from onnxplain.walk.recurrence import through

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
    for loop, steps in plan.backward():
        if loop is None:
            pass_on(xp, steps, messages, tape, baseline, book)
        else:
            through(xp, loop, steps, messages, tape, baseline, book)
    return messages[plan.root]
