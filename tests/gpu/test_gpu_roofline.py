"""Kernels over their roofline, of the check for machines with a GPU: on the stand-in, by a clock that calls move."""

from __future__ import annotations

import pytest
from gpu.apart import SMALL, STAND_IN, TOOL, python, rows
from kernels.emu import COMPILER

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no g++ to run kernels on the CPU with")

METHODS = ("gradient", "lrp.epsilon_plus_flat")
# a launch takes a second, one of pool_winners three, and a second passes before each that is not cuBLAS's
CLOCK = """
import cupy, clock, json
from collections import Counter
from onnxplain.engines.cupy import gemm, kernels
now, kernel, product, calls, counted = [0.0], kernels._kernel, gemm._call, Counter(), []
class Event:
    def record(self): self.moment = now[0]
    def synchronize(self): pass
def slow(name, *given):
    run = kernel(name, *given); now[0] += 1.0
    def timed(*launch):
        run(*launch); calls[name] += 1; now[0] += 3.0 if name == "pool_winners" else 1.0
    return timed
def multiplied(*given):
    product(*given); calls["cublas"] += 1; now[0] += 1.0
cupy.cuda.Event, kernels._kernel, gemm._call = Event, slow, multiplied
cupy.cuda.get_elapsed_time = lambda start, end: 1000 * (end.moment - start.moment)
clock.peaks = lambda: (1e30, 2.0**17)
import roofline; roofline.WALKS, spanned = 1, roofline.spanned
def counting(*given):
    calls.clear(); took = spanned(*given); counted.append(dict(calls)); return took
roofline.spanned = counting; roofline.main(); print(json.dumps({"calls": counted}))
"""
LAUNCHES = """
import json, math, cupy, launches, numpy as np
from onnxplain.engines.cupy import convolution
from onnxplain.engines.cupy.arrays import materialise
from onnxplain.engines.cupy.namespace import CupyNamespace
from onnxplain.engines.window import Window
xp, draw = CupyNamespace(), lambda *shape: CupyNamespace().const(np.ones(shape, "f"))
def meet(describe, run):
    each = describe(); run()
    print(json.dumps({"kernel": each.kernel, "bytes": each.bytes, "operations": each.operations}))
"""


@pytest.fixture(scope="module")
def measured():
    """By method, its rows, and how often each kernel ran in a walk, the first one first."""
    *found, last = rows(python(STAND_IN + SMALL + CLOCK, "--batch", "2", "--methods", *METHODS))
    by = {method: [each for each in found if each["method"] == method] for method in METHODS}
    return {method: (by[method], calls) for method, calls in zip(METHODS, last["calls"], strict=True)}


def launched(code):
    """What the calls of `code` launch."""
    return rows(python(f"{STAND_IN}{LAUNCHES}with launches.met(meet):\n    {code}"))


@pytest.mark.parametrize("method", METHODS)
def test_every_kernel_that_runs_has_a_row_with_its_share(measured, method):
    (*found, idle), calls = measured[method]
    assert {"elementwise", "reduce_sum", "conv_adjoint_tiled", "pool_winners", "cublas"} <= calls.keys()
    assert {each["kernel"]: each["launches"] for each in found} == calls
    assert sum(each["share"] for each in found) == pytest.approx(1, abs=1e-3)
    took = {name: (3 if name == "pool_winners" else 1) * times for name, times in calls.items()}
    for each in found:
        assert each["batch"] == 2
        assert each["share"] == pytest.approx(took[each["kernel"]] / sum(took.values()), abs=1e-4)
    waits = sum(calls.values()) - calls["cublas"] - (next(iter(calls)) != "cublas")  # none before the first launch
    assert idle["kernel"] == "idle"
    assert idle["share"] == pytest.approx(waits / (waits + sum(took.values())), abs=1e-4)


def test_a_kernel_is_below_where_it_is_slow_and_matters(measured):
    """A pool of 16 x 16 to 8 x 8, 2 rows of 64 channels: 3 * 2^16 bytes need 1.5 s, and take 3."""
    pools = [next(each for each in measured[method][0] if each["kernel"] == "pool_winners") for method in METHODS]
    assert [each["of roofline"] for each in pools] == [0.5, 0.5]
    assert pools[0]["share"] > 0.05 > pools[1]["share"]
    assert [each["below"] for each in pools] == [True, False]


def test_a_walk_computes_what_the_layers_say():
    """The gradient is the transpose of every convolution, and of the 5 x 64 matrix behind the mean."""
    code = (
        "import json, launches, onnxplain as ox; from explanations import drawn; "
        "from layers import bound; from resnet import convolutions, resnet50; found = []\n"
        "def meet(describe, run): found.append(describe().operations); run()\n"
        "explainer = ox.Explainer(ox.load(resnet50(), engine='cupy'), 'gradient')\n"
        "with launches.met(meet): explainer(drawn(2), [1, 1])\n"
        "layers = sum(bound(each, 2, 1.0, float('inf')) for _, each in convolutions())\n"
        "print(json.dumps({'found': sum(found), 'layers': layers}))\n"
    )
    (sums,) = rows(python(STAND_IN + SMALL + code))
    assert sums["found"] == sums["layers"] + 2 * 2 * 5 * 64


