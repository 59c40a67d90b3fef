"""How much memory the values take that are alive at once, while a session runs the nodes of a model."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.engines.onnxruntime.sized import Sized, Work

_SAME = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"})
"""The operators whose result is the memory that they read."""

_OVER = frozenset({
    *("Relu", "HardSigmoid", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "Clip", "Erf", "Neg", "Abs", "Sqrt", "Exp", "Log"),
    *("Reciprocal", "Add", "Sub", "Mul", "Div", "Pow", "Cast", "Softmax"),
})  # fmt: skip
"""The operators that may write over what they read, where it is as large as the result and nobody reads it later."""


def in_order(nodes: Sequence[Work]) -> list[Work]:
    """Return the nodes in the order in which onnxruntime runs them: from the last ones back, depth first.

    Of the nodes that a node reads from, that runs first which was put into the graph last.
    """
    made = {name: i for i, node in enumerate(nodes) for name in node.makes}

    def latest(i: int) -> tuple[int, int]:
        return nodes[i].new, i

    sources = [sorted({made[name] for name in node.reads if name in made}, key=latest) for node in nodes]
    read = {i for each in sources for i in each}
    stack = [(i, False) for i in sorted(set(range(len(nodes))) - read, key=latest)]
    seen: set[int] = set()
    order = []
    while stack:
        i, ready = stack.pop()
        if ready:
            order.append(nodes[i])
        elif i not in seen:
            seen.add(i)
            stack += [(i, True), *((source, False) for source in sources[i])]
    return order


def most_alive(model: Sized) -> int:
    """Return the largest number of bytes that the values of a model take at once, in the order of `in_order`.

    The inputs are left out: whoever runs the model holds them.
    """
    nodes, nbytes = in_order(model.nodes), model.nbytes
    of = _memory_of(nodes)
    left = Counter(of.get(name, name) for node in nodes for name in node.reads)
    left.update(of.get(name, name) for name in model.ends)
    alive: dict[str, int] = {}
    total = most = 0
    for node in nodes:
        reads = Counter(of.get(name, name) for name in node.reads)
        fresh = [name for name in node.makes if of.get(name, name) == name]
        over = _written_over(node, reads, left, alive, nbytes)
        if over:
            of_over = alive.pop(over)
            alive[fresh[0]], fresh = of_over, fresh[1:]
        for name in fresh:
            alive[name] = nbytes[name]
            total += nbytes[name]
        most = max(most, total + _scratch(node, model))
        left.subtract(reads)
        for name in (*reads, *node.makes):
            if left[name] <= 0 and name in alive:
                total -= alive.pop(name)
    return most


def _memory_of(nodes: Sequence[Work]) -> dict[str, str]:
    """Return, for each value that is another one in another shape, the name of that one."""
    of: dict[str, str] = {}
    for node in nodes:
        if node.op in _SAME:
            of[node.makes[0]] = of.get(node.reads[0], node.reads[0])
    return of


def _written_over(
    node: Work, reads: Counter[str], left: Counter[str], alive: dict[str, int], nbytes: dict[str, int]
) -> str | None:
    """Return the name of the value that a node writes its result over, if any."""
    if node.op not in _OVER:
        return None
    fits = (name for name in reads if left[name] == reads[name] and alive.get(name) == nbytes[node.makes[0]])
    return next(fits, None)


def _scratch(node: Work, model: Sized) -> int:
    """Return the bytes that a node takes while it runs: a ConvTranspose computes all products of its kernel first."""
    if node.op != "ConvTranspose":
        return 0
    kernel, image = model.shapes[node.reads[1]], model.shapes[node.reads[0]]
    return 4 * math.prod(kernel[1:]) * math.prod(image[2:])
