"""Concept relevance: a plan whose walk passes through some channels of a layer alone. Source: Achtibat et al. 2023.

    conditions={"layer3/relu": [12, 40]}

What arrives at the other channels of the layer goes no further. With conditions on several layers, relevance passes
through the given channels of each of them. All relevance has to pass through the layer: beside a layer within a
residual block it would go around, and be in every map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.ops.channels import channel_axes
from onnxplain.plan.network import Network
from onnxplain.plan.plan import Step
from onnxplain.rules.through import Through

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from onnxplain.plan.plan import Plan


def conditioned(plan: Plan, graph: gs.Graph, conditions: Mapping[str, Sequence[int]]) -> Plan:
    """Return the plan that passes through these channels, by the name of the value, alone.

    Raises UsageError for a value that no node of the plan makes, or that a branch leads around, and for a channel that
    it does not have.
    """
    axes, values, steps = channel_axes(graph), graph.tensors(), list(plan.steps)
    for name, channels in conditions.items():
        found = [i for i, (node, _) in enumerate(steps) if node.output == name and node.loop is None]
        if not found:
            raise UsageError(f"conditions: no node between the target and {plan.root!r} makes the value {name!r}")
        if plan.root in Network([node for node, _ in steps if node.output != name]).upstream(plan.target):
            raise UsageError(
                f"conditions: a branch leads around {name!r}, and what passes there would be in the map of every "
                "channel; name a value through which everything passes, such as the output of a residual block"
            )
        axis, shape = axes.get(name, 1), values[name].shape or ()
        count = shape[axis] if axis < len(shape) else None
        if not isinstance(count, int):
            raise UsageError(f"conditions: the file does not state how many channels {name!r} has, on axis {axis}")
        missing = [each for each in channels if not 0 <= each < count]
        if missing:
            raise UsageError(f"conditions: {name!r} has no channel {missing[0]}; it has {count}, counted from 0")
        node, rule = steps[found[-1]]
        steps[found[-1]] = Step(node, Through(rule, tuple(channels), axis))
    return replace(plan, steps=tuple(steps))


def checked(conditions: Any) -> dict[str, tuple[int, ...]]:
    """Return conditions as a dict of tuples. Raises UsageError for anything else than channels by name."""
    expected = 'expected channels by the name of a value, such as {"layer3/relu": [12, 40]}'
    if not isinstance(conditions, Mapping) or not conditions:
        raise UsageError(f"conditions={conditions!r}: {expected}")
    found = {}
    for name, channels in conditions.items():
        given = [channels] if isinstance(channels, Integral) else channels
        whole = isinstance(given, (list, tuple, range)) and len(given) > 0
        if not isinstance(name, str) or not whole or not all(_is_whole(each) for each in given):
            raise UsageError(f"conditions={conditions!r}: {expected}")
        found[name] = tuple(int(each) for each in given)
    return found


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
