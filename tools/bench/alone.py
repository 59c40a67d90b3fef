"""Explain in this process, as a program does that has no need for a service.

    python alone.py MODEL METHOD SHAPE SECONDS BATCH    # SHAPE of a row, such as 3x224x224

It begins when a line comes on the standard input, explains batches of BATCH rows for SECONDS, and prints one JSON
object a line: the rows, the seconds that passed, and the seconds of processor time.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

import onnxplain as ox


def main() -> None:
    """Plan and compile, and explain whenever a line comes."""
    path, method, shape, seconds, batch = sys.argv[1:]
    x = np.random.default_rng(0).normal(size=(int(batch), *map(int, shape.split("x")))).astype("f")
    explainer = ox.Explainer(ox.load(path), method)
    explainer(x)
    for _ in sys.stdin:
        rows, start, cost = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - start < float(seconds):
            rows += len(explainer(x))
        took = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cost}
        print(json.dumps({"rows": rows, **took}), flush=True)


if __name__ == "__main__":
    main()
