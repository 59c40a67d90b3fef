"""The command `onnxplain diff`: two runs, or two models on the same inputs, compared row by row, with gates.

A gate is a bound on a statistic of a quantity over the rows: the command fails where it is beyond it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onnxplain.cli.failures import SOME_FAILED
from onnxplain.cli.options import (
    baseline_option,
    drawing_options,
    file_of,
    file_options,
    labels_option,
    load_model,
    model_options,
    parameters,
    parameters_option,
    read_target,
    seed_option,
)
from onnxplain.cli.style import check_drawn, read_style, style_options
from onnxplain.cli.terminal import say, say_line
from onnxplain.cli.verbosity import Command, note
from onnxplain.errors import UsageError
from onnxplain.runs.diff.gates import AT_LEAST, AT_MOST, GATE, read_gate
from onnxplain.runs.written import FILES

if TYPE_CHECKING:
    from onnxplain.model import Model
    from onnxplain.runs.diff.result import Diff

_OF_B = ("preprocess", "labels")


@click.command(cls=Command)
@click.argument("a", type=click.Path())
@click.argument("b", type=click.Path())
@click.argument("inputs", nargs=-1, type=click.Path())
@click.option("-m", "--method", help="The method, for models; by default the one that fits A.")
@click.option("-t", "--target", help="Class index or label; default: the class that A predicts.")
@click.option("--by-folder", is_flag=True, help="Explain each input for the class that its folder is named after.")
@click.option(
    "-o", "--out", "outs", multiple=True, type=click.Path(),
    help=f"A file {', '.join(FILES)}: the worst rows as a picture, a line for each row, all statistics; or a folder "
    "in which the runs of models are kept. Repeatable.",
)  # fmt: skip
@click.option("--store", help="What runs of models store: relevance in half precision, or attribution, all numbers.")
@click.option("--worst", type=int, default=8, show_default=True, help="How many of the worst rows are shown.")
@click.option("--at-least", multiple=True, metavar="GATE", help=f"Exit 1 if it is smaller: {GATE}; repeatable.")
@click.option("--at-most", multiple=True, metavar="GATE", help=f"Exit 1 if it is larger: {GATE}; repeatable.")
@click.option("--preprocess-b", metavar="NAME|FILE", help="The preprocessing of B; by default that of A.")
@click.option("--labels-b", type=click.Path(), help="The labels of B; by default those of A.")
@parameters_option
@baseline_option
@seed_option
@click.option("--layer", help="Attribute to this inner value, by all methods that walk.")
@click.option("--json", "as_json", is_flag=True, help="Print all statistics as JSON.")
@model_options
@file_options
@labels_option
@drawing_options
@style_options
def diff(a: str, b: str, inputs: tuple[str, ...], outs: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Compare B with A, two runs or two models on INPUTS, row by row: classes, scores and maps.

    Of two models, both are run on INPUTS, and B is explained for the class that A predicts. Of a run and a model, the
    model is run as the run was.
    """
    from onnxplain.runs.diff.two import diff as compare

    style = read_style(options)
    check_drawn(style, outs)
    gates = [read_gate(text, holds) for holds in (AT_LEAST, AT_MOST) for text in options.pop(holds)]
    files, folder = _outs(outs, [a, b, *inputs])
    own = {name: value for name in _OF_B if (value := options.pop(f"{name}_b")) is not None}
    asked, worst = _asked(options), options.pop("worst")
    one, two = _sides(a, b, options, own)
    found = compare(one, two, list(inputs) or None, worst=worst, out=folder, **asked)
    for path in files:
        found.save(path, **(style if Path(path).suffix.lower() not in (".csv", ".json") else {}))
        note(f"written to {path}")
    say(found.to_json() if as_json else str(found))
    failed = [gate.line(found) for gate in gates if not gate.passes(found)]
    for line in failed:
        say_line(f"onnxplain: gate failed: {line}", err=True)
    if failed:
        raise SystemExit(1)
    if found.missing:
        _tell_missing(found)
        raise SystemExit(SOME_FAILED)


def _outs(outs: tuple[str, ...], sources: list[str]) -> tuple[list[str], str | None]:
    """Return the files to write, and the folder to keep runs in. Raises UsageError where they cannot be there."""
    from onnxplain.runs.folder import check_outside
    from onnxplain.show.atomic import check_file, check_folder

    files = [each for each in outs if Path(each).suffix.lower() in FILES]
    folders = [each for each in outs if each not in files]
    if len(folders) > 1:
        raise UsageError(f"-o: one folder for the runs, and not {' and '.join(folders)}")
    for each in files:
        check_file(each, *map(file_of, sources))
        check_outside(each)
    for each in folders:
        if Path(each).suffix and not Path(each).is_dir():
            raise UsageError(f"-o {each}: expected a file {', '.join(FILES)}, or a folder, whose name has no ending")
        check_folder(each)
    return files, folders[0] if folders else None


def _asked(options: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of the runs of models, and take them out of `options`."""
    found = {name: options.pop(name) for name in ("method", "baseline", "seed", "layer", "store")}
    found["target"] = read_target(options.pop("target"))
    found = {name: value for name, value in found.items() if value is not None}
    return {**found, **({"by_folder": True} if options.pop("by_folder") else {}), **parameters(options.pop("pairs"))}


def _sides(a: str, b: str, options: dict[str, Any], own: dict[str, Any]) -> tuple[Any, Any]:
    """Return both as runs or loaded models. own: the options of B alone."""
    from onnxplain.runs.read import Run

    if Path(a).is_dir() and Path(b).is_dir():
        return Run(a), Run(b)
    first: Run | Model = Run(a) if Path(a).is_dir() else load_model(a, dict(options))
    if Path(b).is_dir():
        return first, Run(b)
    given = {**options, **own}
    if isinstance(first, Run):
        stated = {"preprocess": first.job.asked["preprocess"], "labels": first.labels}
        given = {**given, **{name: given[name] or value for name, value in stated.items()}}
    return first, load_model(b, given)


def _tell_missing(found: Diff) -> None:
    say_line(f"onnxplain: {found.missing} rows were not compared; {found.rows} were", err=True)
