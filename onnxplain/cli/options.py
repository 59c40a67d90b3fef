"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.model import Model
    from onnxplain.run.target import Neuron

_MODEL_OPTIONS = (
    click.option(
        "--preprocess",
        metavar="NAME|FILE",
        help="imagenet, tf, raw, or a JSON file (HuggingFace and timm too).",
    ),
    click.option("--labels", type=click.Path(), help="Text file with one label a line."),
    click.option("--features", type=click.Path(), help="Text file with one column name a line, for tables."),
    click.option("--vocabulary", type=click.Path(), help="Words of token ids: a text file, or a tokenizer.json."),
    click.option("--engine", help="Engine of the walk: onnxruntime, cupy (on a GPU) or numpy."),
    click.option("--device", help="cpu or cuda; by default the GPU where there is one."),
    click.option("--precision", default="float32", show_default=True, help="float32, or float64 for the reference."),
    click.option("--input", "input_name", help="The input to explain, where several reach the scores."),
    click.option("--output", "output_name", help="The output to explain, where there are several."),
)


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
    """name=value pairs; a value is a number, true, false, a JSON list, or else text."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair}: expected name=value, such as gamma=0.5")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found


def read_target(text: str | None) -> int | str | Neuron | None:
    """A class index, a label, or tensor:channel[:max|:i,j] for a value inside the network."""
    from onnxplain.run.target import Neuron

    if text is None or text.lstrip("-").isdigit():
        return None if text is None else int(text)
    tensor, colon, rest = text.rpartition(":")
    if not colon or not (rest == "max" or rest.replace(",", "").isdigit()):
        return text
    name, colon, channel = tensor.rpartition(":")
    if not colon or not channel.isdigit():
        return Neuron(tensor, int(rest))
    return Neuron(name, int(channel), rest if rest == "max" else tuple(map(int, rest.split(","))))
