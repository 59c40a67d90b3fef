"""Contenders that are measured as a whole: a command from its start to its end, and the loading of a file.

Each function returns the seconds, the seconds of CPU time of all threads, and where it is a process, its peak memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from compileall import compile_dir
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

PLAIN = """
import sys
import numpy
import onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
session.run(None, {session.get_inputs()[0].name: numpy.zeros((1, 3, 224, 224), "f")})
"""
"""The least that a program has to do for one picture: import onnxruntime, open the file and run it."""


def command(path: str, method: str) -> dict[str, float]:
    """Explain one picture by the command `onnxplain explain`, from the start of the process to the files."""
    from PIL import Image

    package = (found := find_spec("onnxplain")) and found.origin
    check_tree(package)
    compile_dir(Path(package or ".").parent, quiet=2)  # as an installed package is
    pixels = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    with TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        Image.fromarray(pixels).save(picture)
        asked = ["explain", path, str(picture), "-m", method, "-o", folder, "--preprocess", "imagenet"]
        return _process([sys.executable, "-m", "onnxplain", *asked])


def plain(path: str) -> dict[str, float]:
    """Import onnxruntime, open the file and run it once, in a process of its own."""
    return _process([sys.executable, "-c", PLAIN, path])


def load(path: str) -> dict[str, float]:
    """Load a file with onnxplain; importing it does not count."""
    import onnxplain as ox

    check_tree(ox.__file__)
    ox.load(str(Path(__file__).resolve().parents[2] / "models" / "digits_mlp_sklearn.onnx"))  # imports all it needs
    start, cpu = time.perf_counter(), time.process_time()
    ox.load(path)
    return {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}


def _process(arguments: list[str]) -> dict[str, float]:
    """Run a process; return what it took. Ends this one with what it said where it fails."""
    start = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read() if process.stderr else b""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(said.decode(errors="replace"))
    taken = time.perf_counter() - start
    return {"seconds": taken, "cpu": used.ru_utime + used.ru_stime, "peak": float(used.ru_maxrss * 1024)}


def check_tree(package: str | None) -> None:
    """End the process where a checkout is to be measured and the package at this path is not of it."""
    tree = os.environ.get("BENCH_TREE")
    if tree and not Path(package or "/").resolve().is_relative_to(Path(tree).resolve()):
        sys.exit(f"expected onnxplain of {tree}, but Python imports {package}")
