"""Change ONNX files at random, and see whether what is explained is what the file computes, or is refused.

    python tools/fuzz [--mutants N] [--seed S] [--first I] [--jobs J] [--results FILE]
    python tools/fuzz --only I [--seed S] [--write FILE]

Mutants are made of the bundled models, of ONNX's own node tests and of small networks that are grown at random, in
opsets 7 to 24. Mutant I of seed S is always the same one, as long as the installed onnx is. Each is loaded and
explained by several methods, and scores, gradients and sums are compared with plain onnxruntime on the untouched file.
A child judges a hundred of them, each under limits of CPU time and memory. With --results, a run that was interrupted
goes on.

Prints a table of what became of them (see summary.py) and the distinct faults; exits with 1 where there are any.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parents[1] / "common"))  # what several tools share

from corpus import Corpus
from kept_lines import KeptLines
from mutant import mutant
from portions import PORTION, Limits, Run
from summary import distinct, failed, table, unchecked
from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Sequence


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add, limits = parser.add_argument, Limits()
    add("--mutants", type=int, default=1000, metavar="N", help="how many (1000)")
    add("--seed", type=int, default=0, metavar="S", help="of all random numbers (0)")
    add("--first", type=int, default=0, metavar="I", help="index of the first one (0)")
    add("--jobs", type=int, default=1, metavar="J", help="children at once (1)")
    add("--results", type=Path, metavar="FILE", help="JSON lines, one for each mutant; those that it has are not run")
    add("--only", type=int, metavar="I", help="only this one, in detail")
    add("--write", type=Path, metavar="FILE", help="with --only: where the mutant is written (mutant_S_I.onnx)")
    add("--show", nargs="+", default=[], metavar="CLASS", help="list the mutants of these classes too, such as refused")
    add("--without-cases", action="store_true", help="without ONNX's node tests, whose collection takes five seconds")
    add("--cpu", type=int, default=limits.cpu, metavar="S", help=f"CPU seconds for a mutant ({limits.cpu})")
    add("--memory", type=int, default=limits.memory, metavar="MB", help=f"memory of a child ({limits.memory})")
    add("--plant", default="", metavar="FILE", help="Python that each child runs first, such as a fault to be found")
    return parser.parse_args()


def run_all(run: Run, indices: Sequence[int], results: KeptLines, jobs: int) -> None:
    """Judge the mutants that have no verdict yet, a portion for each child."""
    left = [index for index in indices if index not in results.found]
    portions = [left[i : i + PORTION] for i in range(0, len(left), PORTION)]
    with tqdm(total=len(left), unit="mutant", disable=None) as bar, ThreadPoolExecutor(jobs) as pool:

        def judge(portion: Sequence[int]) -> None:
            for verdict in run.judged(portion):
                results.add(verdict)
                bar.update()

        for done in [pool.submit(judge, portion) for portion in portions]:
            done.result()


def show_one(run: Run, corpus: Corpus, index: int, path: Path) -> dict[str, Any]:
    """Write one mutant to a file, and print what it is and what becomes of it."""
    made = mutant(corpus, run.seed, index)
    path.write_bytes(made.data)
    print(f"mutant {index} of seed {run.seed}: {made.base}\nchanged by {', '.join(made.kinds)}\nwritten to {path}")
    verdict = next(iter(run.judged([index])))
    for name, value in verdict.items():
        if name not in ("index", "base", "kinds"):
            print(f"{name}: {value}")
    return verdict


def main() -> None:
    """Make the mutants, judge them and report."""
    given = options()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        corpus, path = Corpus.collect(cases=not given.without_cases), Path(folder) / "corpus.pickle"
        corpus.save(path)
        run = Run(path, given.seed, Limits(cpu=given.cpu, memory=given.memory), given.plant)
        if given.only is not None:
            write = given.write or Path(f"mutant_{given.seed}_{given.only}.onnx")
            sys.exit(1 if failed([show_one(run, corpus, given.only, write)]) else 0)
        results, indices = KeptLines(given.results, "index"), range(given.first, given.first + given.mutants)
        run_all(run, indices, results, given.jobs)
    verdicts = [results.found[index] for index in indices]
    if given.show:
        print(distinct(verdicts, given.show), end="\n\n")
    print(distinct(verdicts), unchecked(verdicts), table(verdicts), sep="\n\n")
    sys.exit(1 if failed(verdicts) else 0)


if __name__ == "__main__":
    main()
