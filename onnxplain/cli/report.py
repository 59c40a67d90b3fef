"""The command `onnxplain report`: a run as one page of HTML."""

from __future__ import annotations

from pathlib import Path

import click

from onnxplain.cli.terminal import say_line
from onnxplain.cli.verbosity import Command
from onnxplain.errors import BadInputError


@click.command(cls=Command)
@click.argument("run", type=click.Path())
@click.option(
    "-o", "--out", type=click.Path(), help="The file to write; default: report.html in the folder of the run."
)
@click.option("--model", type=click.Path(), help="Where the model is now; default: where it was.")
@click.option("--inputs", type=click.Path(), help="Where the inputs are now; default: where they were.")
@click.option("--clusters", is_flag=True, help="Add the clusters of the maps, which needs the extra clusters.")
def report(run: str, out: str | None, model: str | None, inputs: str | None, *, clusters: bool) -> None:
    """Write RUN, the folder of a run, as one page of HTML that needs no other file and no network.

    It has the gates of an audit, distributions, classes, and the worst and typical rows with pictures, which are
    explained again; where model or inputs are not at hand, it has their maps alone.
    """
    from onnxplain.runs.read import Run
    from onnxplain.runs.report.write import write_report

    found = Run(run)
    for option, path in (("--model", model), ("--inputs", inputs)):
        if path is not None and not Path(path).exists():
            raise BadInputError(f"{option} {path}: nothing is there")
    if model is not None or inputs is not None:
        found.open(model, inputs)
    say_line(str(write_report(found, out, clusters=clusters)))
