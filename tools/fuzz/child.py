"""A child: judges a portion of mutants one after another, under limits of CPU time and memory for each.

    python child.py CORPUS SEED CPU_SECONDS MEGABYTES PLANTED INDEX...

Says on stdout, a line of JSON each, which mutant and phase begins, and what became of a mutant. A mutant that uses up
its CPU time kills the child by SIGXCPU; the parent then knows which one it was. PLANTED is a Python file that is run
first, or an empty text. An index that ends in "!" is judged without running the file itself by onnxruntime.
"""

from __future__ import annotations

import json
import os
import resource
import runpy
import sys
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

import onnxruntime as ort
from corpus import Corpus
from judge import Verdict, judge
from mutant import mutant

from onnxplain.graph import runtime


def say(**what: Any) -> None:
    """Write a line for the parent, past whatever the library prints."""
    os.write(CHANNEL, (json.dumps(what) + "\n").encode())


def limit(seconds: int, megabytes: int) -> None:
    """Allow so much CPU time from now on, and so much memory in all."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(process_time()) + 1 + seconds, hard))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, hard))


def main() -> None:
    """Judge the mutants."""
    corpus_path, seed, seconds, megabytes, planted, *indices = sys.argv[1:]
    ort.set_default_logger_severity(4)
    runtime.THREADS = 1  # there are as many children as cores
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    corpus = Corpus.load(Path(corpus_path))
    if planted:
        runpy.run_path(planted)
    for text in indices:
        limit(int(seconds), int(megabytes))
        index, start = int(text.rstrip("!")), process_time()
        say(index=index, phase="mutate")
        made = mutant(corpus, int(seed), index)
        about = {"base": made.base, "kinds": made.kinds}
        say(index=index, phase="begin", **about)
        with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as folder:
            verdict = _judged(made, Path(folder), index, alone=text.endswith("!"))
        say(index=index, **about, **verdict.as_dict(), seconds=round(process_time() - start, 3))


def _judged(made: Any, folder: Path, index: int, *, alone: bool) -> Verdict:
    try:
        return judge(made, folder, lambda phase: say(index=index, phase=phase), alone=alone)
    except MemoryError as problem:
        return Verdict("memory", "MemoryError outside", str(problem))


if __name__ == "__main__":
    CHANNEL = os.dup(1)  # the library, and native code below it, may print whatever it likes
    os.dup2(2, 1)
    main()
