"""The command `onnxplain compare`: several methods, and several models, on the same inputs, as one picture."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any

import click

from onnxplain.cli.layout import block
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
from onnxplain.cli.style import read_style, style_options
from onnxplain.cli.terminal import say, say_line
from onnxplain.cli.verbosity import Command, note, note_input
from onnxplain.strict_json import dumps
from onnxplain.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.comparison import Comparison
    from onnxplain.explanation import Explanation
    from onnxplain.strict_json import Json


@click.command(cls=Command)
@click.argument("model", type=click.Path())
@click.argument("inputs", nargs=-1, required=True, type=click.Path())
@click.option("-m", "--method", "methods", multiple=True, help="A method; repeatable. Default: one of each family.")
@click.option(
    "-t",
    "--target",
    "targets",
    multiple=True,
    help="Class index or label, or tensor:channel[:max]; default: the predicted class. Repeatable: a row for each.",
)
@click.option(
    "-o", "--out", default="compared.png", show_default=True, type=click.Path(), help="The picture: .png, .pdf or .svg."
)
@parameters_option
@baseline_option
@seed_option
@click.option("--layer", help="Attribute to this inner value, by all methods that walk.")
@click.option(
    "--smooth", type=float, default=0.0, show_default=True, help="Sigma in pixels of a Gaussian over the maps."
)
@click.option("--json", "as_json", is_flag=True, help="Print scores and gaps as JSON.")
@model_options
@file_options
@labels_option
@drawing_options
@style_options
def compare(
    model: str,
    inputs: tuple[str, ...],
    methods: tuple[str, ...],
    targets: tuple[str, ...],
    out: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Draw a grid of explanations of MODEL: one row for each of INPUTS, one column for each method.

    Further models may follow MODEL, as paths that end in .onnx: each has a row for an input, explained for the class
    that MODEL predicts, and is compared with MODEL map by map. A parameter goes to every method that has it;
    --set METHOD:NAME=VALUE is for one method.
    """
    from onnxplain.api import compare as compare_models
    from onnxplain.comparison import COMPARED, check_path
    from onnxplain.inputs.folder import listed

    style, (own, common) = read_style(options), _asked(options)
    models = [model, *takewhile(lambda each: each.lower().endswith(".onnx"), inputs)]
    sources, notes = listed(list(inputs[len(models) - 1 :]))
    for each in notes:
        note(each)
    check_path(out, *models, *(file_of(str(each)) for each in sources))
    loaded = [load_model(each, dict(options)) for each in models]
    wanted = [read_target(each) for each in targets]
    found = compare_models(loaded, sources, methods or COMPARED, None, own, targets=wanted or None, **common)
    found.save(out, **style)
    _note(found)
    if as_json:
        say(dumps({"picture": out, "rows": _rows(found)}))
        return
    say_line(out)
    if found.models:
        _print_likeness(found)


def _asked(options: dict[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Return the keywords of single methods by their names, and those of all, and take them out of `options`."""
    common = {name: options.pop(name) for name in ("baseline", "seed", "layer", "smooth")}
    own: dict[str, dict[str, Any]] = {}
    for name, value in parameters(options.pop("pairs")).items():
        method, colon, parameter = name.rpartition(":")
        (own.setdefault(method, {}) if colon else common)[parameter] = value
    return own, {name: value for name, value in common.items() if value is not None}


def _note(found: Comparison) -> None:
    """Say on stderr what was done to the inputs, and why a method explains nothing."""
    for e in (each for row in found.rows for each in row.values() if not isinstance(each, str)):
        note_input(e.record["input"])
    for name, row in zip(found.models[: len(set(found.models))] or ("",), found.rows, strict=False):
        for method, each in row.items():
            if isinstance(each, str):
                say_line(f"{name and name + ', '}{method}: {each}", err=True)


def _rows(found: Comparison) -> list[dict[str, Json]]:
    """Return the numbers of each row: of an input or, of several models, of an input by a model."""
    rows: list[dict[str, Json]] = []
    for i, (name, row) in enumerate(zip(found.names, found.rows, strict=True)):
        numbers = _numbers(row)
        if found.models:
            for method, r in found.correlations[i].items():
                numbers[method]["correlation"] = r
        rows.append({"input": name, **({"model": found.models[i]} if found.models else {}), "methods": {**numbers}})
    return rows


def _print_likeness(found: Comparison) -> None:
    """Print for each input and model the class, and Pearson's correlation of its maps with those of the first model."""
    say_line(f"correlation of each map with that of {found.models[0]}:")
    for name, model, row, likeness in zip(found.names, found.models, found.rows, found.correlations, strict=True):
        label = next((f"{e.labels[0]} {e.score[0]:.4g}" for e in row.values() if not isinstance(e, str)), "nothing")
        values = ", ".join(f"{method} {'none' if r is None else f'{r:.3f}'}" for method, r in likeness.items())
        say(block(printable(f"{name}, {model}: {label}: {values}"), hanging=2))


def _numbers(row: Mapping[str, Explanation | str]) -> dict[str, dict[str, Json]]:
    """Return, for each method on one input, the class, its score, the gap and the share that arrived, or why not."""
    return {name: {"problem": e} if isinstance(e, str) else _said(e) for name, e in row.items()}


def _said(e: Explanation) -> dict[str, Json]:
    gap = None if e.delta is None else float(e.delta[0])
    arrived = None if e.conservation is None else float(e.conservation.arrived[0])
    return {"label": e.labels[0], "score": float(e.score[0]), "delta": gap, "arrived": arrived}
