"""onnxplain compare: several methods on the same inputs, as one picture."""

from __future__ import annotations

import json
from typing import Any

import click

from onnxplain.cli.options import drawing_options, file_of, labels_option, load_model, model_options, read_target
from onnxplain.cli.verbosity import Command


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
    """Draw a grid: INPUTS down, methods across, on MODEL."""
    from onnxplain.comparison import COMPARED, check_path, compare_methods

    check_path(out, model, *map(file_of, inputs))
    found = compare_methods(load_model(model, options), inputs, methods or COMPARED, read_target(target))
    found.save(out)
    for method, each in found.rows[0].items():
        if isinstance(each, str):
            click.echo(f"{method}: {each}", err=True)
    if as_json:
        rows = [{"input": name, "methods": _numbers(row)} for name, row in zip(found.names, found.rows, strict=True)]
        click.echo(json.dumps({"picture": out, "rows": rows}, indent=1))
    else:
        click.echo(out)


def _numbers(row: Any) -> dict[str, Any]:
    """What is said of each method on one input."""
    return {name: {"problem": e} if isinstance(e, str) else _said(e) for name, e in row.items()}


def _said(e: Any) -> dict[str, Any]:
    gap = None if e.delta is None else float(e.delta[0])
    return {"label": e.labels[0], "score": float(e.score[0]), "delta": gap}
