"""How much a command says on stderr: `-v` and `-q`, which every command takes.

Data goes to stdout whatever is asked for. Errors and failed gates always reach stderr.
"""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from onnxplain.cli.terminal import say_line
from onnxplain.errors import OnnxplainWarning
from onnxplain.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onnxplain.record import InputRecord

FORMAT = "%(levelname)s %(name)s: %(message)s"
"""One log line, such as `INFO onnxplain.cli.options: loaded model.onnx`."""

_QUIET = "onnxplain.quiet"
"""Where the context of a command keeps the value of `--quiet`."""
_TOLD = "onnxplain.told"
"""Where it keeps what was said of the inputs already."""


class Command(click.Command):
    """A command with `-v` and `-q`. While it runs, the log of the package goes to stderr."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [
            click.Option(["-v", "--verbose"], count=True, help="Log progress to stderr; -vv logs every detail."),
            click.Option(["-q", "--quiet"], is_flag=True, help="Write nothing to stderr but errors."),
        ]

    def invoke(self, ctx: click.Context) -> Any:
        verbose, quiet = ctx.params.pop("verbose"), ctx.params.pop("quiet")
        if verbose and quiet:
            raise click.UsageError("-v and -q exclude each other; give one of them", ctx)
        ctx.meta[_QUIET] = quiet
        with log_to_stderr(_level(verbose, quiet=quiet)), _warnings_as_notes():
            return super().invoke(ctx)


def _level(verbose: int, *, quiet: bool) -> int:
    """The least severe messages that are shown: warnings, unless `-v` asks for more or `-q` for less."""
    if quiet:
        return logging.ERROR
    return (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]


class _Printable(logging.Formatter):
    """Log lines whose names no terminal obeys; the lines of a traceback stay lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return "\n".join(map(printable, super().formatException(ei).split("\n")))


@contextmanager
def log_to_stderr(level: int) -> Iterator[None]:
    """Write the package's log messages of this level and above to stderr, and leave its logger as it was."""
    logger, handler = logging.getLogger("onnxplain"), logging.StreamHandler()
    handler.setFormatter(_Printable(FORMAT))
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


@contextmanager
def _warnings_as_notes() -> Iterator[None]:
    """Say in one line on stderr what the package warns of, without the line of code that Python would add."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", OnnxplainWarning)
        plain = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if category is UserWarning or issubclass(category, OnnxplainWarning):
                note(f"onnxplain: warning: {message}")
            else:
                plain(message, category, *where, **more)

        warnings.showwarning = show
        yield


def is_quiet() -> bool:
    """Whether the command that runs was given `-q`."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(_QUIET))


def note(text: str) -> None:
    """Write a remark of one line to stderr, unless the command was given `-q`."""
    if not is_quiet():
        say_line(text, err=True)


def note_input(about: InputRecord) -> None:
    """Write what was done to an input to stderr: the preprocessing, and all notes; no line twice in one command."""
    from onnxplain.inputs.preprocess import Preprocess

    lines = list(about["notes"])
    if about["preprocess"] is not None:
        lines.insert(0, f"preprocessing: {Preprocess.from_dict(about['preprocess']).describe()}")
    note_once(lines)


def note_once(lines: Iterable[str]) -> None:
    """Write remarks to stderr, none twice in one command."""
    told = click.get_current_context().meta.setdefault(_TOLD, set())
    for line in lines:
        if line not in told:
            told.add(line)
            note(line)
