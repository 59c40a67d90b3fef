"""Every kernel of a walk through a ResNet-50 over its roofline, and the time between kernels.

    share         of the time of all kernels of the walk
    of roofline   the time that its bytes or its operations need at the least, over the time that it takes; more than 1
                  where what it reads still lies in the L2 cache, of which the bandwidth of a copy knows nothing
    below         whether it is slow where it matters: under 60 % of its roofline, and over 5 % of the time
    idle          the part of a walk, from its first launch to behind its last, in which none of these kernels ran: the
                  device waited for Python, or ran a function of CuPy's own. A little too small, and below 0 where no
                  time was lost: each kernel is timed between two events, which take a microsecond or two themselves,
                  and the walk as a whole is not

A chain of functions is a kernel of its own; "worst chain" is the furthest below its roofline of those over 5 %.

Prints a row of JSON for each kernel and method, with the most time first.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass
from itertools import count
from statistics import median
from typing import TYPE_CHECKING, Any

import cupy
from clock import around, peaks, seconds
from explanations import METHODS, drawn, free
from launches import Launch, functions, met
from resnet import resnet50

import onnxplain as ox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Run = Callable[[], Any]

BATCH, WALKS = 32, 3
OFTEN, ENOUGH = 0.05, 0.6
"""Share of the time from which a kernel matters, and the part of its roofline that is enough."""
LONGEST = 120
"""Letters of a chain."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """Launches together: the seconds that they took and those that they need at the least, and their share of all."""

    launches: int
    took: float
    least: float
    share: float

    @property
    def of_roofline(self) -> float:
        """How fast, where 1 is as fast as can be."""
        return self.least / self.took

    @property
    def below(self) -> bool:
        """Whether they are slow where it matters."""
        return self.share > OFTEN and self.of_roofline < ENOUGH


@dataclass(frozen=True)
class Timed:
    """A launch, with the seconds that it took and those that it needs at the least."""

    launch: Launch
    took: float
    least: float


def main() -> None:
    """Measure method by method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    options = parser.parse_args()
    with cupy.cuda.Stream(non_blocking=True):
        best = peaks()
    model = ox.load(resnet50(), engine="cupy")
    for method in options.methods:
        free()
        for found in measured(model, method, options.batch, best):
            print(json.dumps(found), flush=True)


def measured(model: ox.Model, method: str, batch: int, best: tuple[float, float]) -> Iterator[Row]:
    """The rows of one method. `best`: operations and bytes that the device can do in a second."""
    explainer = ox.Explainer(model, method)
    fits = explainer.method.engine.rows_that_fit({model.explained_input.name: drawn(1)})
    x = drawn(min(batch, fits))  # a second chunk's forward run would lie between two kernels
    walk = lambda: explainer(x, [1] * len(x))  # noqa: E731
    walk(), walk()
    walks = [bracketed(walk) for _ in range(WALKS)]
    timed = [
        Timed(same[0][0], median(took for _, took in same), same[0][0].bound(*best))
        for same in zip(*walks, strict=True)
    ]
    whole = median(spanned(walk, len(timed)) for _ in range(WALKS))
    idle = {"kernel": "idle", "share": round(1 - sum(each.took for each in timed) / whole, 4)}
    yield from ({"method": method, "batch": len(x)} | each for each in (*rows(timed), idle))


def bracketed(walk: Run) -> list[tuple[Launch, float]]:
    """Every launch of a walk, in order, with its seconds."""
    found: list[tuple[Launch, Any]] = []
    with met(lambda describe, run: found.append((describe(), around(run)))):
        walk()
    return [(launch, seconds(*events)) for launch, events in found]


def spanned(walk: Run, launches: int) -> float:
    """Seconds of a walk from its first launch to behind its last, the only places of an event."""
    first, last, number = cupy.cuda.Event(), cupy.cuda.Event(), count(1)

    def meet(_: Callable[[], Launch], run: Run) -> None:
        at = next(number)
        if at == 1:
            first.record()
        run()
        if at == launches:
            last.record()

    with met(meet):
        walk()
    return seconds(first, last)


def rows(timed: list[Timed]) -> Iterator[Row]:
    """One for each kernel, that with the most time first."""
    whole = sum(each.took for each in timed)
    kernels = parted(timed, lambda launch: launch.kernel, whole)
    chains = parted((each for each in timed if each.launch.chain), lambda launch: (launch.kernel, launch.chain), whole)
    for name, part in sorted(kernels.items(), key=lambda item: -item[1].took):
        own = [(each, text) for (kernel, text), each in chains.items() if kernel == name and each.share > OFTEN]
        yield {
            "kernel": name,
            "launches": part.launches,
            "share": round(part.share, 4),
            "of roofline": round(part.of_roofline, 3),
            "below": part.below or any(each.below for each, _ in own),
        } | worst(own)


def worst(chains: list[tuple[Part, str]]) -> Row:
    """The chain that is furthest below its roofline."""
    if not chains:
        return {}
    part, text = min(chains, key=lambda each: each[0].of_roofline)
    short = functions(text)
    return {
        "worst chain": short if len(short) <= LONGEST else short[: LONGEST - 3] + "...",
        "its share": round(part.share, 4),
        "its part of roofline": round(part.of_roofline, 3),
    }


def parted(timed: Iterable[Timed], key: Callable[[Launch], Any], whole: float) -> dict[Any, Part]:
    """Launches with the same key together."""
    groups: defaultdict[Any, list[Timed]] = defaultdict(list)
    for each in timed:
        groups[key(each.launch)].append(each)
    sums = {name: (len(own), sum(t.took for t in own), sum(t.least for t in own)) for name, own in groups.items()}
    return {name: Part(launches, took, least, took / whole) for name, (launches, took, least) in sums.items()}


if __name__ == "__main__":
    main()
