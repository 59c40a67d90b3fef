"""The command `onnxplain evaluate`: judge explanations on inputs, as tables or JSON, and with gates as exit codes.

A gate is a bound on the mean of a quantity: the command fails where a method's mean is beyond it.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onnxplain.cli.options import (
    baseline_option,
    drawing_options,
    file_of,
    file_options,
    labels_option,
    load_model,
    model_options,
    parameters,
    read_target,
)
from onnxplain.cli.terminal import say, say_line
from onnxplain.cli.verbosity import Command, note, note_input
from onnxplain.errors import MissingExtraError, UsageError
from onnxplain.measure import DEFAULT as DEFAULT_MEASURE
from onnxplain.measure import MEASURES, build
from onnxplain.measure.judged import CONTROL
from onnxplain.measure.result import finds
from onnxplain.method.registry import DEFAULT

if TYPE_CHECKING:
    from onnxplain.measure.evaluation import Evaluation
    from onnxplain.measure.result import Measure

GATE = "[METHOD:]QUANTITY=VALUE"
"""How a gate is written."""
RESULTS = "evaluation.json"
"""The file with all numbers, in the folder for the results."""


@click.command(cls=Command)
@click.argument("model", type=click.Path())
@click.argument("inputs", nargs=-1, required=True, type=click.Path())
@click.option("-m", "--method", "methods", multiple=True, default=(DEFAULT,), show_default=True,
              help="A method to judge; repeatable.")  # fmt: skip
@click.option("--measure", "measures", multiple=True, default=(DEFAULT_MEASURE,), show_default=True,
              help=f"One of {', '.join(MEASURES)}; repeatable.")  # fmt: skip
@click.option("-t", "--target", help="Class index or label; default: the predicted class.")
@click.option("-o", "--out", type=click.Path(), help="Folder for evaluation.json and a plot of each measure.")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE",
              help="An option of a measure, see `onnxplain doctor`; methods run at their defaults.")  # fmt: skip
@baseline_option
@click.option("--masks", metavar="FILE",
              help="Where the objects are: a picture, or an .npy of booleans [N, H, W] or of boxes.")  # fmt: skip
@click.option("--random-seed", type=int, default=0, show_default=True, help="The seed of all random numbers.")
@click.option("--at-least", multiple=True, metavar="GATE",
              help=f"Exit 1 if a method's mean is smaller: {GATE}; repeatable.")  # fmt: skip
@click.option("--at-most", multiple=True, metavar="GATE",
              help=f"Exit 1 if a method's mean is larger: {GATE}; repeatable.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@model_options
@file_options
@labels_option
@drawing_options
def evaluate(model: str, inputs: tuple[str, ...], out: str | None, as_json: bool, **options: Any) -> None:
    """Judge explanations of MODEL on INPUTS: pictures, WAV, .npy or .npz files, or folders of such."""
    from onnxplain.api import evaluate as judge

    given = parameters(options.pop("pairs"))
    methods, measures = options.pop("methods"), build(options.pop("measures"), given)
    bounds = [(text, holds) for holds in ("at_least", "at_most") for text in options.pop(holds)]
    target, chosen = read_target(options.pop("target")), {n: options.pop(n) for n in ("baseline", "random_seed")}
    chosen["masks"] = _masks(options.pop("masks"))
    loaded = load_model(model, options)
    known = [name for measure in measures for name in finds(measure, len(loaded.input_shape))]
    gates = [_gate(text, holds, methods, known) for text, holds in bounds]
    if out is not None:
        _check(Path(out), measures, [model, *inputs])
    result = judge(loaded, list(inputs), methods, measures, target, **chosen)
    note_input(result.record["input"])
    for each in result.record["notes"]:
        note(each)
    say(result.to_json() if as_json else str(result))
    if out is not None:
        _write(result, Path(out))
    failed = [line for gate in gates for line in gate.failures(result)]
    for line in failed:
        say_line(f"onnxplain: gate failed: {line}", err=True)
    if failed:
        raise SystemExit(1)


def _masks(path: str | None) -> Any:
    """Return the masks of a file: an array as it is, or of a picture the pixels above half of its largest value.

    Raises BadInputError for a file that is neither.
    """
    from onnxplain.inputs.stored import stored
    from onnxplain.show.annotations import marked

    found = None if path is None else stored(path)[0]
    return marked(path) if path is not None and found is None else found


@dataclass(frozen=True)
class _Gate:
    """A bound on the mean of a quantity, for some methods. holds: "at_least" or "at_most"."""

    quantity: str
    bound: float
    methods: tuple[str, ...]
    holds: str

    def failures(self, result: Evaluation) -> list[str]:
        """Return a line for each method whose mean is beyond the bound; NaN always is."""
        means = {name: float(result.of(self.quantity)[name].mean()) for name in self.methods}
        inside = {"at_least": operator.ge, "at_most": operator.le}[self.holds]
        said = f"expected {self.holds.replace('_', ' ')} {self.bound:g}"
        return [
            f"{n}: {self.quantity} is {mean:.6g}, {said}" for n, mean in means.items() if not inside(mean, self.bound)
        ]


def _gate(text: str, holds: str, methods: tuple[str, ...], known: list[str]) -> _Gate:
    """Read a gate of the option `holds`; one that names no method is for all methods but the control.

    Raises UsageError for a quantity that is not `known`, a method that is not judged, and a value that is no number.
    """
    name, equals, bound = text.partition("=")
    method, colon, quantity = name.rpartition(":")
    option = "--" + holds.replace("_", "-")
    if quantity not in known:
        raise UsageError(f"{option} {text}: no quantity {quantity!r}; these measures find: {', '.join(known)}")
    if colon and method not in (*methods, CONTROL):
        raise UsageError(
            f"{option} {text}: method {method!r} is not judged; these are: {', '.join((*methods, CONTROL))}"
        )
    try:
        value = float(bound if equals else "")
    except ValueError as problem:
        raise UsageError(f"{option} {text}: expected {GATE}, such as {quantity}=0.5") from problem
    return _Gate(quantity, value, (method,) if colon else methods, holds)


def _check(folder: Path, measures: tuple[Measure, ...], sources: list[str]) -> None:
    """Raise UsageError where the results cannot be written, or would be written over a file that is read."""
    from onnxplain.inputs.folder import listed
    from onnxplain.show.atomic import check_folder, keep_apart

    check_folder(folder)
    files = [RESULTS, *(f"{measure.name}.png" for measure in measures)]
    keep_apart((folder / name for name in files), (file_of(str(each)) for each in listed(sources)[0]))


def _write(result: Evaluation, folder: Path) -> None:
    """Write the numbers, and a plot of each measure where matplotlib is installed."""
    from onnxplain.show.atomic import make_folder, save_atomic

    make_folder(folder)
    result.to_json(folder / RESULTS)
    for measure in result.measures:
        try:
            figure = result.plot(measure.name)
        except MissingExtraError as problem:
            say_line(f"onnxplain: no plots: {problem}", err=True)
            break
        save_atomic(folder / f"{measure.name}.png", partial(figure.savefig, dpi=150))
    note(f"written to {folder}")
