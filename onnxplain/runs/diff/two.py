"""Comparing two runs, or two models on the same inputs: of models, both are run first, for the same classes."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from weakref import finalize

import numpy as np

from onnxplain import checks
from onnxplain.api import load
from onnxplain.errors import BadInputError, UsageError
from onnxplain.model import Model
from onnxplain.plan.composite import Composite
from onnxplain.progress import progress
from onnxplain.restoring import restore_method
from onnxplain.runs.diff.classes import Classes
from onnxplain.runs.diff.comparable import check_comparable
from onnxplain.runs.diff.pairs import Pairs
from onnxplain.runs.diff.result import Diff
from onnxplain.runs.diff.row_diff import row_diff
from onnxplain.runs.diff.tally import Tally
from onnxplain.runs.read import Run
from onnxplain.runs.sources import Sources, given
from onnxplain.runs.start import run
from onnxplain.runs.targets import PerRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array

WORST = 8
"""So many of the worst rows are kept."""


def diff(
    a: Run | Model | str | Path,
    b: Run | Model | str | Path,
    data: str | Path | Sequence[str | Path] | None = None,
    method: str | Composite | None = None,
    *,
    worst: int = WORST,
    out: str | Path | None = None,
    **options: Any,
) -> Diff:
    """Compare two runs, or two models on the same inputs, row by row: classes, scores and maps.

    a, b: runs, or their folders; or models, as `load` returns them, or their paths. Of two models, both are run on
    `data`, and B is explained for the class that A predicts, so that the maps of a row say something of the same class.
    Of a run and a model, the model is run as the run was, for the classes that the run explains.
    data: inputs, as `onnxplain.run` takes them; of two runs, where the inputs are now, for pictures.
    worst: how many of the worst rows are kept. out: a folder, where the runs of models are kept in `a` and `b`.
    method, options: of `onnxplain.run`, for models; with `target` or `by_folder` both are explained for that class.

    Equal rows have exactly the correlation 1 and the distance 0. Maps that were stored as relevance, in half precision,
    are rounded to 11 bits; with store="attribution" no digit is lost. Memory does not grow with the number of rows.
    Raises UsageError where the maps are of several methods, sizes or kinds, BadInputError where no input is in both.
    """
    checks.whole(0, worst=worst)
    one, two = _opened(a), _opened(b)
    if isinstance(one, Run) and isinstance(two, Run):
        return _of_runs(one, two, data, worst, {"method": method, "out": out, **options})
    if isinstance(two, Run):
        raise UsageError("A is a model and B a run: give the run first; the model is then run as it was")
    if out is not None:
        return _made(one, two, data, Path(out), method, options, worst)
    folder = mkdtemp(prefix="onnxplain.")
    try:
        found = _made(one, two, data, Path(folder), method, options, worst)
    except BaseException:
        rmtree(folder, ignore_errors=True)
        raise
    finalize(found.runs, rmtree, folder, ignore_errors=True)  # the runs are read again as long as they are held
    return found


def _of_runs(a: Run, b: Run, data: Any, worst: int, for_models: dict[str, Any]) -> Diff:
    """Return the comparison of two runs. Raises UsageError for an option that is for models."""
    idle = [name for name, value in for_models.items() if value is not None]
    if idle:
        raise UsageError(f"{idle[0]}: both are runs, which were made already; it is for models")
    where = {} if data is None else {"inputs": Sources(given(data)).root}
    return _compared(Pairs(a, b, (where, where)), _names(a.path.name, b.path.name), worst)


def _made(a: Run | Model, b: Model, data: Any, folder: Path, method: Any, options: dict[str, Any], worst: int) -> Diff:
    """Return the comparison of models, which are run into a folder first, or of a run with a model."""
    if isinstance(a, Run):
        if method is not None or options:
            raise UsageError("A is a run: B is explained as A was; leave out the method and its options")
        first = a
    else:
        if data is None:
            raise UsageError("two models are compared on inputs: give data, as run() takes them")
        first = run(a, data, folder / "a", method, **options)
    second = _run_alike(first, b, data, folder / "b", method, options)
    inputs = {} if data is None else {"inputs": Sources(given(data)).root}
    unstated = {"method": method if isinstance(method, Composite) else None, "baseline": options.get("baseline")}
    where = ({} if isinstance(a, Run) else {"model": a, **unstated}), {"model": b, **unstated}
    pairs = Pairs(first, second, ({**inputs, **where[0]}, {**inputs, **where[1]}))
    return _compared(pairs, _names(Path(a.path or "A").name, Path(b.path or "B").name), worst)


def _opened(given: Run | Model | str | Path) -> Run | Model:
    """Return a run or a model. Raises the errors of reading them."""
    if isinstance(given, (Run, Model)):
        return given
    return Run(given) if Path(given).is_dir() else load(given)


def _names(a: str, b: str) -> tuple[str, str]:
    """Return what A and B are called: by their files, or A and B where both have one name."""
    return (a, b) if a != b else (f"{a} (A)", f"{b} (B)")


def _compared(pairs: Pairs, names: tuple[str, str], worst: int) -> Diff:
    check_comparable(pairs.a, pairs.b, names)
    tally = Tally(worst)
    with progress("compare", len(pairs.a), "row") as bar:
        for one, two in pairs:
            tally.add(row_diff(one, two, pairs.classes))
            bar.update(1)
    left = pairs.left_out()
    if not tally.rows:
        why = next((f"; {name}: {why}" for each in left for name, why in each.named), "")
        raise BadInputError(f"no input is in both {names[0]} and {names[1]}, by the sha256 of their files{why}")
    return Diff(names, _explained_for(pairs.a, pairs.b, names), pairs, *left, tally)


def _run_alike(a: Run, b: Model, data: Any, folder: Path, method: Any, options: dict[str, Any]) -> Run:
    """Return the run of a model by the method of a run, for the classes that it explains."""
    asked = a.job.asked
    stated, target = asked["method"], asked["target"]
    asked_for = options if options or method is not None else _options(stated)
    asked_for = {"shard_size": a.job.shard_size, "batch_size": a.job.batch_size, "store": a.job.store, **asked_for}
    if target["kind"] == "neuron":
        raise UsageError("A explains a value within its network, which is no value of B")
    asked_for = {name: value for name, value in asked_for.items() if name not in ("target", "by_folder")}
    same = (
        restore_method({"method": stated["name"], "parameters": stated["parameters"]}, None)
        if method is None
        else method
    )
    inputs = data if data is not None else a.end.get("where", {}).get("inputs")
    if inputs is None:
        raise UsageError("the run does not say where its inputs are: give data")
    targets = PerRow.of(_targets(a, Classes(a.labels, b.labels)), asked["inputs"]["sha256"])
    return run(b, inputs, folder, same, targets, **asked_for)


def _options(stated: dict[str, Any]) -> dict[str, Any]:
    """Return the options of `run` that make another run by the method of a job."""
    if isinstance(stated["baseline"], dict):
        raise UsageError("A was explained with an array as baseline, of which a run has the sha256 alone")
    found = {name: stated[name] for name in ("layer", "smooth", "conditions", "baseline")}
    seed = stated["seed"] if isinstance(stated["seed"], str) else None
    return {**{k: v for k, v in stated["parameters"].items() if k != "layer"}, **found, "seed": seed}


def _targets(a: Run, classes: Classes) -> Array:
    """Return the class index of B for each row of A; 0 where one of the two has none, which is then not compared."""
    found = np.zeros(a.job.rows, np.int64)
    for number in range(a.job.shards):
        _, columns = a.folder.columns(number)
        there = [classes.in_b(int(each)) for each in columns.get("target", ())]
        found[columns["index"]] = [0 if each is None else each for each in there]
    return found


def _explained_for(a: Run, b: Run, names: tuple[str, str]) -> str:
    """Return in words which class is explained."""
    kinds = [run.job.asked["target"]["kind"] for run in (a, b)]
    if kinds == ["predicted", "rows"]:
        return f"each explained for the class that {names[0]} predicts"
    if kinds[0] == "folder":
        return "each explained for the class of its folder"
    if kinds == ["predicted", "predicted"]:
        return "each explained by both for the class that it predicts itself"
    if kinds == ["class", "class"]:
        return f"explained for the class {a.job.asked['target']['value']!r}"
    return f"each explained for the class that {names[0]} explains"
