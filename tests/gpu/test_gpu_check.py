"""The check for machines with a GPU: what it says without one, and its benchmarks on the stand-in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
from gpu.conftest import real
from kernels.emu import COMPILER
from nets import ROOT

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no g++ to run kernels on the CPU with")
TOOL = ROOT / "tools" / "gpu_check"
STAND_IN = "import sys; from gpu.standin import module; sys.modules['cupy'] = module(); "
HASTE = "import clock; clock.LEAST = clock.MOST = 1; "


def python(code, *arguments):
    """Run code in a process that sees the tests and the tool."""
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests", TOOL)))
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": paths})


def rows(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.skipif(real() is not None, reason="there is a GPU here")
def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path):
    command = [sys.executable, str(TOOL), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "nothing was checked" in done.stderr and "onnxplain[gpu]" in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_bound_of_a_resnet_50():
    """4.09e9 multiplications and additions a row, as its authors' reimplementations count them."""
    code = STAND_IN + (
        "import math; from layers import bound; from resnet import convolutions; layers = list(convolutions()); "
        "print(len(layers), sum(bound(each, 32, 1.0, math.inf) for _, each in layers), "
        "sum(bound(each, 32, math.inf, 1.0) for _, each in layers))"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    count, operations, traffic = map(float, done.stdout.split())
    assert count == 53
    assert operations == pytest.approx(2 * 32 * 4.09e9, rel=0.01)
    assert 2.5e9 < traffic < 3.5e9


@needs_compiler
def test_layers_are_measured_in_every_way():
    code = (
        STAND_IN
        + HASTE
        + (
            "import json; from layers import row, seconds; from resnet import Layer; "
            "print(json.dumps(row({'layer': 'a'}, seconds(Layer(4, 6, 3, 2, 7), 2)))); "
            "print(json.dumps(row({'layer': 'b'}, seconds(Layer(4, 6, 1, 1, 5), 2))))"
        )
    )
    wide, pointwise = rows(python(code))
    assert {"over tiled", "over columns", "over direct", "over cublas"} <= wide.keys()
    assert "over cublas" in pointwise and "over tiled" not in pointwise
    assert all(value > 0 for name, value in wide.items() if name != "layer")


@needs_compiler
def test_explanations_are_measured_and_a_missing_peer_is_said():
    small = "import resnet; resnet.STAGES = ((8, 1), (16, 1)); resnet.SIZE = 32; resnet.CLASSES = 5; "
    code = STAND_IN + HASTE + small + "import explanations; explanations.main()"
    found = rows(python(code, "--batches", "2", "--methods", "gradient", "lrp.epsilon_plus_flat"))
    assert [each["method"] for each in found] == ["gradient", "lrp.epsilon_plus_flat"]
    assert all(each["over forward"] > 1 and each["over peer"] is None for each in found)


def test_a_step_that_hangs_is_stopped_and_its_rows_are_kept(tmp_path):
    code = (
        f"import json, steps; steps.HERE = __import__('pathlib').Path({str(tmp_path)!r}); "
        "print(json.dumps([steps.measured('slow', 2.0), steps.measured('broken', 9.0)]))"
    )
    tmp_path.joinpath("slow.py").write_text("import time\nprint('{\"row\": 1}')\ntime.sleep(60)\n")
    tmp_path.joinpath("broken.py").write_text("raise SystemExit('no such kernel')\n")
    done = python(code)
    assert done.returncode == 0, done.stderr
    slow, broken = json.loads(done.stdout)
    assert slow["rows"] == [{"row": 1}] and "stopped" in slow["says"]
    assert broken["state"] == "failed" and broken["says"] == "no such kernel"


def test_the_report_is_a_table_of_what_was_found():
    code = (
        "from report import markdown; "
        "print(markdown({'tests': {'state': 'ok', 'says': '9 passed', 'rows': []}, "
        "'layers': {'state': 'ok', 'says': '1 rows', 'rows': [{'layer': 'all', 'over cublas': 1.5}, {'layer': 'x'}]}}))"
    )
    text = python(code).stdout
    assert "| tests | ok | 9 passed |" in text
    assert "| all | 1.5 |" in text and "| x |  |" in text


@pytest.mark.skipif(find_spec("cupy") is None, reason="CuPy is not installed")
def test_the_stand_in_has_nothing_that_cupy_has_not():
    code = (
        "import cupy; from gpu.standin import module, ndarray; fake = module(); "
        "own = {'memory', '__module__', '__dict__', '__weakref__', '__doc__'}; "
        "print([n for n in vars(fake) if n[0] != '_' and not hasattr(cupy, n)] + "
        "[n for n in vars(ndarray) if n not in own and not hasattr(cupy.ndarray, n)] + "
        "[n for n in vars(fake.cuda) if n != 'cublas' and not hasattr(cupy.cuda, n)])"
    )
    assert python(code).stdout.strip() == "[]"
