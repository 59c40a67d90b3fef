"""The command line. Data goes to stdout, talk to stderr.

Exit: 0 ok, 1 a gate failed, 2 usage, 3 the model cannot be explained, 4 bad input.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from onnxplain import __version__
from onnxplain.cli.compare import compare
from onnxplain.cli.doctor import doctor
from onnxplain.cli.evaluate import evaluate
from onnxplain.cli.explain import explain
from onnxplain.cli.export import export
from onnxplain.cli.inspect import inspect
from onnxplain.errors import OnnxplainError


class _Group(click.Group):
    """Turns errors raised on purpose into one message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OnnxplainError as problem:
            click.echo(f"onnxplain: {problem}", err=True)
            sys.exit(problem.exit_code)
        except KeyboardInterrupt:
            click.echo("onnxplain: stopped; nothing half-written is left behind", err=True)
            sys.exit(130)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="onnxplain")
def main() -> None:
    """Explain any classifier that exists as an ONNX file."""


for _command in (inspect, explain, evaluate, compare, export, doctor):
    main.add_command(_command)