def test_the_operations_and_bytes_of_convolutions():
    """From 16 to 32 channels, 3 x 3, 5 x 5 to 3 x 3: the count of a loop over everything, and all arrays once.

    The weight of a tile is read as it is packed, with 64 rows.
    """
    window = "window = Window.resolve((5, 5), (3, 3), {'pads': [1] * 4, 'strides': [2] * 2}); "
    code = window + "x, w, g = draw(2, 16, 5, 5), draw(32, 16, 3, 3), draw(2, 32, 3, 3); "
    code += "convolution._parts = lambda *_: 1; xp.conv(x, w, window, 1); xp.conv_adjoint(g, w, x, window, 1)"
    loop = sum(2 for _ in range(2) for _ in range(32) for _ in range(16) for _ in range(9) for _ in range(9))
    assert launched(code) == [
        {"kernel": name, "bytes": 4 * (2 * 16 * 25 + 64 * depth * 9 + 2 * 32 * 9), "operations": loop}
        for name, depth in (("conv_tiled", 16), ("conv_adjoint_tiled", 32))
    ]
    few = window + "xp.conv(draw(2, 8, 5, 5), draw(8, 2, 3, 3), window, 4)"
    moved = 4 * (2 * 8 * 25 + 8 * 2 * 9 + 2 * 8 * 9)
    assert launched(few) == [{"kernel": "conv_direct", "bytes": moved, "operations": 2 * 2 * 8 * 2 * 9 * 9}]


MOVES = [
    ("g, y = draw(3, 50), draw(3, 50); materialise(g * xp.where(y > 0, 1.0, 0.0))", 12 * 150),
    ("g, y = draw(3, 50), draw(1, 50); materialise(g * y + y)", 4 * (150 + 50 + 150)),
    ("x = draw(3, 50); materialise(x > 0)", 5 * 150),
    ("x = draw(3, 50); materialise(x * xp.reshape(x, (3, 50)))", 8 * 150),
    ("x = draw(3, 50); xp.sum(x * x, [1])", 4 * (150 + 3)),
    ("x = draw(3, 50); xp.sum(xp.broadcast_like(draw(3, 1), x), [0])", 4 * (3 + 50)),
    ("xp.pool_winners(draw(2, 3, 4, 6), Window.resolve((4, 6), (2, 2), {'strides': [2, 2]}))", 4 * 144 + 8 * 36),
    ("xp.reduce_winners(draw(3, 50), [1])", 4 * 150 + 8 * 3),
]


def test_every_array_moves_once():
    """A gate moves 12 bytes an element; what is broadcast, only what it has in memory; positions have 8 bytes."""
    found = launched("\n    ".join(call for call, _ in MOVES))
    assert [(each["bytes"], each["operations"]) for each in found] == [(moved, 0) for _, moved in MOVES]


def test_a_product_counts_all_its_matrices():
    (found,) = launched("xp.matmul(draw(4, 5), draw(7, 5, 6))")
    assert found == {"kernel": "cublas", "bytes": 4 * (20 + 210 + 168), "operations": 2 * 7 * 4 * 5 * 6}


def test_the_worst_chain_that_matters_is_named():
    """A chain is a kernel of its own: it may be below where all chains together are not."""
    code = (
        "import cupy, json; from launches import Launch; from roofline import Timed, rows\n"
        "from onnxplain.engines.cupy.expression import written\n"
        "from onnxplain.engines.cupy.namespace import CupyNamespace\n"
        "xp = CupyNamespace(); x = xp.const(cupy.zeros((3,), 'f'))\n"
        "gate, power, rare = (written(each)[0] for each in (xp.where(x > 0.0, x, 0.0), x * x * x, -x))\n"
        "times = [(gate, 10, 5), (power, 80, 70), (rare, 4, 1), (gate, 6, 3)]\n"
        "found = [Timed(Launch('elementwise', 1, 0, text), took, least) for text, took, least in times]\n"
        "for each in rows(found): print(json.dumps(each))\n"
    )
    (found,) = rows(python(STAND_IN + code))
    assert found["worst chain"] == "t0 = a0 > n[0]; t1 = where(t0, a0, n[1])"
    assert (found["its share"], found["its part of roofline"]) == (0.16, 0.5)
    assert (found["launches"], found["of roofline"], found["below"]) == (4, 0.79, True)


def test_a_launch_is_timed_behind_a_wait():
    """Else the time between its events is the time that Python takes to launch it."""
    code = STAND_IN + (
        "import clock, cupy, json, numpy as np; made = cupy.RawModule; order = []\n"
        "class Event:\n    def record(self): order.append('event')\n"
        "class Module:\n"
        "    def __init__(self, **given): self.own = made(**given)\n"
        "    def get_function(self, name):\n"
        "        run = self.own.get_function(name); return lambda *given: order.append(name) or run(*given)\n"
        "cupy.cuda.Event, cupy.RawModule = Event, Module\n"
        "clock.around(lambda: order.append('run'))\n"
        "_, out = clock._wait(); print(json.dumps({'order': order, 'out': float(out[0])}))\n"
    )
    (found,) = rows(python(code))
    assert found["order"] == ["busy", "event", "run", "event"]
    assert found["out"] == pytest.approx(0.5, abs=1e-3)


def test_it_is_a_step_with_a_table_in_which_a_chain_is_one_cell():
    code = (
        "import json, pathlib, runpy, steps; from report import markdown; here = pathlib.Path(steps.HERE)\n"
        "row = {'kernel': 'elementwise', 'worst chain': 't0 = a0 || a1'}\n"
        "text = markdown({'roofline': {'state': 'ok', 'says': '1 rows', 'rows': [row]}})\n"
        f"asked = runpy.run_path({str(TOOL / '__main__.py')!r})['STEPS']\n"
        "print(json.dumps({'asked': asked, 'limits': list(steps.LIMITS), 'text': text, "
        "'there': [(here / f'{name}.py').is_file() for name in steps.MEASURED]}))\n"
    )
    (found,) = rows(python(STAND_IN + code))
    assert found["asked"] == ["environment", *found["limits"]] and "roofline" in found["limits"]
    assert all(found["there"])
    assert "## Roofline" in found["text"] and "| elementwise | t0 = a0 \\|\\| a1 |" in found["text"]
