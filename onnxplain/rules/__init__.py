"""Rules: (site, message) -> message(s), one per operand. No rule names an op; only `site` knows which node it is at.

A rule with parameters is a frozen dataclass, so that a plan prints as `Gamma(gamma=0.25)`; one without is a function.
A rule that depends on what lies around its node has `fit(network, node) -> (node, rule)`, called once, when planned: it
may add operands to the node, which then receive a message too, or take some away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def describe(rule: Callable[..., Any]) -> str:
    """The rule as a plan prints it."""
    return str(getattr(rule, "__name__", None) or rule)
