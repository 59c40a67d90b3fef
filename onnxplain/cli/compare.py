"""The command `onnxplain compare`: several methods on the same inputs, as one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from onnxplain.cli.options import drawing_options, file_of, labels_option, load_model, model_options, read_target
from onnxplain.cli.terminal import say, say_line
from onnxplain.cli.verbosity import Command, note_input
from onnxplain.strict_json import dumps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.explanation import Explanation
    from onnxplain.strict_json import Json


@click.command(cls=Command)
@click.argument("model", type=click.Path())
@click.argument("inputs", nargs=-1, required=True, type=click.Path())
@click.option("-m", "--method", "methods", multiple=True, help="A method; repeatable. Default: one of each family.")
@click.option("-t", "--target", help="Class index or label, or tensor:channel[:max]; default: the predicted class.")
@click.option("-o", "--out", default="compared.png", show_default=True, type=click.Path(), help="The picture.")
@click.option("--json", "as_json", is_flag=True, help="Print scores and gaps as JSON.")
@model_options
@labels_option
@drawing_options
def compare(
    model: str, inputs: tuple[str, ...], methods: tuple[str, ...], target: str, out: str, as_json: bool, **options: Any
) -> None:
    """Draw a grid of explanations of MODEL: one row for each of INPUTS, one column for each method."""
    from onnxplain.comparison import COMPARED, check_path, compare_methods

    check_path(out, model, *map(file_of, inputs))
    found = compare_methods(load_model(model, options), inputs, methods or COMPARED, read_target(target))
    found.save(out)
    for e in (each for row in found.rows for each in row.values() if not isinstance(each, str)):
        note_input(e.record["input"])
    for method, each in found.rows[0].items():
        if isinstance(each, str):
            say_line(f"{method}: {each}", err=True)
    if as_json:
        rows = [{"input": name, "methods": _numbers(row)} for name, row in zip(found.names, found.rows, strict=True)]
        say(dumps({"picture": out, "rows": rows}))
    else:
        say_line(out)


def _numbers(row: Mapping[str, Explanation | str]) -> dict[str, dict[str, Json]]:
    """Return, for each method on one input, the class, its score, the gap and the share that arrived, or why not."""
    return {name: {"problem": e} if isinstance(e, str) else _said(e) for name, e in row.items()}


def _said(e: Explanation) -> dict[str, Json]:
    gap = None if e.delta is None else float(e.delta[0])
    arrived = None if e.conservation is None else float(e.conservation.arrived[0])
    return {"label": e.labels[0], "score": float(e.score[0]), "delta": gap, "arrived": arrived}
