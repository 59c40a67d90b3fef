"""The steps, each in a process of its own: a kernel that kills its process leaves the others their turn.

A step answers with its state (ok, failed, skipped), a line that says why, and its rows.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from environment import environment

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LIMITS = {
    "tests": 260,
    "forward": 60,
    "memcheck": 100,
    "racecheck": 100,
    "layers": 60,
    "roofline": 60,
    "explanations": 150,
}
"""Seconds that a step may take."""
MEASURED = ("layers", "roofline", "explanations")
"""Steps that print rows of ratios."""
TF32 = "NVIDIA_TF32_OVERRIDE"
"""Where it is 0, no library of NVIDIA's computes in TF32, whatever a program asks for."""
Answer = dict[str, Any]


def run(name: str, left: float) -> Answer:
    """Run one step, in no more than the seconds left."""
    if name == "environment":
        about = environment()
        return answer("failed" if about["missing"] else "ok", about["says"], [about])
    limit = min(LIMITS[name], left)
    if name in MEASURED:
        return measured(name, limit)
    if name == "forward":
        return compared(limit)
    if find_spec("pytest") is None:
        return answer("skipped", "pytest is not installed")
    return tested(limit) if name == "tests" else sanitized(name, limit)


def answer(state: str, says: str, rows: list[Any] | None = None) -> Answer:
    """What a step found."""
    return {"state": state, "says": says, "rows": rows or []}


def tested(limit: float) -> Answer:
    """tests/gpu, which take the GPU where there is one."""
    code, out = process([sys.executable, "-m", "pytest", "-q", "-W", "default", "tests/gpu"], limit)
    return judged(code, out, limit)


def compared(limit: float) -> Answer:
    """The forward run on CUDA and on the CPU, by the engine's own settings: nothing from outside rules TF32 out."""
    code, out = process([sys.executable, str(HERE / "forward.py")], limit, tf32=None)
    return judged(code, out, limit, "without CUDA")


def sanitized(tool: str, limit: float) -> Answer:
    """The tests of the Namespace under compute-sanitizer; without CuPy's memory pool, so that arrays have ends."""
    sanitizer = _sanitizer()
    if sanitizer is None:
        return answer("skipped", "compute-sanitizer is not here; it comes with the CUDA toolkit")
    options = ["--tool", tool, "--error-exitcode", "9", "--print-limit", "5"]
    if tool == "memcheck":  # CuPy asks for attributes that a device may not have
        options += ["--report-api-errors", "no"]
    code, out = process([sanitizer, *options, sys.executable, str(HERE / "unpooled.py")], limit)
    return judged(code, out, limit, "Device not supported")


def measured(name: str, limit: float) -> Answer:
    """A benchmark: rows of JSON, one a line; those that it printed before it was stopped count."""
    code, out = process([sys.executable, str(HERE / f"{name}.py")], limit)
    rows = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    if code is None:
        return answer("ok" if rows else "failed", f"stopped after {limit:.0f} s with {len(rows)} rows", rows)
    return answer("failed" if code else "ok", _last(out) if code else f"{len(rows)} rows", rows)


def judged(code: int | None, out: str, limit: float, unfit: str | None = None) -> Answer:
    """State of a process that passes or fails; skipped where a line that it printed has `unfit`, which says why."""
    why = next((line for line in out.splitlines() if unfit and unfit in line), None)
    if why is not None:
        return answer("skipped", why.strip("= "))
    if code is None:
        return answer("failed", f"not done after {limit:.0f} s; so far: {_last(out)}")
    return answer("failed" if code else "ok", _last(out), out.splitlines()[-40:] if code else [])


def process(command: list[str], limit: float, tf32: str | None = "0") -> tuple[int | None, str]:
    """Exit status, None where it was stopped with all that it had started, and everything it printed."""
    paths = [str(ROOT), str(HERE), os.environ.get("PYTHONPATH", "")]
    asked = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUNBUFFERED": "1", TF32: tf32}
    settings = {name: value for name, value in (os.environ | asked).items() if value is not None}
    with subprocess.Popen(
        command, cwd=ROOT, env=settings, text=True, errors="replace", start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as started:  # fmt: skip
        try:
            out, _ = started.communicate(timeout=limit)
        except (subprocess.TimeoutExpired, KeyboardInterrupt) as why:  # Ctrl-C does not reach another session
            os.killpg(started.pid, signal.SIGKILL)
            if isinstance(why, KeyboardInterrupt):
                raise
            return None, started.communicate()[0]
    return started.returncode, out


def _last(out: str) -> str:
    lines = [line for line in out.splitlines() if line.strip() and not line.startswith("{")]
    return lines[-1].strip() if lines else "it printed nothing"


def _sanitizer() -> str | None:
    """Path of compute-sanitizer: on the PATH, or in a toolkit."""
    roots = [os.environ.get("CUDA_HOME", ""), os.environ.get("CUDA_PATH", ""), "/usr/local/cuda"]
    places = [str(Path(root, folder)) for root in roots if root for folder in ("bin", "compute-sanitizer")]
    return shutil.which("compute-sanitizer") or shutil.which("compute-sanitizer", path=os.pathsep.join(places))
