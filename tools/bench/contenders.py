"""Measure one contender and print the time and memory it took as JSON.

    python contenders.py CONTENDER NETWORK FOLDER BATCH [RESULT]

A contender is one way to compute the forward run, or an explanation, of the same network on the same input. First its
library and the model are loaded, which is not measured. Then it is prepared up to the first result: a session is opened
or a plan compiled. Then it runs many times. What is printed:

    seconds   median duration of a run
    cpu       CPU time of a run, of all threads, in seconds
    prepared  seconds until the first result, less the duration of a run
    peak      the most memory that the process had resident, in bytes (VmHWM of Linux; 0 on other systems)
    steady    the memory that it had resident after all runs (VmRSS)

A contender "memory:METHOD" explains a few times, and prints what `onnxplain.memory` estimates over VmRSS, "estimated".
The contenders in whole.py, a command or the loading of a file, run once, and print those of these that they have.

NETWORK is a name of zoo.py, whose file is in FOLDER, or the path of an ONNX file. RESULT is a file for the attribution
that onnxplain computes. Where the environment variable BENCH_TREE names a checkout, onnxplain has to be that one.

The function of a contender loads what it needs and returns a function that prepares; this one returns a function that
runs.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from libraries import peer
from settings import settings_of
from whole import check_tree, command, load, plain
from zoo import file_of, input_of, network_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[], Any]

WHOLE = {"plain": plain, "load": load}
SECONDS = float(os.environ.get("BENCH_SECONDS", "2"))
LEAST = 3 if SECONDS else 1
"""A contender runs for at least this many seconds, and at least this many times."""


def forward(path: str, x: Any) -> Callable[[], Run]:
    """Run the ONNX file in onnxruntime, without explaining anything. All times are compared with this one."""
    import onnxruntime

    def prepare() -> Run:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return lambda: session.run(None, {session.get_inputs()[0].name: x})

    return prepare


def ours(path: str, x: Any, engine: str, method: str) -> Callable[[], Run]:
    """Explain with onnxplain, as a user calls it."""
    import onnxplain as ox

    check_tree(ox.__file__)
    model = ox.load(path, engine=engine)

    def prepare() -> Run:
        explainer = ox.Explainer(model, method, **settings_of(method))
        return lambda: explainer(x, target=[1] * len(x))

    return prepare


def contender(name: str, network: str, folder: str, batch: int) -> Callable[[], Run]:
    """Load a contender by its name; return the function that prepares it."""
    path = file_of(network, folder)
    x = input_of(network, path, batch)
    kind, _, what = name.partition(":")
    if kind == "forward":
        return forward(path, x)
    if kind == "ours":
        return ours(path, x, *what.split(":"))
    return peer(name, network_of(network), x)


def taken(name: str, network: str, folder: str, batch: int, result: str | None = None) -> dict[str, float]:
    """Measure a contender by its name; see the docstring of this file."""
    kind, _, what = name.partition(":")
    path = file_of(network, folder)
    if kind == "command":
        return command(path, what)
    if kind == "memory":
        return estimated(path, input_of(network, path, batch), what)
    if kind in WHOLE:
        return WHOLE[kind](path)
    return measure(contender(name, network, folder, batch), result)


def estimated(path: str, x: Any, method: str) -> dict[str, float]:
    """Explain a few times; return the memory that the package says a process takes for it, over what it takes."""
    import onnxplain as ox
    from onnxplain.memory import memory_of

    explainer = ox.Explainer(ox.load(path, engine="onnxruntime"), method, **settings_of(method))
    for _ in range(LEAST):
        explainer(x, target=[1] * len(x))
    steady = resident("VmRSS")
    return {"estimated": memory_of(explainer).total / steady if steady else 0.0, "steady": steady}


def measure(prepare: Callable[[], Run], result: str | None = None) -> dict[str, float]:
    """Prepare a contender and run it many times; return what the docstring of this file lists.

    result: the path of a file, which is written where what the contender returns has an attribution.
    """
    start = time.perf_counter()
    run = prepare()
    found = run()
    first = time.perf_counter() - start
    if result and hasattr(found, "attribution"):
        np.save(result, found.attribution)
    del found
    times: list[float] = []
    cpu = time.process_time()
    while len(times) < LEAST or sum(times) < SECONDS:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return {
        "seconds": median(times),
        "cpu": (time.process_time() - cpu) / len(times),
        "prepared": max(first - median(times), 0.0),
        "peak": resident("VmHWM"),
        "steady": resident("VmRSS"),
    }


def resident(what: str) -> int:
    """Return the memory of this process that is resident, VmRSS, or was at most, VmHWM; 0 where nobody tells."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


if __name__ == "__main__":
    _name, _network, _folder, _batch, *_result = sys.argv[1:]
    print(json.dumps(taken(_name, _network, _folder, int(_batch), *_result)))
