"""Whole explanations of a ResNet-50 from NumPy to NumPy, over a forward run on the same device and over the peers.

Prints a row of JSON for each method and batch.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from clock import on_wall
from peers import PEERS, peer
from resnet import CLASSES, SIZE, resnet50

import onnxplain as ox

if TYPE_CHECKING:
    from collections.abc import Callable

METHODS = ("gradient", "lrp.epsilon", "lrp.epsilon_plus_flat", "deeplift")
BATCHES = (1, 32, 128)
SECONDS = 0.7


def main() -> None:
    """Measure; a peer that fails says so and leaves its columns empty."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    options = parser.parse_args()
    model = ox.load(resnet50(), engine="cupy")
    explainers = {method: ox.Explainer(model, method) for method in options.methods}
    walker = next(iter(explainers.values())).procedure.walker
    for batch in options.batches:
        x = np.random.default_rng(0).normal(size=(batch, 3, SIZE, SIZE)).astype("f")
        forward = timed("forward", lambda x=x: walker.values({"input": x}, ["logits"]))
        for method, explainer in explainers.items():
            own = timed(method, lambda x=x, explainer=explainer: explainer(x, [1] * len(x)))
            theirs = timed(PEERS[method], lambda x=x, method=method: peer(method, x, CLASSES))
            print(json.dumps(row(batch, method, own, forward, theirs, explainer.procedure.providers)), flush=True)


def row(
    batch: int, method: str, own: float | None, forward: float | None, theirs: float | None, providers: Any
) -> dict[str, Any]:
    """Ratios; None where a side of one is missing."""
    ratio = lambda other: None if own is None or other is None else round(own / other, 3)  # noqa: E731
    return {
        "network": "resnet50",
        "batch": batch,
        "method": method,
        "forward on": providers[0] if providers else "",
        "over forward": ratio(forward),
        "peer": PEERS[method] if theirs is not None else None,
        "over peer": ratio(theirs),
    }


def timed(name: str, run: Callable[[], Any]) -> float | None:
    """Median seconds; None where it fails, which is said."""
    try:
        return on_wall(run, SECONDS)
    except Exception as problem:  # noqa: BLE001  (a peer may fail in any way, and the others go on)
        print(f"{name}: {type(problem).__name__}: {problem}".splitlines()[0], file=sys.stderr)
        return None


if __name__ == "__main__":
    main()
