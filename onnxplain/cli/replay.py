"""The command `onnxplain replay`: explanations are made again from their records, and compared bit by bit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onnxplain.cli.failures import Failures
from onnxplain.cli.options import baseline_option
from onnxplain.cli.terminal import say
from onnxplain.cli.verbosity import Command
from onnxplain.errors import BadInputError
from onnxplain.strict_json import dumps

if TYPE_CHECKING:
    from onnxplain.strict_json import Json

DIFFERS = 6
"""Exit code: a verification failed."""


@click.command(cls=Command)
@click.argument("records", nargs=-1, required=True, type=click.Path())
@click.option("--model", type=click.Path(), help="The model, where it is no longer at the path of the record.")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    type=click.Path(),
    help="An input that has moved, or NAME=FILE of each of several; repeatable.",
)
@baseline_option
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
def replay(records: tuple[str, ...], model: str | None, inputs: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Explain again what RECORDS state, .json or .npz files that `explain` wrote, and compare the attributions.

    Exit code 0 where all have the same bits, 6 where one differs, and 4 where a model or an input is missing or is
    another file than the one that was explained.
    """
    from onnxplain.api import replay as again
    from onnxplain.graph.runtime import keep_silent

    keep_silent()
    found: list[Json] = []
    failed, differs = Failures(), False
    for record in records:
        try:
            came = again(record, model, given(inputs), baseline=options["baseline"])
        except BadInputError as problem:
            if len(records) == 1:
                raise
            failed.add(record, problem)
            continue
        differs |= not came.same
        found.append({"record": record, **came.to_dict()})
        if not as_json:
            say(f"{record}: {came}")
    if as_json:
        say(dumps([*found, *failed.to_json()]))
    if differs or failed.reasons:
        raise SystemExit(DIFFERS if differs else BadInputError.exit_code)


def given(inputs: tuple[str, ...]) -> Any:
    """Return inputs as `replay` takes them; None where there are none."""
    named = dict(each.split("=", 1) for each in inputs if "=" in each and not Path(each).exists())
    if named and len(named) == len(inputs):
        return {name: Path(file) for name, file in named.items()}
    paths = [Path(each) if Path(each).is_file() else each for each in inputs]
    return None if not paths else paths[0] if len(paths) == 1 else paths
