"""Whole explanations of a ResNet-50 from NumPy to NumPy, over a forward run on the same device and over the peers.

Prints a row of JSON for each method and batch.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from typing import TYPE_CHECKING, Any

import cupy
import numpy as np
from clock import on_wall
from peers import PEERS, peer
from resnet import CLASSES, SIZE, resnet50

import onnxplain as ox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
    forward = forwards(model, options.batches)
    for method in options.methods:
        free()
        for found in measured(model, method, forward):
            print(json.dumps(found), flush=True)


def forwards(model: ox.Model, batches: Sequence[int]) -> dict[int, float | None]:
    """Seconds of a forward run, by batch."""
    engine = ox.Explainer(model, "gradient").method.engine
    return {len(x): timed("forward", lambda x=x: engine.values({"input": x}, ["logits"])) for x in map(drawn, batches)}


def measured(model: ox.Model, method: str, forward: dict[int, float | None]) -> Iterator[dict[str, Any]]:
    """A row for each batch. The explainer and its sessions live no longer than this: others need the memory."""
    explainer = ox.Explainer(model, method)
    for batch, floor in forward.items():
        x = drawn(batch)
        own = timed(method, lambda x=x: explainer(x, [1] * len(x)))
        theirs = timed(PEERS[method], lambda x=x: peer(method, x, CLASSES))
        yield row(batch, method, own, floor, theirs, explainer.method.engine.providers)


def drawn(batch: int) -> Any:
    """Rows of noise, the same ones every time."""
    return np.random.default_rng(0).normal(size=(batch, 3, SIZE, SIZE)).astype("f")


def free() -> None:
    """Hand back the memory that nothing uses any more."""
    gc.collect()
    cupy.get_default_memory_pool().free_all_blocks()
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.cuda.empty_cache()


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
