"""What reaches the terminal: text in which names can neither move the cursor nor colour anything nor forge a line."""

from __future__ import annotations

import sys

import click

from onnxplain.text import printable


def say(text: object, *, err: bool = False) -> None:
    """Write text to stdout, or to stderr, with its own line breaks and all other control characters escaped.

    Where a name is a part of a line, it has to be made printable before: a line break in it would stay.
    """
    _echo("\n".join(map(printable, str(text).split("\n"))), err=err)


def say_line(text: object, *, err: bool = False) -> None:
    """Write one line, in which line breaks are escaped too."""
    _echo(printable(str(text)), err=err)


def _echo(text: str, *, err: bool) -> None:
    """Write text; progress bars step aside for it, so that neither is written over the other."""
    if "tqdm" not in sys.modules:  # then there is no bar
        click.echo(text, err=err)
        return
    from tqdm import tqdm

    with tqdm.external_write_mode(file=sys.stderr if err else sys.stdout):
        click.echo(text, err=err)
