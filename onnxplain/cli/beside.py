"""Inputs beside the explained one, on the command line: `--input NAME=FILE` gives one of them its array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from onnxplain.errors import BadInputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.model import Model

_BESIDE = "onnxplain.beside"
"""Where the context of a command keeps the files of other inputs by name."""

TAKEN = ("explain", "predict")
"""The commands that take other inputs."""


def read_inputs(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001
    values: Sequence[str],
) -> str | list[str] | None:
    """Return the name of the input to explain, or of several, and keep the files of others for `with_others`."""
    files = dict(value.split("=", 1) for value in values if "=" in value)
    names = [value for value in values if "=" not in value]
    if files and ctx.command.name not in TAKEN:
        raise click.BadParameter(f"{next(iter(files))}=FILE: only {' and '.join(TAKEN)} take other inputs.")
    if len(files) + len(names) < len(values):
        raise click.BadParameter("several files for one input; expected one NAME=FILE for each.")
    ctx.meta[_BESIDE] = files
    return names if len(names) > 1 else names[0] if names else None


def with_others(model: Model, sources: Sequence[Any]) -> list[Any]:
    """Return the inputs to explain, each with the other inputs where the command was given such.

    Of an input that is explained too, it is the path, which is read as that of the first one is, and else the array.
    Raises BadInputError for a file of such another input that holds no array, UsageError for one of the first input.
    """
    from onnxplain.inputs.stored import stored

    files = click.get_current_context().meta.get(_BESIDE, {})
    if not files:
        return list(sources)
    first = model.explained_input.name
    if first in files:
        raise UsageError(f"--input {first}={files[first]}: INPUTS are what {first!r} takes; leave out one of them")
    arrays: dict[str, Any] = {name: file if name in model.together else stored(file)[0] for name, file in files.items()}
    for name, array in arrays.items():
        if array is None:
            raise BadInputError(f"--input {name}={files[name]}: expected an array, in an .npy or .npz")
    return [{first: source, **arrays} for source in sources]
