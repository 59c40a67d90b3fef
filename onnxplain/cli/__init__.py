"""The command line. Data goes to stdout, and everything that is said about it to stderr.

Exit codes: 0 all is well, 1 a gate failed, 2 the command was used wrongly, 3 the model cannot be explained, 4 an input
cannot be read or does not fit, or there is no room for an output, 5 some of several inputs failed and the others are
done, 6 a replay differs or a run is not verified, 70 an error of onnxplain's own, with its traceback, 130 stopped by
Ctrl-C, 143 by SIGTERM.
"""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from onnxplain import __version__
from onnxplain.cli.stopping import STOPPED, TERMINATED, TerminatedError, tidying_up
from onnxplain.cli.terminal import say, say_line
from onnxplain.errors import BadInputError, OnnxplainError
from onnxplain.files import FULL
from onnxplain.text import printable

COMMANDS = {
    "inspect": "What a file is, and how it would be explained",
    "predict": "What the file itself says of inputs",
    "explain": "Explain inputs",
    "evaluate": "Judge explanations",
    "compare": "Methods side by side, as a picture",
    "visualise": "What a class or a neuron responds to, as a picture",
    "run": "Explain many inputs into a folder that can be checked",
    "verify": "Whether a run is what it was when it was made",
    "diff": "Two runs, or two models, compared row by row",
    "clusters": "Strategies in a run: clusters of its maps",
    "audit": "A run, and gates that must hold of it, from a file",
    "report": "A run as one page of HTML",
    "replay": "Explain again from a record, and compare",
    "export": "One file with its explanation inside",
    "serve": "Explanations over HTTP, and a page for people",
    "doctor": "What is installed",
}
"""Each command is the function of its name in the module of its name, which is imported when the command runs."""

INTERNAL = 70
"""Exit code: EX_SOFTWARE of sysexits.h."""


class _Group(click.Group):
    """The group of all commands.

    It turns errors that are raised on purpose, and Ctrl-C and SIGTERM at any moment, into one message and an exit code.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"onnxplain.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with tidying_up():
                return super().invoke(ctx)
        except OnnxplainError as problem:
            say(f"onnxplain: {problem}", err=True)
            sys.exit(problem.exit_code)
        except KeyboardInterrupt as problem:
            say("onnxplain: stopped; nothing half-written is left behind", err=True)
            sys.exit(TERMINATED if isinstance(problem, TerminatedError) else STOPPED)
        except click.UsageError as problem:
            raise click.UsageError(printable(problem.format_message()), problem.ctx) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click's own ways out
        except Exception as problem:  # noqa: BLE001
            sys.exit(_unexpected(problem))


def _unexpected(problem: Exception) -> int:
    """Say what no one raised on purpose, and return the exit code: no room is the machine's fault, the rest is ours."""
    if isinstance(problem, MemoryError):
        say_line(f"onnxplain: there is not enough memory ({problem})", err=True)
        return BadInputError.exit_code
    if isinstance(problem, OSError) and problem.errno in FULL:
        with suppress(OSError):  # stderr may be what is full
            say_line(f"onnxplain: it cannot be written: {problem.strerror}", err=True)
        return BadInputError.exit_code
    say(traceback.format_exc(), err=True)
    return INTERNAL


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="onnxplain")
def main() -> None:
    """Explain any classifier that exists as an ONNX file."""
