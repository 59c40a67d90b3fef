"""The command `onnxplain clusters`: strategies in a run, as clusters of its maps that are put to a counter-test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from onnxplain.cli.style import check_drawn, read_style, style_options
from onnxplain.cli.terminal import say
from onnxplain.cli.verbosity import Command, note
from onnxplain.errors import UsageError
from onnxplain.runs.clusters.counter_test import AREA
from onnxplain.runs.clusters.feature import SIDE
from onnxplain.runs.clusters.spectral import MOST
from onnxplain.runs.written import FILES

VIRELAY = "virelay"
"""The kind of project that clusters are exported to."""


@click.command(cls=Command)
@click.argument("run", type=click.Path())
@click.option("--class", "classes", multiple=True, metavar="LABEL", help="Look at this class alone; repeatable.")
@click.option(
    "-o",
    "--out",
    "outs",
    multiple=True,
    type=click.Path(),
    help=f"A file {', '.join(FILES)}: mean maps and exemplars, the cluster of each row, or all; repeatable.",
)
@click.option(
    "--export",
    type=(click.Choice([VIRELAY]), click.Path()),
    metavar="virelay FOLDER",
    help="Write a project for the viewer ViRelAy.",
)
@click.option("--side", type=int, default=SIDE, show_default=True, help="Cells of a downsized map along an axis.")
@click.option("--neighbours", type=int, help="How many maps each is joined with; default: a twentieth of the class.")
@click.option("--most", type=int, default=MOST, show_default=True, help="So many clusters of a class at most.")
@click.option("--sample", type=int, default=2000, show_default=True, help="So many rows of a class at most.")
@click.option("--area", type=float, default=AREA, show_default=True, help="The share that the counter-test hides.")
@click.option("--no-test", is_flag=True, help="Make no counter-test, which needs the model and the inputs.")
@click.option("--random-seed", type=int, default=0, show_default=True, help="The seed of all random numbers.")
@click.option("--model", type=click.Path(), help="Where the model is, if not where it was.")
@click.option("--inputs", type=click.Path(), help="The folder of the inputs, if not the one that it was.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@style_options
def clusters(
    run: str,
    classes: tuple[str, ...],
    outs: tuple[str, ...],
    export: tuple[str, str] | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Find strategies in RUN, the folder of a finished run: for each class, the clusters of its maps.

    Each cluster is put to a counter-test: what its mean map points at is hidden in its members, and in others.
    """
    from onnxplain.runs.clusters.clustering import clusters as find
    from onnxplain.runs.folder import check_outside
    from onnxplain.show.atomic import check_file

    style = read_style(options)
    check_drawn(style, outs)
    for each in outs:
        if Path(each).suffix.lower() not in FILES:
            raise UsageError(f"-o {each}: expected a file {', '.join(FILES)}")
        check_file(each)
        check_outside(each)
    options["test"], options["seed"] = not options.pop("no_test"), options.pop("random_seed")
    found = find(run, list(classes) or None, **options)
    for each in outs:
        found.save(each, **(style if Path(each).suffix.lower() not in (".csv", ".json") else {}))
        note(f"written to {each}")
    if export is not None:
        from onnxplain.runs.clusters.virelay import export as write

        write(found, export[1])
        note(f"written to {export[1]}")
    say(found.to_json() if as_json else str(found))
