"""The command `onnxplain verify`: a run is checked, and what is off is named."""

from __future__ import annotations

from typing import Any

import click

from onnxplain.cli.options import baseline_option
from onnxplain.cli.terminal import say
from onnxplain.cli.verbosity import Command
from onnxplain.errors import VerificationError
from onnxplain.strict_json import dumps


@click.command(cls=Command)
@click.argument("run", type=click.Path())
@click.option("--model", type=click.Path(), help="The model; default: where the run says that it was.")
@click.option("--inputs", type=click.Path(), help="The folder of the inputs; default: where the run says that it was.")
@click.option("--alone", is_flag=True, help="Check the folder alone, and look for neither model nor inputs.")
@click.option("--replay", default=0, metavar="ROWS", help="Explain so many rows again; the ledger's head chooses them.")
@click.option("--draw", default="", metavar="TEXT", help="A text of your own that the choice of rows depends on, too.")
@click.option(
    "--bound",
    type=float,
    help="How far a row may be apart on other versions, another processor or a GPU, as a part of its largest number; "
    "default: 0.01. On those of the run, the bits have to be equal.",
)
@click.option("--key", type=click.Path(), help="The Ed25519 public key, in PEM, of who signed the run.")
@click.option("--expect", metavar="HEAD", help="The ledger's head, as you noted it when the run was made.")
@baseline_option
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
def verify(run: str, as_json: bool, **options: Any) -> None:
    """Check that the folder RUN is what it was when `onnxplain run` made it.

    Every file is hashed, and compared with what the others state of it. Exit code 0 where all is as it was, 6 where a
    file, a line or a row is off, with its name, and 4 where no run is there. Without --key or --expect, damage is found
    but not forgery: whoever can write to the folder can make all of it anew.
    """
    from onnxplain.graph.runtime import keep_silent
    from onnxplain.runs.proof.verify import verify as check

    keep_silent()
    given = {name: value for name, value in options.items() if value is not None}
    came = check(run, **given)
    say(dumps(came.to_dict()) if as_json else str(came))
    if not came:
        raise SystemExit(VerificationError.exit_code)
