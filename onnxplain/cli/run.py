"""The command `onnxplain run`: many inputs are explained into a folder that can be checked later."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from onnxplain.cli.failures import SOME_FAILED
from onnxplain.cli.options import (
    baseline_option,
    drawing_options,
    file_options,
    labels_option,
    load_model,
    model_options,
    parameters,
    parameters_option,
    read_target,
    seed_option,
)
from onnxplain.cli.terminal import say, say_line
from onnxplain.cli.verbosity import Command, note
from onnxplain.errors import BadInputError, OnnxplainWarning, UsageError
from onnxplain.method.registry import DEFAULT
from onnxplain.strict_json import dumps

if TYPE_CHECKING:
    from onnxplain.runs.read import Run
    from onnxplain.runs.start import Prepared

_SHOWN = 10
"""So many of the rows that failed are said on stderr; the receipts have all."""


def _slice(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:  # noqa: ARG001
    """Return which part of the shards is to be done, and of how many."""
    if value is None:
        return None
    try:
        i, n = map(int, value.split("/"))
    except ValueError:
        i, n = 0, 0
    if not 0 <= i < n:
        raise click.BadParameter(f"{value!r}: expected I/N, such as 3/64 for the shards 3, 67, 131 and so on.")
    return i, n


@click.command(cls=Command)
@click.argument("model", type=click.Path())
@click.argument("inputs", nargs=-1, required=True, type=click.Path())
@click.option(
    "-m",
    "--method",
    help=f"See `onnxplain doctor`; default: {DEFAULT}, and tree_shap or kernel_shap for tables that have no slope.",
)
@click.option("-t", "--target", help="Class index or label, or tensor:channel[:max]; default: the predicted class.")
@click.option("-o", "--out", required=True, type=click.Path(), help="Folder of the run; one that was begun goes on.")
@parameters_option
@baseline_option
@seed_option
@click.option("--layer", help="Attribute to this inner value instead of the input.")
@click.option(
    "--smooth", type=float, default=0.0, show_default=True, help="Sigma in pixels of a Gaussian over the map."
)
@click.option("--by-folder", is_flag=True, help="Explain each input for the class that its folder is named after.")
@click.option(
    "--store", default="relevance", show_default=True, help="relevance, in float16, or attribution, all numbers."
)
@click.option("--shard-size", type=int, help="Rows of a shard, the unit of work; default: 16 batches, 256 at least.")
@click.option("--batch-size", type=int, help="Rows that are walked at once; default: by the input's size, up to 256.")
@click.option("--workers", type=int, help="Processes that explain; default: one, or on Ray as many as it has cores.")
@click.option("--ray", metavar="ADDRESS|local", help="Explain on a Ray cluster, whose machines all see the files.")
@click.option("--slice", "part", metavar="I/N", callback=_slice, help="Do every N-th shard from the I-th on, from 0.")
@click.option("--finish", is_flag=True, help="Check the folder and close it, where its shards were done by --slice.")
@click.option("--sign", type=click.Path(), help="An Ed25519 private key in PEM, by which the finished run is signed.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts and the rows that failed as JSON.")
@model_options
@file_options
@labels_option
@drawing_options
def run(model: str, inputs: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Explain MODEL on INPUTS into a folder that can be checked later, and gone on with where it was stopped.

    INPUTS: folders with all that lies below them, pictures, DICOM, .npy or .npz of rows, .csv or .parquet tables,
    globs, and text files with one path a line.

    An input that cannot be read or explained is a failed row with its reason, and the others go on; the exit code is 5
    then.
    """
    from onnxplain.explainer import Explainer
    from onnxplain.runs.job import Asked
    from onnxplain.runs.proof.signing import read_private
    from onnxplain.runs.start import prepare

    out, target, seed = options.pop("out"), read_target(options.pop("target")), options.pop("seed")
    how = {name: options.pop(name) for name in _HOW}
    sign = options.pop("sign")
    for flag, given_too in {"--finish": how["finish"], "--sign": sign}.items():
        if how["part"] and given_too:
            raise UsageError(f"--slice does a part of the shards, and {flag} is for the whole run: they are two calls")
    key = None if sign is None else read_private(sign)
    asked = Asked(target, seed=seed, **{name: options.pop(name) for name in _ASKED})
    loaded = load_model(model, options)
    given = {**parameters(options.pop("pairs")), **options}
    begin = partial(prepare, quick=how["part"] is not None)
    prepared = begin(loaded, list(inputs), out, lambda fixed: Explainer(fixed, **given), asked)
    _say_what(prepared)
    todo = list(prepared.missing(how["part"]))
    if how["finish"] and todo:
        raise BadInputError(f"{out}: {len(todo)} of {prepared.job.shards} shards are not done, the first is {todo[0]}")
    with warnings.catch_warnings():
        warnings.simplefilter("once", OnnxplainWarning)  # what is said of one row is said of thousands
        prepared.work(todo, how["workers"], how["ray"])
    if how["part"] is not None:
        note(f"{out}: {len(todo)} shards of this part are done; --finish closes the folder when all parts are")
        return
    end(prepared.finish(key), as_json=as_json)


def _say_what(prepared: Prepared) -> None:
    """Say of a run what was chosen for the user, and which files are no inputs."""
    explainer = prepared.explainer
    if explainer.because:
        note(f"explained by {explainer.spec.name}: {explainer.because}")
    if explainer.model.preprocess is not None:
        note(f"preprocessing, of pictures: {explainer.model.preprocess.describe()}")
    for each in prepared.notes:
        note(each)


_HOW = ("workers", "ray", "part", "finish")
"""The options that say how the work is done, and change no byte of the shards."""
_ASKED = ("by_folder", "store", "shard_size", "batch_size")
"""The options that go into what is asked as they are."""


def end(found: Run, *, as_json: bool) -> None:
    """Say what a run holds, and exit where rows failed."""
    counts, failed = found.counts, found.failed
    if as_json:
        problems = [{"index": each.index, "input": each.name, "problem": each.reason} for each in failed]
        say(dumps({"run": str(found.path), "job": found.id, "rows": counts, "failed": problems}))
    else:
        say_line(f"{found.path}: {counts['done']} rows of {counts['asked']} explained, job {found.id[:12]}")
    for each in failed[:_SHOWN]:
        say_line(f"onnxplain: {each.reason}", err=True)
    if len(failed) > _SHOWN:
        say_line(f"onnxplain: and {len(failed) - _SHOWN} more; the receipts in shards/ have all", err=True)
    if failed:
        say_line(f"onnxplain: {len(failed)} of {counts['asked']} rows failed, and the others are done", err=True)
        raise SystemExit(SOME_FAILED)
