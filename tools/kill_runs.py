"""Kill runs with -9 at random moments, go on with them, and compare every byte with a run that nobody killed.

`python tools/kill_runs.py --way local --way workers --way ray --times 50` prints one line a way. What is killed is the
run itself, one of its processes, or all of them; on Ray also the process of an actor. It ends with 1 where a byte
differs.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
WAYS = {"local": [], "workers": ["--workers", "2"], "ray": ["--workers", "2", "--ray", "auto"]}
MODEL = ROOT / "models" / "digits_cnn_torch.onnx"
ASKED = ["-m", "gradient", "--shard-size", "8", "--batch-size", "8", "-q"]


def command(inputs: Path, out: Path, way: str) -> list[str]:
    """Return the command line of a run."""
    return [*(sys.executable, "-m", "onnxplain", "run", str(MODEL), str(inputs), "-o", str(out)), *ASKED, *WAYS[way]]


def digests(out: Path) -> dict[str, bytes]:
    """Return the content of each file of a run that time and place leave alone."""
    kept = (out / "inputs.jsonl", out / "job.json", out / "ledger.jsonl", *(out / "shards").iterdir())
    return {str(each.relative_to(out)): each.read_bytes() for each in kept}


def processes(parent: int) -> list[int]:
    """Return the processes that a run has begun, and on Ray those of its actors."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                line, status = (each / "cmdline").read_bytes(), (each / "stat").read_text()
            except OSError:
                continue
            if int(status.rpartition(")")[2].split()[1]) == parent or line.startswith(b"ray::Member"):
                found.append(int(each.name))
    return found


def kill(process: subprocess.Popen[bytes], rng: np.random.Generator) -> str:
    """Kill the run, one of its processes, or all of them, and return which."""
    others = processes(process.pid)
    what = str(rng.choice(["run", "one", "all"] if others else ["run"]))
    aims = {"run": [process.pid], "one": [int(rng.choice(others or [process.pid]))], "all": [process.pid, *others]}
    for aim in aims[what]:
        try:
            os.kill(aim, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return what


def try_once(inputs: Path, out: Path, way: str, longest: float, rng: np.random.Generator) -> tuple[str, int]:
    """Kill a run once or twice, let it go on to its end, and return what was killed and its last exit code."""
    said = []
    for _ in range(int(rng.integers(1, 3))):
        process = subprocess.Popen(command(inputs, out, way), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.2, longest))
        said.append(kill(process, rng) if process.poll() is None else "over")
        process.wait()
    return ", ".join(said), subprocess.run(command(inputs, out, way), check=False).returncode


@click.command()
@click.option("--way", "ways", multiple=True, type=click.Choice(list(WAYS)), default=["local", "workers"])
@click.option("--times", default=5, show_default=True)
@click.option("--rows", default=256, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(ways: tuple[str, ...], times: int, rows: int, seed: int) -> None:
    """Kill runs, and compare them with one that nobody killed."""
    rng, differ = np.random.default_rng(seed), 0
    place = Path(tempfile.mkdtemp())
    np.save(place / "x.npy", rng.normal(size=(rows, 1, 16, 16)).astype("f"))
    subprocess.run(command(place / "x.npy", place / "whole", "local"), check=True)
    due = digests(place / "whole")
    for way in ways:
        start = time.perf_counter()
        subprocess.run(command(place / "x.npy", place / "first", way), check=True)
        longest, wrong, killed = time.perf_counter() - start, 0, []
        for _ in range(times):
            shutil.rmtree(place / "out", ignore_errors=True)
            what, code = try_once(place / "x.npy", place / "out", way, longest, rng)
            killed.append(what)
            wrong += code != 0 or digests(place / "out") != due
        shutil.rmtree(place / "first")
        counts = {what: killed.count(what) for what in sorted(set(killed))}
        print(f"{way}: {times} runs of {len(due)} files, {wrong} differ; a run takes {longest:.1f} s; killed: {counts}")
        differ += wrong
    shutil.rmtree(place)
    raise SystemExit(bool(differ))


if __name__ == "__main__":
    main()
