"""The check for machines with a GPU: its steps, what it says without a GPU, and its report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
from gpu.apart import STAND_IN, TOOL, python, rows
from gpu.conftest import real


@pytest.mark.skipif(real() is not None, reason="there is a GPU here")
def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path):
    command = [sys.executable, str(TOOL), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "nothing was checked" in done.stderr and "onnxplain[gpu]" in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_tf32_is_off_for_all_but_the_step_that_looks_for_it(monkeypatch):
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    code = (
        "import steps, sys; ask = [sys.executable, '-c', 'import os; print(os.environ.get(steps))'.replace('steps', "
        "repr(steps.TF32))]; print(steps.process(ask, 9.0)[1].strip(), steps.process(ask, 9.0, tf32=None)[1].strip())"
    )
    assert python(code).stdout.split() == ["0", "None"]


def test_a_sanitizer_that_does_not_know_the_device_is_skipped(tmp_path, monkeypatch):
    fake = tmp_path / "compute-sanitizer"
    fake.write_text(
        '#!/bin/sh\necho "$@" >> "$0.log"\necho "========= Error: Device not supported. See the manual"\nexit 1\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    code = "import json, steps; [print(json.dumps(steps.sanitized(tool, 9.0))) for tool in ('memcheck', 'racecheck')]"
    for found in rows(python(code)):
        assert found["state"] == "skipped" and found["says"] == "Error: Device not supported. See the manual"
    memcheck, racecheck = tmp_path.joinpath("compute-sanitizer.log").read_text().splitlines()
    assert "--report-api-errors no" in memcheck and "--report-api-errors" not in racecheck


def test_what_is_missing_is_said_with_what_to_do():
    code = STAND_IN + (
        "import environment, json; environment.NEEDED = ('numpy',); print(json.dumps(environment.environment())); "
        "environment.NEEDED = ('numpy', 'no_such_module'); print(json.dumps(environment.environment()))"
    )
    whole, lacking = rows(python(code))
    assert whole["says"].startswith("stand-in, onnxruntime with")
    assert lacking["missing"] == ["no_such_module"]
    assert "no_such_module" in lacking["says"] and "PYTHONPATH" in lacking["says"]


def test_a_step_that_hangs_is_stopped_with_what_it_started(tmp_path):
    """A process that the step started holds a pipe, and says so at its end if it gets there."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    tmp_path.joinpath("parent.py").write_text(
        "import subprocess, sys, time\n"
        f"with open({str(pipe)!r}, 'w') as held:\n"
        "    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(15); print(1)'], stdout=held)\n"
        "print('{\"row\": 1}')\ntime.sleep(60)\n"
    )
    code = (
        f"import json, steps; steps.HERE = __import__('pathlib').Path({str(tmp_path)!r}); "
        "print(json.dumps(steps.measured('parent', 2.0)))"
    )
    (found,) = rows(python(code))
    os.set_blocking(reader, True)
    assert found["rows"] == [{"row": 1}]
    assert os.read(reader, 9) == b"", "it went on"
    os.close(reader)


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
