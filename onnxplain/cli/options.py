"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.model import Model
    from onnxplain.run.target import Neuron

_NUMBER = "[0-9]{1,18}"
_MODEL_OPTIONS = (
    click.option(
        "--preprocess",
        metavar="NAME|FILE",
        help="imagenet, tf, raw, or a JSON file (HuggingFace and timm too).",
    ),
    click.option("--labels", type=click.Path(), help="Text file with one label a line."),
    click.option("--features", type=click.Path(), help="Text file with one column name a line, for tables."),
    click.option("--vocabulary", type=click.Path(), help="Words of token ids: a text file, or a tokenizer.json."),
    click.option("--engine", help="Engine of the walk: onnxruntime or numpy, on a GPU cupy or cudnn."),
    click.option("--device", help="cpu or cuda; by default the GPU where there is one."),
    click.option("--precision", default="float32", show_default=True, help="float32, or float64 for the reference."),
    click.option("--input", "input_name", help="The input to explain, where several reach the scores."),
    click.option("--output", "output_name", help="The output to explain, where there are several."),
)

WORDS = ("self", "path")
"""Words of the calls that parameters are given to, which the command line has no option for."""


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `load`."""
    for option in reversed(_MODEL_OPTIONS):
        command = option(command)
    return command


def load_model(path: str, options: dict[str, Any]) -> Model:
    """`load` with the options of the command line; those it uses are taken out of `options`."""
    from onnxplain.api import load

    return load(
        path,
        preprocess=options.pop("preprocess"),
        labels=options.pop("labels"),
        features=options.pop("features"),
        vocabulary=options.pop("vocabulary"),
        engine=options.pop("engine"),
        device=options.pop("device"),
        precision=options.pop("precision"),
        input=options.pop("input_name"),
        output=options.pop("output_name"),
    )


def parameters(pairs: tuple[str, ...]) -> dict[str, Any]:
    """name=value pairs; a value is a number, true, false, a JSON list, or else text.

    Raises UsageError for a name that the command has an option or an argument for.
    """
    params = click.get_current_context().command.params
    own = {flag.lstrip("-").replace("-", "_"): flag for each in params for flag in each.opts if len(flag) > 2}
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair}: expected name=value, such as gamma=0.5")
        if name in own:
            raise UsageError(f"--set {pair}: {name!r} is no parameter; the command itself takes it, as {own[name]}")
        if name in WORDS:
            raise UsageError(f"--set {pair}: nothing has a parameter {name!r}")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found


def file_of(source: str) -> str:
    """The file of an input, without the name of an array in an .npz."""
    return re.sub(r"(\.npz):[^/]*$", r"\1", source)


def read_target(text: str | None) -> int | str | Neuron | None:
    """A class index, tensor:channel[:max|:i,j] for a value inside the network, or else a label."""
    from onnxplain.run.target import Neuron

    if text is None or re.fullmatch(rf"-?{_NUMBER}", text):
        return None if text is None else int(text)
    inner = re.fullmatch(rf"(.+?):({_NUMBER})(?::(max|{_NUMBER}(?:,{_NUMBER})*))?", text)
    if inner is None:
        return text
    tensor, channel, position = inner.groups()
    if position is None or position == "max":
        return Neuron(tensor, int(channel), position)
    return Neuron(tensor, int(channel), tuple(map(int, position.split(","))))
