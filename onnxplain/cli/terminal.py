"""What reaches the terminal: text in which names can neither move the cursor nor colour anything nor forge a line."""

from __future__ import annotations

import click

from onnxplain.text import printable


def say(text: object, *, err: bool = False) -> None:
    """Write text to stdout, or to stderr, with its own line breaks and all other control characters escaped.

    Where a name is a part of a line, it has to be made printable before: a line break in it would stay.
    """
    click.echo("\n".join(map(printable, str(text).split("\n"))), err=err)


def say_line(text: object, *, err: bool = False) -> None:
    """Write one line, in which line breaks are escaped too."""
    click.echo(printable(str(text)), err=err)
