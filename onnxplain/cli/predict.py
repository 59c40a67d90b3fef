"""The command `onnxplain predict`: what the file itself says of inputs, as classes, probabilities and scores."""

from __future__ import annotations

from typing import Any

import click

from onnxplain.cli.beside import with_others
from onnxplain.cli.failures import Failures
from onnxplain.cli.options import drawing_options, file_options, labels_option, load_model, model_options
from onnxplain.cli.terminal import say
from onnxplain.cli.verbosity import Command, note, note_once
from onnxplain.errors import BadInputError
from onnxplain.strict_json import dumps
from onnxplain.text import columns, printable


@click.command(cls=Command)
@click.argument("model", type=click.Path())
@click.argument("inputs", nargs=-1, required=True, type=click.Path())
@click.option("--top", type=int, default=5, show_default=True, help="How many classes to list for each row.")
@click.option("--json", "as_json", is_flag=True, help="Print the classes as JSON.")
@model_options
@file_options
@labels_option
@drawing_options
def predict(model: str, inputs: tuple[str, ...], top: int, as_json: bool, **options: Any) -> None:
    """Run MODEL, unchanged, on INPUTS, and print the classes of the highest scores.

    A line has the class, its probability where the file gives one, and its score. An input that cannot be read does not
    stop the others; the exit code is 5 then.
    """
    from onnxplain.inputs.folder import listed

    loaded = load_model(model, options)
    sources, notes = listed(list(inputs))
    for each in notes:
        note(each)
    found: list[object] = []
    failed = Failures()
    for source, item in zip(sources, with_others(loaded, list(sources)), strict=True):
        try:
            prediction = loaded.predict(item, top)
        except BadInputError as problem:
            if len(sources) == 1:
                raise
            failed.add(str(source), problem)
            continue
        note_once(prediction.notes)
        for row in prediction:
            if as_json:
                found.append(row.to_dict())
            else:
                say(f"{printable(row.name)}\n{columns([('', *cells[1:]) for cells in row.lines()])}")
    if as_json:
        say(dumps([*found, *failed.to_json()]))
    failed.end(sources)
