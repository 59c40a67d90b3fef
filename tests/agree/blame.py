"""Why two forwards are explained differently: the nodes where a rule decides otherwise, and what it decides on.

A rule is linear in its message but for a few decisions: the side of a kink, the winner of a maximum, a quotient by a
number near 0. At each node of a walk over the float64 forward the same rule is asked again, with the same message,
over the values of the float32 forward. Where the answers differ, the units are found whose decision differs. Taken out
of both walks, nothing may differ any more; and the values that the node reads may differ by float32's rounding only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from agree.ways import walking

from onnxplain.engines.numpy import NumpyNamespace
from onnxplain.method.request import Request
from onnxplain.rules.rule import describe
from onnxplain.walk.book import Book
from onnxplain.walk.objective import Objective
from onnxplain.walk.site import Site
from onnxplain.walk.tape import Tape


class Decisions(NumpyNamespace):
    """Arithmetic in float64 that notes what it decides, and leaves out the units of `without`, decision by decision."""

    def __init__(self, without=()):
        super().__init__("float64")
        self.made = []
        self._without = without

    def _decide(self, kind, decision, units):
        self.made.append((kind, np.asarray(decision)))
        return np.where(self._without[len(self.made) - 1], 0.0, units) if self._without else units

    def where(self, c, x, y):
        return self._decide("kink", c, super().where(c, x, y))

    def sign(self, x):
        return self._decide("kink", np.sign(x), np.sign(x))

    def ratio(self, r, z, eps):
        share = super().ratio(r, z, eps)
        return self._decide("denominator", share, share)

    def quotient(self, dy, dx, near, slope):
        found = super().quotient(dy, dx, near, slope)
        return self._decide("denominator", found, found)

    def scatter(self, g, like, winners):
        return super().scatter(self._decide("tie", winners, g), like, winners)


@dataclass(frozen=True)
class Culprit:
    """A node where the two forwards are explained differently.

    moved: by how much the rule's answer differs, rest: and without the units that decide otherwise, both relative to
    its largest element. rounding: largest difference of a value it reads, relative to that value's largest element.
    """

    node: str
    op: str
    rule: str
    units: dict[str, int]
    moved: float
    rest: float
    rounding: float


class Blame(Book):
    """Collects the culprits of a walk, in the order of the walk. values, still: of the other forward."""

    def __init__(self, forward, inputs, least):
        super().__init__()
        self.culprits = []
        self._forward, self._inputs, self._least = forward, inputs, least

    def enter(self, site, rule, message, answers):  # noqa: ARG002
        pairs = [
            (Tape(each.values, each.constants), self._other(each)) for each in (site._tape, site._baseline) if each
        ]
        exact, narrow = (_Asked(rule, message, *tapes) for tapes in zip(*pairs, strict=True))
        ours, theirs = exact(site.node), narrow(site.node)
        moved = _apart(theirs.answers, ours.answers, ours.answers)
        if moved < self._least:
            return
        decisions = list(zip(ours.made, theirs.made, strict=True))
        odd = [_otherwise(kind, a, b, self._least) for (kind, a), (_, b) in decisions]
        units = Counter()
        for (kind, _), where in zip(ours.made, odd, strict=True):
            units[kind] += int(where.sum())
        rest = _apart(narrow(site.node, odd).answers, exact(site.node, odd).answers, ours.answers)
        rounding = max(_rounding(site.node, *tapes) for tapes in pairs)
        name, op = site.node.name, site.node.op.name
        self.culprits.append(Culprit(name, op, describe(rule), dict(+units), moved, rest, rounding))

    def _other(self, tape):
        """The same tape over the other forward."""
        feeds = {name: tape.values[name] for name in self._inputs}
        feeds = {name: v.astype(np.float32) if v.dtype == np.float64 else v for name, v in feeds.items()}
        return Tape(self._forward.values(feeds), tape.constants)


def _rounding(node, exact, narrow):
    names = [name for name in (*node.inputs, node.output) if name in exact.values]
    return max(_apart([narrow.values[n]], [exact.values[n]], [exact.values[n]]) for n in names)


@dataclass
class _Answered:
    answers: list
    made: list


@dataclass(frozen=True)
class _Asked:
    """A rule with its message, on some tapes."""

    rule: object
    message: np.ndarray
    tape: Tape
    baseline: Tape | None = None

    def __call__(self, node, without=()):
        xp = Decisions(without)
        answer = self.rule(Site(xp, node, self.tape, self.baseline), self.message)
        return _Answered(list(answer) if isinstance(answer, tuple) else [answer], xp.made)


def _otherwise(kind, a, b, least):
    """Units that decide otherwise; of a quotient, those that the rounding of its denominator changes."""
    return np.abs(a - b) > least * np.abs(a) if kind == "denominator" else a != b


def _apart(a, b, scale):
    largest = max(float(np.abs(each).max(initial=0)) for each in scale)
    differ = max(float(np.abs(x - y).max(initial=0)) for x, y in zip(a, b, strict=True))
    return differ / largest if largest else differ


def culprits(ways, method, least, **parameters):
    """Where the walk over the float32 forward parts from the one over the float64 forward."""
    explainer = ways.explainer("float64", method, **parameters)
    narrow = walking(ways.explainer("float32", method, **parameters)).engine.inner.forward
    blame = Blame(narrow, [each.name for each in walking(explainer).canonical.graph.inputs], least)
    objective = Objective(ways.target, None, explainer.spec.seed)
    explainer.method.run(Request(explainer.feeds.read(ways.x), objective, book=blame))
    return blame.culprits
