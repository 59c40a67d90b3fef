"""The command `onnxplain audit`: what a description asks for is run, and its gates are checked."""

from __future__ import annotations

import click

from onnxplain.cli.failures import SOME_FAILED
from onnxplain.cli.terminal import say, say_line
from onnxplain.cli.verbosity import Command, note
from onnxplain.strict_json import dumps


@click.command(cls=Command)
@click.argument("description", type=click.Path())
@click.option("-o", "--out", required=True, type=click.Path(), help="Folder of the run; one that was begun goes on.")
@click.option(
    "--report/--no-report", default=True, help="Whether report.html is written, which needs the extra report."
)
@click.option("--sign", type=click.Path(), help="An Ed25519 private key in PEM, by which run and gates are signed.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def audit(description: str, out: str, *, report: bool, sign: str | None, as_json: bool) -> None:
    """Do the audit that DESCRIPTION asks for: a run, its gates, and a report, in one folder.

    DESCRIPTION: a TOML file that names a model, data, a method and gates; models/xray_v1.audit.toml is one, with a
    comment on each line. The exit code is 1 where a gate fails, and 5 where all hold but inputs could not be explained.
    """
    from onnxplain.runs.audit.start import audit as do
    from onnxplain.runs.report.write import check_report, write_report

    if report:
        check_report()
    found = do(description, out, sign=sign)
    say(dumps(found.to_dict()) if as_json else str(found))
    if report:
        note(f"written to {write_report(found.run)}")
    failed = [each.gate for each in found.findings if not each.passed]
    if failed:
        say_line(f"onnxplain: gates failed: {', '.join(failed)}", err=True)
        raise SystemExit(1)
    if found.run.failed:
        say_line(f"onnxplain: {len(found.run.failed)} of {found.run.counts['asked']} rows failed", err=True)
        raise SystemExit(SOME_FAILED)
