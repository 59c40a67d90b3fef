"""Code in a process of its own, where a stand-in for CuPy or a setting of the benchmarks harms no one."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from nets import ROOT

TOOL = ROOT / "tools" / "gpu_check"
STAND_IN = "import sys; from gpu.standin import module; sys.modules['cupy'] = module(); "
HASTE = "import clock; clock.LEAST = clock.MOST = clock.REPEATS = 1; "
SMALL = "import resnet; resnet.STAGES = ((8, 1), (16, 1)); resnet.SIZE = 32; resnet.CLASSES = 5; "


def python(code, *arguments):
    """Run code in a process that sees the tests and the tool, and no GPU: the stand-in's memory is not one's."""
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests", TOOL)))
    command = [sys.executable, "-c", code, *arguments]
    settings = os.environ | {"PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=settings)


def rows(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
