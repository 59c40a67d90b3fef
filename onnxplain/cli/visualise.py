"""The command `onnxplain visualise`: a picture that a class or a neuron responds to most."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from onnxplain.cli.options import labels_option, load_model, model_options, read_target
from onnxplain.cli.terminal import say, say_line
from onnxplain.cli.verbosity import Command
from onnxplain.strict_json import dumps


@click.command(cls=Command)
@click.argument("model", type=click.Path())
@click.option("-t", "--target", required=True, help="Class index or label, or tensor:channel[:max|:i,j].")
@click.option(
    "-o",
    "--out",
    default="visualised.png",
    show_default=True,
    type=click.Path(),
    help="The picture: .png, .pdf or .svg; or .npz alone, for an input that is no picture.",
)
@click.option("--steps", type=int, default=128, show_default=True, help="How many steps to climb.")
@click.option("--step-size", type=float, default=0.02, show_default=True, help="Mean step, in parts of the range.")
@click.option("--tv", type=float, default=0.0, show_default=True, help="Weight of the total variation.")
@click.option("--jitter", type=int, help="Largest random shift in pixels; default: 8 at 224 pixels, in proportion.")
@click.option("--random-seed", type=int, default=0, show_default=True, help="Of the first noise and of the shifts.")
@click.option("--size", type=int, help="Pixels of the picture's longer side; default: its own, 320 to 1280.")
@click.option("--font", type=click.Path(), help="A font file for all text.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
@model_options
@labels_option
def visualise(model: str, target: str, out: str, as_json: bool, **options: Any) -> None:
    """Find an input of MODEL for which the score of a class, or the value of a neuron, is high, by gradient ascent.

    Beside the picture lie the numbers, .npz, and the record, .json. The same random seed gives the same picture.
    """
    from onnxplain.errors import UsageError
    from onnxplain.show.atomic import check_file
    from onnxplain.show.style import Style
    from onnxplain.visualisation import ENDINGS, check_picture
    from onnxplain.visualisation import visualise as found_for

    ending = Path(out).suffix.lower()
    if ending not in ENDINGS[:-1]:
        raise UsageError(f"{out}: cannot save as {ending or 'a file without an ending'}; use {', '.join(ENDINGS[:-1])}")
    paths = [Path(out), *(Path(out).with_suffix(each) for each in ENDINGS[-2:] if each != ending)]
    for each in paths:
        check_file(each, model)
    style = {name: options.pop(name) for name in ("size", "font")}
    asked = {name: options.pop(name) for name in ("steps", "step_size", "tv", "jitter", "random_seed")}
    loaded = load_model(model, options)
    if ending != ".npz":
        Style(**style)
        check_picture(loaded)
    elif any(value is not None for value in style.values()):
        raise UsageError("--size, --font: how a picture is drawn, and an .npz file holds none")
    found = found_for(loaded, read_target(target), **asked)
    for each in paths:
        found.save(each, **(style if each is paths[0] else {}))
    if as_json:
        say(dumps({**found.record, "files": [str(each) for each in paths]}))
    else:
        say_line(f"{found.label}: score {found.scores[0]:.6g}, raised to {found.scores[-1]:.6g} -> {out}")
